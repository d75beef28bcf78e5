//! Services whose deployments CodeDeploy performs.

use lamplighter::model::{CodeDeployGroup, CodeDeployment, DeploymentController, Service};
use lamplighter::policy::DeployPolicy;

/// Returns the deployment group for a release: from the tag, else from the last deployment.
pub fn find_deployment_group(
    policy: &DeployPolicy,
    service: &Service,
    last: Option<&CodeDeployment>,
) -> Option<CodeDeployGroup> {
    if service.deployment_controller != DeploymentController::CodeDeploy {
        return None;
    }
    let named = policy.group.clone();
    let (application, group) =
        named.or_else(|| last.map(|last| (last.application.clone(), last.group.clone())))?;
    let (container, port) = service.reached.clone()?;
    Some(CodeDeployGroup {
        application,
        group,
        container,
        port,
    })
}

/// Describes an unfinished deployment, because CodeDeploy allows one at a time.
pub fn describe_active_deployment(
    service: &Service,
    last: Option<&CodeDeployment>,
) -> Option<String> {
    if service.deployment_controller != DeploymentController::CodeDeploy {
        return None;
    }
    match last {
        // A failed deployment may keep its tasks for a while.
        Some(last) => {
            (!last.is_finished()).then(|| format!("deployment {} is {}", last.id, last.status))
        }
        None => (service.task_sets > 1).then(|| "another deployment is in progress".to_owned()),
    }
}
