//! What a service can go back to.

use crate::AwsError;
use crate::model::{Digest, ImageRef};
use crate::ports::cloud::Cloud;
use crate::state::{Memory, Verified};

/// The newest good revision with another image, if ECS and ECR still have it.
///
/// # Errors
/// [`AwsError`] where AWS can't be asked.
pub async fn find<C: Cloud>(
    memory: &Memory,
    leaving: &Digest,
    cloud: &C,
) -> Result<Option<Verified>, AwsError> {
    let others = memory
        .verified
        .iter()
        .rev()
        .filter(|verified| verified.digest != *leaving);
    for verified in others {
        if !cloud.is_active(&verified.revision).await? {
            continue;
        }
        let definition = cloud.task_definition(&verified.revision).await?;
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
