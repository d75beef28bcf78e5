//! The revision that a service can be rolled back to.

use serde::Serialize;

use crate::AwsError;
use crate::model::{Digest, ImageRef, ImageSelector};
use crate::ports::{Images, Services};
use crate::state::{TargetState, Verified};

/// A revision to roll back to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RollbackTarget {
    /// The version for messages: the tag of its image, or its digest.
    pub version: String,
    /// The ARN of the revision.
    pub revision: String,
    /// The released digest that it runs; `None` if Lamplighter did not release it.
    pub digest: Option<Digest>,
}

/// Finds the revision to roll back to from a release. The first of these that ECS still has as ACTIVE, and whose ECR
/// image still exists:
///
/// 1. the verified revision of the same image, if only a template's settings were new;
/// 2. the revision that ran before, with its settings, if its image is verified;
/// 3. the newest verified revision with another image;
/// 4. the revision that ran stably before the first release.
///
/// # Errors
/// [`AwsError`] if AWS can't be read.
pub async fn find_rollback_target<C: Services + Images>(
    state: &TargetState,
    leaving: &Digest,
    cloud: &C,
) -> Result<Option<RollbackTarget>, AwsError> {
    let others: Vec<&Verified> = state
        .releases
        .verified
        .iter()
        .rev()
        .filter(|verified| verified.digest != *leaving)
        .collect();
    let active = state.releases.active_rollout.as_ref();
    let is_repeat = active
        .is_some_and(|active| active.digest == *leaving && state.releases.repeats_verified(active));
    let own: Vec<&Verified> = state
        .releases
        .verified
        .iter()
        .filter(|verified| is_repeat && verified.digest == *leaving)
        .collect();
    if own.is_empty()
        && let Some(base) = find_base(state, leaving)
        && let Some(verified) = find_verified_image(base, &others, cloud).await?
    {
        return Ok(Some(RollbackTarget {
            version: verified.tag.clone(),
            revision: base.to_owned(),
            digest: Some(verified.digest.clone()),
        }));
    }
    for verified in own.into_iter().chain(others) {
        let found = find_verified_image(&verified.revision, &[verified], cloud).await?;
        if found.is_some() {
            return Ok(Some(RollbackTarget {
                version: verified.tag.clone(),
                revision: verified.revision.clone(),
                digest: Some(verified.digest.clone()),
            }));
        }
    }
    find_adopted(state, cloud).await
}

/// Finds the revision that a person named to roll back to, by tag, digest or revision (`web:12`).
///
/// # Errors
/// [`AwsError`] if AWS can't be read. The inner error says why the service can't be rolled back to it.
pub async fn find_named_target<C: Services + Images>(
    state: &TargetState,
    name: &str,
    leaving: &Digest,
    cloud: &C,
) -> Result<Result<RollbackTarget, String>, AwsError> {
    let selector = ImageSelector::new(name);
    let verified = &state.releases.verified;
    let named = verified.iter().rev().find(|verified| {
        selector.matches(&verified.tag, &verified.digest)
            || verified.revision == name
            || verified.revision.rsplit('/').next() == Some(name)
    });
    let Some(named) = named else {
        let tags: Vec<&str> = verified
            .iter()
            .rev()
            .filter(|verified| verified.digest != *leaving)
            .map(|verified| verified.tag.as_str())
            .collect();
        let known = if tags.is_empty() {
            "none is".to_owned()
        } else {
            format!("these are: {}", tags.join(", "))
        };
        return Ok(Err(format!("{name} is no verified release; {known}")));
    };
    if named.digest == *leaving {
        return Ok(Err(format!("the service runs {name}")));
    }
    let found = find_verified_image(&named.revision, &[named], cloud).await?;
    Ok(match found {
        Some(_) => Ok(RollbackTarget {
            version: named.tag.clone(),
            revision: named.revision.clone(),
            digest: Some(named.digest.clone()),
        }),
        None => Err(format!("the revision or the image of {name} was deleted")),
    })
}

/// Returns the revision that ran before a release, if it is known.
fn find_base<'a>(state: &'a TargetState, leaving: &Digest) -> Option<&'a str> {
    let releases = &state.releases;
    let active = releases
        .active_rollout
        .as_ref()
        .filter(|active| active.digest == *leaving)
        .map(|active| active.base.as_str());
    let verified = releases
        .verified
        .iter()
        .find(|verified| verified.digest == *leaving)
        .map(|verified| verified.base.as_str());
    active.or(verified).filter(|base| !base.is_empty())
}

/// Returns the verified image that a revision runs, if both still exist.
async fn find_verified_image<'a, C: Services + Images>(
    revision: &str,
    verified: &[&'a Verified],
    cloud: &C,
) -> Result<Option<&'a Verified>, AwsError> {
    if verified.is_empty() || !cloud.is_revision_active(revision).await? {
        return Ok(None);
    }
    let definition = cloud.describe_task_definition(revision).await?;
    for container in definition.containers() {
        let image = ImageRef::parse(container.image);
        let found = verified
            .iter()
            .find(|verified| image.digest.as_ref() == Some(&verified.digest));
        let Some(found) = found else { continue };
        let exists =
            !image.repository.is_ecr() || cloud.has_image(&image.repository, &found.digest).await?;
        return Ok(exists.then_some(*found));
    }
    Ok(None)
}

/// Returns the revision that ran stably before the first release, if ECS still has it.
async fn find_adopted<C: Services + Images>(
    state: &TargetState,
    cloud: &C,
) -> Result<Option<RollbackTarget>, AwsError> {
    let Some(adopted) = &state.releases.adopted else {
        return Ok(None);
    };
    let is_active = cloud.is_revision_active(&adopted.revision).await?
        && has_pinned_images(&adopted.revision, cloud).await?;
    Ok(is_active.then(|| RollbackTarget {
        version: adopted.version.clone(),
        revision: adopted.revision.clone(),
        digest: None,
    }))
}

/// Reports whether ECR still has the images that a revision names by digest.
async fn has_pinned_images<C: Services + Images>(
    revision: &str,
    cloud: &C,
) -> Result<bool, AwsError> {
    let definition = cloud.describe_task_definition(revision).await?;
    for container in definition.containers() {
        let image = ImageRef::parse(container.image);
        let Some(digest) = image.digest.filter(|_| image.repository.is_ecr()) else {
            continue;
        };
        if !cloud.has_image(&image.repository, &digest).await? {
            return Ok(false);
        }
    }
    Ok(true)
}
