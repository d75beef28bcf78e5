//! The progress of a release that CodeDeploy deploys.

use jiff::Timestamp;
use lamplighter::AwsError;
use lamplighter::model::{CodeDeployGroup, CodeDeployment, DeploymentController, Service};
use lamplighter::state::ActiveRollout;

use crate::reads::Reads;
use crate::stage::{CONSISTENCY_DELAY, RolloutStage};

/// Returns the deployment of the active rollout, or the newest one that ECS names if its identifier
/// was lost.
pub async fn find_deployment<C: Reads>(
    service: &Service,
    active: &ActiveRollout,
    cloud: &C,
) -> Result<Option<CodeDeployment>, AwsError> {
    if service.deployment_controller != DeploymentController::CodeDeploy {
        return Ok(None);
    }
    match active
        .deployment
        .as_ref()
        .or(service.code_deployments.last())
    {
        Some(id) => cloud.describe_code_deployment(id).await,
        None => Ok(None),
    }
}

/// Returns the progress of a CodeDeploy rollout. `deadline` is in seconds; the deployment's planned
/// traffic time is added to it.
pub fn derive_stage(
    deployment: &CodeDeployment,
    active: &ActiveRollout,
    runs_it: bool,
    deadline: Option<u64>,
    now: Timestamp,
) -> RolloutStage {
    let age = now.duration_since(active.at);
    let Some(deadline) = deadline else {
        return RolloutStage::Superseded;
    };
    let is_late = u64::try_from(age.as_secs())
        .is_ok_and(|age| age >= deadline + deployment.traffic_shift_seconds());
    match deployment.status.as_str() {
        "Succeeded" if runs_it => RolloutStage::Live,
        // It deployed something other than the active rollout, or something newer has replaced it.
        "Succeeded" if age < CONSISTENCY_DELAY => RolloutStage::InProgress,
        "Succeeded" => RolloutStage::Superseded,
        // If CodeDeploy rolls back, it does so by a deployment of its own.
        "Failed" | "Stopped" if runs_it && age < CONSISTENCY_DELAY => RolloutStage::InProgress,
        "Failed" | "Stopped" if runs_it => RolloutStage::Failed,
        "Failed" | "Stopped" => RolloutStage::RolledBack,
        // It waits until someone reroutes traffic, or it keeps the old tasks for a while.
        "Ready" => RolloutStage::InProgress,
        _ if is_late && !runs_it => RolloutStage::TimedOut,
        _ => RolloutStage::InProgress,
    }
}

/// Returns the deployment group for a rollback.
pub fn deployment_group(deployment: &CodeDeployment, service: &Service) -> Option<CodeDeployGroup> {
    let (container, port) = service.reached.clone()?;
    Some(CodeDeployGroup {
        application: deployment.application.clone(),
        group: deployment.group.clone(),
        container,
        port,
    })
}
