//! How far a release has come that goes through CodeDeploy.

use jiff::Timestamp;
use lamplighter::AwsError;
use lamplighter::model::{CodeDeployment, CodeGroup, DeploymentController, Service};
use lamplighter::ports::cloud::Cloud;
use lamplighter::state::Following;

use crate::decide::{SETTLING, Stage};

/// The deployment that is followed; where its answer was lost, the newest that ECS names.
pub async fn deployment<C: Cloud>(
    service: &Service,
    following: &Following,
    cloud: &C,
) -> Result<Option<CodeDeployment>, AwsError> {
    if service.deployment_controller != DeploymentController::CodeDeploy {
        return Ok(None);
    }
    match following
        .deployment
        .as_ref()
        .or(service.code_deployments.last())
    {
        Some(id) => cloud.code_deployment(id).await,
        None => Ok(None),
    }
}

/// Seconds over which it is late: its traffic takes a while by plan.
pub fn stage(
    deployment: &CodeDeployment,
    following: &Following,
    runs_it: bool,
    deadline: Option<u64>,
    now: Timestamp,
) -> Stage {
    let age = now.duration_since(following.at);
    let Some(deadline) = deadline else {
        return Stage::Superseded;
    };
    let is_late =
        u64::try_from(age.as_secs()).is_ok_and(|age| age >= deadline + deployment.seconds());
    match deployment.status.as_str() {
        "Succeeded" if runs_it => Stage::Live,
        // What it deployed is not what is followed, or not any more.
        "Succeeded" if age < SETTLING => Stage::Moving,
        "Succeeded" => Stage::Superseded,
        // CodeDeploy takes it back by a deployment of its own, if it does.
        "Failed" | "Stopped" if runs_it && age < SETTLING => Stage::Moving,
        "Failed" | "Stopped" if runs_it => Stage::GivenUp,
        "Failed" | "Stopped" => Stage::Back,
        // A person lets the traffic go on, or the old tasks are kept for a while.
        "Ready" => Stage::Moving,
        _ if is_late && !runs_it => Stage::Stuck,
        _ => Stage::Moving,
    }
}

/// Where a way back goes through.
pub fn group(deployment: &CodeDeployment, service: &Service) -> Option<CodeGroup> {
    let (container, port) = service.reached.clone()?;
    Some(CodeGroup {
        application: deployment.application.clone(),
        group: deployment.group.clone(),
        container,
        port,
    })
}
