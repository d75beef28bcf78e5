//! Container instances on EC2, and their Auto Scaling groups.

use aws_sdk_autoscaling::Client as AutoScaling;
use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::{ContainerInstanceField, ContainerInstanceStatus};

use crate::error::aws_error;
use lamplighter::AwsError;
use lamplighter::model::{Arn, ContainerInstance};
use lamplighter::plan::DrainInstance;

/// Maximum number of instances per DescribeContainerInstances call.
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeContainerInstances.html>
const INSTANCES_PER_CALL: usize = 100;

/// Describes container instances of one cluster with their tags.
pub async fn describe_instances(
    client: &Client,
    arns: &[Arn],
) -> Result<Vec<ContainerInstance>, AwsError> {
    let Some((cluster, _)) = arns.first().and_then(Arn::container_instance) else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for chunk in arns.chunks(INSTANCES_PER_CALL) {
        let names: Vec<String> = chunk.iter().map(ToString::to_string).collect();
        let request = client
            .describe_container_instances()
            .cluster(cluster)
            .set_container_instances(Some(names));
        let answer = request.include(ContainerInstanceField::Tags).send().await;
        match answer.map_err(|e| aws_error("DescribeContainerInstances", cluster, &e)) {
            Ok(answer) => found.extend(
                answer
                    .container_instances
                    .unwrap_or_default()
                    .into_iter()
                    .filter_map(convert_instance),
            ),
            Err(error) if error.code == "ClusterNotFoundException" => break,
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

fn convert_instance(instance: aws_sdk_ecs::types::ContainerInstance) -> Option<ContainerInstance> {
    let tags = instance.tags.unwrap_or_default().into_iter();
    Some(ContainerInstance {
        arn: Arn::new(instance.container_instance_arn?),
        ec2: instance.ec2_instance_id.unwrap_or_default(),
        status: instance.status.unwrap_or_default(),
        agent_connected: instance.agent_connected,
        tags: tags
            .filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default())))
            .collect(),
    })
}

/// Returns the Auto Scaling group of an EC2 instance, or `None` if it has none.
pub async fn find_auto_scaling_group(
    client: &AutoScaling,
    ec2: &str,
) -> Result<Option<String>, AwsError> {
    let answer = client
        .describe_auto_scaling_instances()
        .instance_ids(ec2)
        .send()
        .await;
    let answer = answer.map_err(|e| aws_error("DescribeAutoScalingInstances", ec2, &e))?;
    let found = answer
        .auto_scaling_instances
        .unwrap_or_default()
        .into_iter()
        .next();
    Ok(found.and_then(|instance| instance.auto_scaling_group_name))
}

/// Lists the active instances whose ECS agent is disconnected, with a count for comparison.
///
/// The count is that of all active instances if more than one is disconnected; otherwise it is that
/// of the disconnected ones.
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/cluster-query-language.html>
pub async fn list_disconnected(
    client: &Client,
    cluster: &str,
) -> Result<(Vec<Arn>, usize), AwsError> {
    let disconnected = list_active(client, cluster, Some("agentConnected == false")).await?;
    let count = if disconnected.len() > 1 {
        list_active(client, cluster, None).await?.len()
    } else {
        disconnected.len()
    };
    Ok((disconnected, count))
}

async fn list_active(
    client: &Client,
    cluster: &str,
    filter: Option<&str>,
) -> Result<Vec<Arn>, AwsError> {
    let request = client
        .list_container_instances()
        .cluster(cluster)
        .set_filter(filter.map(str::to_owned));
    let mut pages = request
        .status(ContainerInstanceStatus::Active)
        .into_paginator()
        .send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        match page.map_err(|e| aws_error("ListContainerInstances", cluster, &e)) {
            Ok(page) => found.extend(
                page.container_instance_arns
                    .unwrap_or_default()
                    .into_iter()
                    .map(Arn::new),
            ),
            // The tagging API still lists the services of a deleted cluster for a while.
            Err(error) if error.code == "ClusterNotFoundException" => break,
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// Marks an instance unhealthy in its Auto Scaling group, then drains it.
///
/// The group comes first, because a draining instance is not reconciled again.
///
/// # Errors
/// [`AwsError`] if a call fails. If AWS rejects the call on the group, the instance is drained
/// anyway and that error is returned afterwards.
pub async fn drain_instance(
    client: &Client,
    groups: &AutoScaling,
    drain: &DrainInstance,
) -> Result<String, AwsError> {
    let mut rejection = None;
    if drain.has_group {
        match mark_unhealthy(groups, &drain.ec2).await {
            Err(error) if error.refused && !error.is_throttling() => rejection = Some(error),
            result => result?,
        }
    }
    set_draining(client, &drain.instance).await?;
    rejection.map_or_else(|| Ok("draining".to_owned()), Err)
}

/// Has the Auto Scaling group of an instance replace it. Source: SetInstanceHealth.
async fn mark_unhealthy(groups: &AutoScaling, ec2: &str) -> Result<(), AwsError> {
    let request = groups
        .set_instance_health()
        .instance_id(ec2)
        .health_status("Unhealthy")
        .should_respect_grace_period(false);
    let answer = request.send().await;
    answer
        .map(drop)
        .map_err(|e| aws_error("SetInstanceHealth", ec2, &e))
}

async fn set_draining(client: &Client, instance: &Arn) -> Result<(), AwsError> {
    let call = "UpdateContainerInstancesState";
    let (cluster, id) = instance.container_instance().unwrap_or_default();
    let request = client
        .update_container_instances_state()
        .cluster(cluster)
        .container_instances(id)
        .status(ContainerInstanceStatus::Draining);
    let answer = request.send().await.map_err(|e| aws_error(call, id, &e))?;
    // ECS reports a rejected instance in the body of a successful response.
    match answer.failures.unwrap_or_default().into_iter().next() {
        None => Ok(()),
        Some(failure) => Err(AwsError {
            call,
            target: id.to_owned(),
            code: failure.reason.unwrap_or_default(),
            message: failure.detail.unwrap_or_default(),
            refused: true,
        }),
    }
}
