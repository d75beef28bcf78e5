//! The revision that a service can be rolled back to.

use crate::AwsError;
use crate::model::{Digest, ImageRef};
use crate::ports::{Images, Services};
use crate::state::{TargetState, Verified};

/// Finds the newest verified revision with another image that ECS still has as ACTIVE. An ECR
/// image must still exist.
///
/// # Errors
/// [`AwsError`] if AWS can't be read.
pub async fn find_rollback_target<C: Services + Images>(
    state: &TargetState,
    leaving: &Digest,
    cloud: &C,
) -> Result<Option<Verified>, AwsError> {
    let candidates = state
        .releases
        .verified
        .iter()
        .rev()
        .filter(|verified| verified.digest != *leaving);
    for verified in candidates {
        if !cloud.is_revision_active(&verified.revision).await? {
            continue;
        }
        let definition = cloud.describe_task_definition(&verified.revision).await?;
        let images = definition
            .containers()
            .map(|container| ImageRef::parse(container.image));
        let own = images
            .filter(|image| image.digest.as_ref() == Some(&verified.digest))
            .map(|image| image.repository);
        let Some(repository) = own.into_iter().next() else {
            continue;
        };
        if !repository.is_ecr() || cloud.has_image(&repository, &verified.digest).await? {
            return Ok(Some(verified.clone()));
        }
    }
    Ok(None)
}
