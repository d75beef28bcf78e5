//! The ECS deployment that is in progress.

use lamplighter::AwsError;
use lamplighter::model::{Arn, ServiceDeployment};
use lamplighter::release::rollback::RollbackTarget;

use crate::reads::Reads;

/// Returns the deployment that waits for approval, and its pause hook.
pub async fn find_pause<C: Reads>(
    service: &Arn,
    cloud: &C,
) -> Result<Option<(String, String)>, AwsError> {
    let waiting = cloud
        .find_active_deployment(service)
        .await?
        .filter(ServiceDeployment::is_in_progress);
    Ok(waiting.and_then(|deployment| Some((deployment.arn, deployment.paused?))))
}

/// Returns the active deployment if ECS can revert it to the revision `target`.
pub async fn find_revertible_deployment<C: Reads>(
    service: &Arn,
    target: &RollbackTarget,
    cloud: &C,
) -> Result<Option<String>, AwsError> {
    let deployment = cloud
        .find_active_deployment(service)
        .await?
        .filter(ServiceDeployment::is_in_progress)
        .filter(|deployment| {
            deployment
                .from
                .as_ref()
                .is_some_and(|from| from.task_definition == target.revision)
        });
    Ok(deployment.map(|deployment| deployment.arn))
}
