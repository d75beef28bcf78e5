//! The image that a deployment brings.

use lamplighter::AwsError;
use lamplighter::engine::TargetContext;
use lamplighter::model::{Digest, ImageRef};

use crate::hook::HookedDeployment;
use crate::policy::Policy;
use crate::reads::Reads;

/// Returns tag and digest of the deployed image: that of the active rollout, else the first that
/// the old revision does not run. An image that the old revision runs too can't be the cause.
pub async fn find_image<C: Reads>(
    context: TargetContext<'_, Policy>,
    hooked: &HookedDeployment,
    cloud: &C,
) -> Result<Option<(String, Digest)>, AwsError> {
    let active = context.state.releases.active_rollout.as_ref();
    if hooked.execution.is_some() {
        // CodeDeploy does not report which image it deploys.
        let own = active.filter(|active| {
            active
                .deployment
                .as_ref()
                .is_none_or(|deployment| *deployment == hooked.deployment)
        });
        return Ok(own.map(|active| (active.tag.clone(), active.digest.clone())));
    }
    let mut new = list_pinned_images(&hooked.new.task_definition, cloud).await?;
    if let Some(old) = &hooked.old {
        let old = list_pinned_images(&old.task_definition, cloud).await?;
        new.retain(|(_, digest)| !old.iter().any(|(_, known)| known == digest));
    }
    let tracked = active.map(|active| &active.digest);
    let own = new.iter().position(|(_, digest)| Some(digest) == tracked);
    Ok(if new.is_empty() {
        None
    } else {
        Some(new.swap_remove(own.unwrap_or_default()))
    })
}

/// Returns tags and digests of the revision's images that are pinned by digest.
async fn list_pinned_images<C: Reads>(
    revision: &str,
    cloud: &C,
) -> Result<Vec<(String, Digest)>, AwsError> {
    if revision.is_empty() {
        return Ok(Vec::new());
    }
    let definition = cloud.describe_task_definition(revision).await?;
    let images = definition
        .containers()
        .map(|container| ImageRef::parse(container.image));
    Ok(images
        .filter_map(|image| Some((image.tag.unwrap_or_default(), image.digest?)))
        .collect())
}
