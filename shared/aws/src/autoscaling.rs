//! Application Auto Scaling: the minimum and maximum capacity of services.

use aws_sdk_applicationautoscaling::Client;
use aws_sdk_applicationautoscaling::types::{
    ScalableDimension, ScalableTarget as Registered, ServiceNamespace,
};

use super::error::aws_error;
use lamplighter::AwsError;
use lamplighter::model::{Arn, ScalableTarget};

/// Maximum number of resource identifiers per DescribeScalableTargets call.
/// Source: <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_DescribeScalableTargets.html>
const RESOURCES_PER_CALL: usize = 50;

/// Describes the scalable targets of services; services without one are left out.
pub async fn describe_scalable_targets(
    client: &Client,
    services: &[Arn],
) -> Result<Vec<ScalableTarget>, AwsError> {
    let mut targets = Vec::new();
    for chunk in services.chunks(RESOURCES_PER_CALL) {
        let mut pages = client
            .describe_scalable_targets()
            .service_namespace(ServiceNamespace::Ecs)
            .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
            .set_resource_ids(Some(chunk.iter().map(service_resource_id).collect()))
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page =
                page.map_err(|e| aws_error("DescribeScalableTargets", &join_names(chunk), &e))?;
            let found = page.scalable_targets.unwrap_or_default().into_iter();
            targets.extend(found.filter_map(|registered| {
                let service = chunk
                    .iter()
                    .find(|arn| service_resource_id(arn) == registered.resource_id)?;
                Some(convert_scalable_target(service.clone(), &registered))
            }));
        }
    }
    Ok(targets)
}

fn join_names(services: &[Arn]) -> String {
    services
        .iter()
        .map(Arn::display_name)
        .collect::<Vec<_>>()
        .join(", ")
}

/// Sets the minimum capacity of a service's scalable target.
///
/// Maximum capacity, role and suspensions stay unchanged. Source: RegisterScalableTarget.
pub async fn set_min_capacity(
    client: &Client,
    service: &Arn,
    min: u32,
) -> Result<String, AwsError> {
    let request = client
        .register_scalable_target()
        .service_namespace(ServiceNamespace::Ecs)
        .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
        .resource_id(service_resource_id(service))
        .min_capacity(i32::try_from(min).unwrap_or(i32::MAX));
    request
        .send()
        .await
        .map_err(|e| aws_error("RegisterScalableTarget", &service.display_name(), &e))?;
    Ok(format!("minimum {min}"))
}

/// Returns the resource identifier of a service, such as `service/shop/web`.
fn service_resource_id(service: &Arn) -> String {
    format!("service/{}", service.display_name())
}

fn convert_scalable_target(service: Arn, registered: &Registered) -> ScalableTarget {
    let suspended = registered.suspended_state.as_ref();
    ScalableTarget {
        service,
        min: registered.min_capacity.unsigned_abs(),
        max: registered.max_capacity.unsigned_abs(),
        scaling_in_suspended: suspended
            .and_then(|s| s.dynamic_scaling_in_suspended)
            .unwrap_or_default(),
        scaling_out_suspended: suspended
            .and_then(|s| s.dynamic_scaling_out_suspended)
            .unwrap_or_default(),
        scheduled_scaling_suspended: suspended
            .and_then(|s| s.scheduled_scaling_suspended)
            .unwrap_or_default(),
    }
}
