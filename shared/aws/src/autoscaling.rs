//! Application Auto Scaling: the bounds it keeps a service in.

use aws_sdk_applicationautoscaling::Client;
use aws_sdk_applicationautoscaling::types::{
    ScalableDimension, ScalableTarget as Registered, ServiceNamespace,
};

use super::failure::failure;
use lamplighter::AwsError;
use lamplighter::model::{Arn, ScalableTarget};

/// The most resources one call takes.
/// Source: <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_DescribeScalableTargets.html>
const RESOURCES_PER_CALL: usize = 50;

pub async fn scalable_targets(
    client: &Client,
    services: &[Arn],
) -> Result<Vec<ScalableTarget>, AwsError> {
    let mut targets = Vec::new();
    for chunk in services.chunks(RESOURCES_PER_CALL) {
        let mut pages = client
            .describe_scalable_targets()
            .service_namespace(ServiceNamespace::Ecs)
            .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
            .set_resource_ids(Some(chunk.iter().map(resource_id).collect()))
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let names = || chunk.iter().map(Arn::name).collect::<Vec<_>>().join(", ");
            let page = page.map_err(|e| failure("DescribeScalableTargets", &names(), &e))?;
            let found = page.scalable_targets.unwrap_or_default().into_iter();
            targets.extend(found.filter_map(|registered| {
                let service = chunk
                    .iter()
                    .find(|arn| resource_id(arn) == registered.resource_id)?;
                Some(target(service.clone(), &registered))
            }));
        }
    }
    Ok(targets)
}

/// Sets the minimum alone; maximum, role and suspensions stay as they are.
pub async fn set_minimum(client: &Client, service: &Arn, min: u32) -> Result<String, AwsError> {
    let request = client
        .register_scalable_target()
        .service_namespace(ServiceNamespace::Ecs)
        .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
        .resource_id(resource_id(service))
        .min_capacity(i32::try_from(min).unwrap_or(i32::MAX));
    request
        .send()
        .await
        .map_err(|e| failure("RegisterScalableTarget", &service.name(), &e))?;
    Ok(format!("minimum {min}"))
}

/// `service/shop/web`
fn resource_id(service: &Arn) -> String {
    format!("service/{}", service.name())
}

fn target(service: Arn, registered: &Registered) -> ScalableTarget {
    let suspended = registered.suspended_state.as_ref();
    let is = |flag: Option<bool>| flag.unwrap_or(false);
    ScalableTarget {
        service,
        min: registered.min_capacity.unsigned_abs(),
        max: registered.max_capacity.unsigned_abs(),
        scaling_in_suspended: is(suspended.and_then(|s| s.dynamic_scaling_in_suspended)),
        scaling_out_suspended: is(suspended.and_then(|s| s.dynamic_scaling_out_suspended)),
        scheduled_scaling_suspended: is(suspended.and_then(|s| s.scheduled_scaling_suspended)),
    }
}
