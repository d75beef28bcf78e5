//! Service deployments: which one is active, its rollback and its manual approval.

use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::{
    self as ecs, ServiceDeploymentStatus as Status, StopServiceDeploymentStopType,
};

use super::traffic_shift::PAUSE_HOOK;
use crate::error::aws_error;
use lamplighter::AwsError;
use lamplighter::model::{Arn, ServiceDeployment, ServiceRevision};
use lamplighter::plan::ContinueDeployment;

/// Returns the newest deployment of a service that has not finished.
///
/// Sources: ListServiceDeployments, DescribeServiceDeployments.
pub async fn find_active_deployment(
    client: &Client,
    service: &Arn,
) -> Result<Option<ServiceDeployment>, AwsError> {
    let (cluster, _) = service.ecs_cluster_and_name().unwrap_or_default();
    let states = [
        Status::Pending,
        Status::InProgress,
        Status::StopRequested,
        Status::RollbackRequested,
        Status::RollbackInProgress,
    ];
    let request = client
        .list_service_deployments()
        .cluster(cluster)
        .service(service.as_str());
    let listed = request.set_status(Some(states.to_vec())).send().await;
    let listed =
        listed.map_err(|e| aws_error("ListServiceDeployments", &service.display_name(), &e))?;
    let newest = listed
        .service_deployments
        .unwrap_or_default()
        .into_iter()
        .max_by_key(|brief| brief.created_at);
    match newest.and_then(|brief| brief.service_deployment_arn) {
        Some(arn) => describe_deployment(client, &arn).await,
        None => Ok(None),
    }
}

/// Describes a deployment with its revisions; `None` if ECS does not know it.
pub async fn describe_deployment(
    client: &Client,
    arn: &str,
) -> Result<Option<ServiceDeployment>, AwsError> {
    let described = client
        .describe_service_deployments()
        .service_deployment_arns(arn)
        .send()
        .await;
    let described = described.map_err(|e| aws_error("DescribeServiceDeployments", arn, &e))?;
    match described.service_deployments().first() {
        Some(deployment) => Ok(Some(convert_deployment(client, arn, deployment).await?)),
        None => Ok(None),
    }
}

/// Converts a deployment, with its revisions as AWS describes them. Source: DescribeServiceRevisions.
async fn convert_deployment(
    client: &Client,
    arn: &str,
    deployment: &ecs::ServiceDeployment,
) -> Result<ServiceDeployment, AwsError> {
    let from = single_source(deployment);
    let to = deployment.target_service_revision.as_ref();
    let arns = from
        .into_iter()
        .chain(to)
        .filter_map(|revision| revision.arn.clone())
        .collect();
    let revisions = describe_revisions(client, arns).await?;
    Ok(ServiceDeployment {
        arn: arn.to_owned(),
        status: deployment
            .status
            .as_ref()
            .map(|status| status.as_str().to_owned())
            .unwrap_or_default(),
        stage: deployment
            .lifecycle_stage
            .as_ref()
            .map(|stage| stage.as_str().to_owned())
            .unwrap_or_default(),
        paused: deployment
            .lifecycle_hook_details()
            .iter()
            .find_map(pending_pause_hook),
        from: from.and_then(|summary| revision_with_weight(&revisions, summary)),
        to: to
            .and_then(|summary| revision_with_weight(&revisions, summary))
            .unwrap_or_default(),
    })
}

/// Returns the revision that a deployment replaces; `None` if there is none or more than one.
fn single_source(deployment: &ecs::ServiceDeployment) -> Option<&ecs::ServiceRevisionSummary> {
    match deployment.source_service_revisions() {
        [source] => Some(source),
        _ => None,
    }
}

/// Returns the described revision of a summary, with the share of traffic that the summary has.
fn revision_with_weight(
    revisions: &[ServiceRevision],
    summary: &ecs::ServiceRevisionSummary,
) -> Option<ServiceRevision> {
    let described = revisions
        .iter()
        .find(|revision| Some(&revision.arn) == summary.arn.as_ref())?;
    Some(ServiceRevision {
        weight: summary.requested_production_traffic_weight,
        ..described.clone()
    })
}

async fn describe_revisions(
    client: &Client,
    arns: Vec<String>,
) -> Result<Vec<ServiceRevision>, AwsError> {
    let names = arns.join(", ");
    let described = client
        .describe_service_revisions()
        .set_service_revision_arns(Some(arns))
        .send()
        .await;
    let described = described.map_err(|e| aws_error("DescribeServiceRevisions", &names, &e))?;
    Ok(described
        .service_revisions
        .unwrap_or_default()
        .into_iter()
        .filter_map(convert_revision)
        .collect())
}

fn convert_revision(revision: ecs::ServiceRevision) -> Option<ServiceRevision> {
    let resolved = revision
        .resolved_configuration
        .and_then(|configuration| configuration.load_balancers);
    let mut target_groups: Vec<String> = resolved
        .unwrap_or_default()
        .into_iter()
        .filter_map(|balancer| balancer.target_group_arn)
        .collect();
    if target_groups.is_empty() {
        let configured = revision.load_balancers.unwrap_or_default().into_iter();
        target_groups = configured
            .filter_map(|balancer| balancer.target_group_arn)
            .collect();
    }
    Some(ServiceRevision {
        arn: revision.service_revision_arn?,
        task_definition: revision.task_definition.unwrap_or_default(),
        target_groups,
        weight: None,
    })
}

/// Has ECS roll a deployment back to the previous service revision.
///
/// Source: StopServiceDeployment with the stop type `ROLLBACK`.
pub async fn roll_back_deployment(client: &Client, arn: &str) -> Result<String, AwsError> {
    let request = client.stop_service_deployment().service_deployment_arn(arn);
    let answer = request
        .stop_type(StopServiceDeploymentStopType::Rollback)
        .send()
        .await;
    answer.map_err(|e| aws_error("StopServiceDeployment", arn, &e))?;
    Ok(format!(
        "ECS rolls back {}",
        arn.rsplit('/').next().unwrap_or_default()
    ))
}

/// Returns the identifier of a hook at which a deployment waits for manual approval.
fn pending_pause_hook(hook: &ecs::DeploymentLifecycleHookDetail) -> Option<String> {
    let is_pause = hook
        .target_type
        .as_ref()
        .is_some_and(|kind| kind.as_str() == PAUSE_HOOK);
    let is_pending = hook
        .status
        .as_ref()
        .is_some_and(|status| status.as_str() == "AWAITING_ACTION");
    hook.hook_id.clone().filter(|_| is_pause && is_pending)
}

/// Continues a deployment that is held for a manual approval.
pub async fn continue_deployment(
    client: &Client,
    resume: &ContinueDeployment,
) -> Result<String, AwsError> {
    let request = client
        .continue_service_deployment()
        .service_deployment_arn(&resume.deployment)
        .hook_id(&resume.hook);
    let answer = request
        .action(ecs::DeploymentLifecycleHookAction::Continue)
        .send()
        .await;
    answer.map_err(|e| aws_error("ContinueServiceDeployment", &resume.deployment, &e))?;
    Ok("continued".to_owned())
}
