//! Amazon ECS: service deployments.

use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::{self as ecs, ServiceDeploymentStatus as Status, StopServiceDeploymentStopType};

use super::failure::failure;
use super::tasks::time;
use crate::AwsError;
use crate::model::{Arn, ServiceDeployment, ServiceRevision};

/// The newest one of a service that is not over.
pub async fn newest(client: &Client, service: &Arn) -> Result<Option<ServiceDeployment>, AwsError> {
    let (cluster, _) = service.ecs_service().unwrap_or_default();
    let states = [
        Status::Pending,
        Status::InProgress,
        Status::StopRequested,
        Status::RollbackRequested,
        Status::RollbackInProgress,
    ];
    let request = client.list_service_deployments().cluster(cluster).service(service.as_str());
    let listed = request.set_status(Some(states.to_vec())).send().await;
    let listed = listed.map_err(|e| failure("ListServiceDeployments", &service.name(), &e))?;
    let newest = listed.service_deployments.unwrap_or_default().into_iter().max_by_key(|brief| brief.created_at);
    match newest.and_then(|brief| brief.service_deployment_arn) {
        Some(arn) => describe(client, &arn).await,
        None => Ok(None),
    }
}

pub async fn describe(client: &Client, arn: &str) -> Result<Option<ServiceDeployment>, AwsError> {
    let described = client.describe_service_deployments().service_deployment_arns(arn).send().await;
    let described = described.map_err(|e| failure("DescribeServiceDeployments", arn, &e))?;
    let Some(deployment) = described.service_deployments.unwrap_or_default().into_iter().next() else {
        return Ok(None);
    };
    let to = deployment.target_service_revision;
    let mut sources = deployment.source_service_revisions.unwrap_or_default().into_iter();
    let from = sources.next().filter(|_| sources.next().is_none());
    let arns = from.iter().chain(&to).filter_map(|revision| revision.arn.clone()).collect();
    let revisions = revisions(client, arns).await?;
    let find = |summary: ecs::ServiceRevisionSummary| {
        let found = revisions.iter().find(|revision| Some(&revision.arn) == summary.arn.as_ref())?;
        Some(ServiceRevision { weight: summary.requested_production_traffic_weight, ..found.clone() })
    };
    Ok(Some(ServiceDeployment {
        arn: arn.to_owned(),
        status: deployment.status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
        status_reason: deployment.status_reason.unwrap_or_default(),
        stage: deployment.lifecycle_stage.map(|stage| stage.as_str().to_owned()).unwrap_or_default(),
        started: deployment.started_at.or(deployment.created_at).and_then(time),
        from: from.and_then(find),
        to: to.and_then(find).unwrap_or_default(),
    }))
}

async fn revisions(client: &Client, arns: Vec<String>) -> Result<Vec<ServiceRevision>, AwsError> {
    let about = arns.join(", ");
    let described = client.describe_service_revisions().set_service_revision_arns(Some(arns)).send().await;
    let described = described.map_err(|e| failure("DescribeServiceRevisions", &about, &e))?;
    Ok(described.service_revisions.unwrap_or_default().into_iter().filter_map(revision).collect())
}

fn revision(revision: ecs::ServiceRevision) -> Option<ServiceRevision> {
    let resolved = revision.resolved_configuration.and_then(|configuration| configuration.load_balancers);
    let named =
        revision.load_balancers.unwrap_or_default().into_iter().filter_map(|balancer| balancer.target_group_arn);
    let mut target_groups: Vec<String> =
        resolved.unwrap_or_default().into_iter().filter_map(|balancer| balancer.target_group_arn).collect();
    if target_groups.is_empty() {
        target_groups = named.collect();
    }
    Some(ServiceRevision {
        arn: revision.service_revision_arn?,
        task_definition: revision.task_definition.unwrap_or_default(),
        target_groups,
        weight: None,
    })
}

/// Lets ECS take a deployment back to what ran before it.
pub async fn take_back(client: &Client, arn: &str) -> Result<String, AwsError> {
    let request = client.stop_service_deployment().service_deployment_arn(arn);
    let answer = request.stop_type(StopServiceDeploymentStopType::Rollback).send().await;
    answer.map_err(|e| failure("StopServiceDeployment", arn, &e))?;
    Ok(format!("ECS takes back {}", arn.rsplit('/').next().unwrap_or_default()))
}
