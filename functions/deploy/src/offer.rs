//! The image that the registry offers to one service.

use std::cmp::Ordering;

use lamplighter::AwsError;
use lamplighter::engine::TargetContext;
use lamplighter::event::detail::Detail;
use lamplighter::event::detail::ecr::ImageAction;
use lamplighter::model::ImageTag;
use lamplighter::policy;

use crate::container::SelectedContainer;
use crate::observed::Offer;
use crate::policy::Policy;
use crate::reads::Reads;

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
        (_, None) => match choose_tag(context, cloud.image_tags(repository).await?) {
            Some(chosen) => (chosen.tag, chosen.pushed_at),
            None => return Ok(Offer::NoTag),
        },
    };
    let image = cloud.find_image(repository, &tag).await?;
    Ok(image.map_or(Offer::NoTag, |image| Offer::Image { image, pushed_at }))
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

/// Returns the matching tag with the highest version, skipping quarantined digests unless approved.
/// Among equal versions, the last push wins.
fn choose_tag(context: TargetContext<'_, Policy>, tags: Vec<ImageTag>) -> Option<ImageTag> {
    let follows = &context.policy.deploy.follows;
    tags.into_iter()
        .filter(|candidate| follows.matches_tag(&candidate.tag) && is_open(context, candidate))
        .max_by(|a, b| {
            follows
                .compare_tags(&a.tag, &b.tag)
                .unwrap_or(Ordering::Equal)
                .then(a.pushed_at.cmp(&b.pushed_at))
                .then_with(|| a.tag.cmp(&b.tag))
        })
}

/// Reports whether the tag's digest is not quarantined, or approved by a person.
fn is_open(context: TargetContext<'_, Policy>, candidate: &ImageTag) -> bool {
    let approved = policy::find_approval(&context.target.tags);
    !context
        .state
        .releases
        .quarantined
        .contains_key(&candidate.digest)
        || approved == Some(candidate.digest.as_str())
}
