//! Services whose deployments go through CodeDeploy.

use lamplighter::model::{CodeDeployment, CodeGroup, DeploymentController, Service};
use lamplighter::notify::Message;
use lamplighter::policy::{self, DeployPolicy};

/// Where a release goes through: by the tag, or by the deployment that made what runs.
pub fn group(
    policy: &DeployPolicy,
    service: &Service,
    last: Option<&CodeDeployment>,
) -> Option<CodeGroup> {
    if service.deployment_controller != DeploymentController::CodeDeploy {
        return None;
    }
    let named = policy.group.clone();
    let (application, group) =
        named.or_else(|| last.map(|last| (last.application.clone(), last.group.clone())))?;
    let (container, port) = service.reached.clone()?;
    Some(CodeGroup {
        application,
        group,
        container,
        port,
    })
}

/// A deployment that is not over: there can be one at a time.
pub fn busy(service: &Service, last: Option<&CodeDeployment>) -> Option<String> {
    if service.deployment_controller != DeploymentController::CodeDeploy {
        return None;
    }
    match last {
        // One that failed may leave its tasks for a while.
        Some(last) => {
            (!last.is_over()).then(|| format!("deployment {} is {}", last.id, last.status))
        }
        None => (service.task_sets > 1).then(|| "another deployment is in progress".to_owned()),
    }
}

pub fn no_group(what: &str) -> Message {
    Message::warning(format!(
        "can't roll out {what}: which deployment group it is in is not known"
    ))
    .why("CodeDeploy deploys this service, and ECS does not say by which application and group.")
    .next(format!(
        "Name them in the tag {}: group=APPLICATION/GROUP.",
        policy::DEPLOY
    ))
    .once("no-deployment-group")
}
