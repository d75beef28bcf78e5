//! The image that the registry offers to one service.

use std::cmp::Ordering;

use lamplighter::AwsError;
use lamplighter::engine::TargetContext;
use lamplighter::event::detail::Detail;
use lamplighter::event::detail::ecr::ImageAction;
use lamplighter::model::{Digest, ImageTag};
use lamplighter::policy;

use crate::container::SelectedContainer;
use crate::observed::Offer;
use crate::policy::Policy;
use crate::reads::Reads;

/// The number of tags that a message lists.
const MAX_LISTED_TAGS: usize = 5;

/// Returns the offered image, or the reason why there is none.
pub async fn find_offer<C: Reads>(
    context: TargetContext<'_, Policy>,
    container: &SelectedContainer,
    cloud: &C,
) -> Result<Offer, AwsError> {
    match find_newest_image(context, container, cloud).await {
        Ok(offer) => Ok(offer),
        Err(error) if error.code == "RepositoryNotFoundException" => Ok(Offer::NoRepository),
        Err(error) => Err(error),
    }
}

/// Returns the image of the newest matching tag. A push names its tag, so the repository is not
/// listed if that tag is newer than the running one and all earlier rollout attempts.
async fn find_newest_image<C: Reads>(
    context: TargetContext<'_, Policy>,
    container: &SelectedContainer,
    cloud: &C,
) -> Result<Offer, AwsError> {
    let follows = &context.policy.deploy.follows;
    let repository = &container.repository;
    let (tag, pushed_at) = match (&context.event.detail, follows.as_fixed_tag()) {
        (Detail::ImageAction(push), Some(fixed)) if push.image_tag == fixed => {
            (fixed.to_owned(), context.event.time)
        }
        (_, Some(fixed)) => (fixed.to_owned(), None),
        (Detail::ImageAction(push), None) if is_newest(context, container, push) => {
            (push.image_tag.clone(), context.event.time)
        }
        (Detail::ImageAction(push), None) if is_older(context, container, push) => {
            return Ok(Offer::Older {
                tag: push.image_tag.clone(),
                digest: Digest::new(push.image_digest.clone()),
            });
        }
        (_, None) => {
            let tags = cloud.image_tags(repository).await?;
            let newest = list_newest(&tags);
            let has_match = tags.iter().any(|tag| follows.matches_tag(&tag.tag));
            match choose_tag(context, container, tags) {
                Some(chosen) => (chosen.tag, chosen.pushed_at),
                None if has_match => return Ok(Offer::Closed),
                None => return Ok(Offer::NoTag(newest)),
            }
        }
    };
    match cloud.find_image(repository, &tag).await? {
        Some(image) => Ok(Offer::Image { image, pushed_at }),
        None => Ok(Offer::NoTag(list_newest(
            &cloud.image_tags(repository).await?,
        ))),
    }
}

/// Lists the newest tags of a repository.
fn list_newest(tags: &[ImageTag]) -> Vec<String> {
    let mut newest: Vec<&ImageTag> = tags.iter().collect();
    newest.sort_by(|a, b| {
        b.pushed_at
            .cmp(&a.pushed_at)
            .then_with(|| a.tag.cmp(&b.tag))
    });
    newest
        .iter()
        .take(MAX_LISTED_TAGS)
        .map(|tag| tag.tag.clone())
        .collect()
}

/// Reports whether a pushed tag is newer than the running one and than all earlier attempts.
fn is_newest(
    context: TargetContext<'_, Policy>,
    container: &SelectedContainer,
    push: &ImageAction,
) -> bool {
    let follows = &context.policy.deploy.follows;
    let running = container.running_image().tag;
    let attempted = context
        .state
        .releases
        .attempts
        .iter()
        .filter_map(|attempt| attempt.tag.as_deref());
    push.repository_name == container.repository.name
        && running.is_some()
        && running
            .as_deref()
            .into_iter()
            .chain(attempted)
            .all(|tag| follows.compare_tags(&push.image_tag, tag) == Some(Ordering::Greater))
}

/// Reports whether a matching tag was pushed whose version is lower than the running one.
fn is_older(
    context: TargetContext<'_, Policy>,
    container: &SelectedContainer,
    push: &ImageAction,
) -> bool {
    let follows = &context.policy.deploy.follows;
    push.repository_name == container.repository.name
        && container.running_image().tag.is_some_and(|running| {
            follows.compare_tags(&push.image_tag, &running) == Some(Ordering::Less)
        })
}

/// Returns the matching tag with an open approval, else the one with the highest version among those that are open.
/// Among equal versions, the last push wins.
fn choose_tag(
    context: TargetContext<'_, Policy>,
    container: &SelectedContainer,
    mut tags: Vec<ImageTag>,
) -> Option<ImageTag> {
    let follows = &context.policy.deploy.follows;
    tags.retain(|candidate| follows.matches_tag(&candidate.tag));
    let approved = tags
        .iter()
        .find(|candidate| has_open_approval(context, candidate));
    if approved.is_some() {
        return approved.cloned();
    }
    tags.into_iter()
        .filter(|candidate| is_open(context, container, candidate))
        .max_by(|a, b| {
            follows
                .compare_tags(&a.tag, &b.tag)
                .unwrap_or(Ordering::Equal)
                .then(a.pushed_at.cmp(&b.pushed_at))
                .then_with(|| a.tag.cmp(&b.tag))
        })
}

/// Reports whether a person approved the tag's digest, and no rollout has used the approval.
fn has_open_approval(context: TargetContext<'_, Policy>, candidate: &ImageTag) -> bool {
    policy::find_approval(&context.target.tags) == Some(candidate.digest.as_str())
        && !context.state.is_approval_used(&candidate.digest)
}

/// Reports whether the tag's digest may be deployed without an approval: it is not quarantined, and it was pushed after
/// the last release that failed. The digest that runs, that should run or that is tried again stays open.
fn is_open(
    context: TargetContext<'_, Policy>,
    container: &SelectedContainer,
    candidate: &ImageTag,
) -> bool {
    let releases = &context.state.releases;
    let digest = &candidate.digest;
    if releases.quarantined.contains_key(digest) {
        return false;
    }
    let is_superseded = match (candidate.pushed_at, releases.candidates_after) {
        (Some(pushed_at), Some(after)) => pushed_at <= after,
        (None, _) | (_, None) => false,
    };
    !is_superseded
        || container.running_image().digest.as_ref() == Some(digest)
        || releases.current.as_ref() == Some(digest)
        || releases.not_blamed.contains_key(digest)
}
