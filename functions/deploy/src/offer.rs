//! The image that the registry offers to one service.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use lamplighter::AwsError;
use lamplighter::engine::TargetContext;
use lamplighter::event::detail::Detail;
use lamplighter::event::detail::ecr::ImageAction;
use lamplighter::model::{Digest, ImageTag};

use crate::approvals::{ApprovalKeys, ApprovalLookup, ApprovalProblem};
use crate::container::SelectedContainer;
use crate::newest::list_newest;
use crate::observed::Offer;
use crate::policy::Policy;
use crate::promotion::EarlierStage;
use crate::reads::Reads;

/// The offered image, and what became of the approvals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    pub offer: Offer,
    /// The digests of the approved images that were found now, by the key of the approval.
    pub approved: BTreeMap<String, Digest>,
    pub approvals: Option<ApprovalKeys>,
    pub problem: Option<ApprovalProblem>,
}

impl Lookup {
    /// Returns the lookup for an event that is not about images.
    pub fn not_applicable() -> Self {
        Self {
            offer: Offer::NotApplicable,
            approved: BTreeMap::new(),
            approvals: None,
            problem: None,
        }
    }
}

/// Returns the offered image, or the reason why there is none. An approved image comes first.
pub async fn find_offer<C: Reads>(
    context: TargetContext<'_, Policy>,
    container: &SelectedContainer,
    earlier_stage: Option<&EarlierStage>,
    cloud: &C,
) -> Result<Lookup, AwsError> {
    let mut lookup = Lookup {
        offer: Offer::NoRepository,
        ..Lookup::not_applicable()
    };
    match look_up(context, container, earlier_stage, cloud, &mut lookup).await {
        Ok(offer) => lookup.offer = offer,
        Err(error) if error.code == "RepositoryNotFoundException" => {}
        Err(error) => return Err(error),
    }
    Ok(lookup)
}

async fn look_up<C: Reads>(
    context: TargetContext<'_, Policy>,
    container: &SelectedContainer,
    earlier_stage: Option<&EarlierStage>,
    cloud: &C,
    lookup: &mut Lookup,
) -> Result<Offer, AwsError> {
    let mut approvals = ApprovalLookup::new(context, container, cloud);
    let chosen = approvals.choose().await?;
    lookup.approved = approvals.found;
    lookup.approvals = Some(approvals.keys);
    lookup.problem = approvals.problem;
    match chosen {
        Some(chosen) => offer_tag(container, &chosen.tag, chosen.pushed_at, cloud).await,
        None => find_newest_image(context, container, earlier_stage, approvals.tags, cloud).await,
    }
}

/// Returns the image of the newest matching tag. A push names its tag, so the repository is not
/// listed if that tag is newer than the running one and all earlier rollout attempts. `listed`: the tags of the
/// repository, if they were read before.
async fn find_newest_image<C: Reads>(
    context: TargetContext<'_, Policy>,
    container: &SelectedContainer,
    earlier_stage: Option<&EarlierStage>,
    listed: Option<Vec<ImageTag>>,
    cloud: &C,
) -> Result<Offer, AwsError> {
    let follows = &context.policy.deploy.follows;
    let (tag, pushed_at) = match (&context.event.detail, follows.as_fixed_tag()) {
        (Detail::ImageAction(push), Some(fixed)) if push.image_tag == fixed => {
            (fixed.to_owned(), context.event.time)
        }
        (_, Some(fixed)) if !context.state.requests.is_chosen => (fixed.to_owned(), None),
        (Detail::ImageAction(push), None)
            if earlier_stage.is_none() && is_newest(context, container, push) =>
        {
            (push.image_tag.clone(), context.event.time)
        }
        (Detail::ImageAction(push), None) if is_older(context, container, push) => {
            return Ok(Offer::Older {
                tag: push.image_tag.clone(),
                digest: Digest::new(push.image_digest.clone()),
            });
        }
        (_, _) => {
            let tags = match listed {
                Some(tags) => tags,
                None => cloud.image_tags(&container.repository).await?,
            };
            let newest = list_newest(&tags);
            let has_match = tags.iter().any(|tag| follows.matches_tag(&tag.tag));
            match choose_promoted_tag(context, container, earlier_stage, tags) {
                Some(chosen) => (chosen.tag, chosen.pushed_at),
                None if has_match => return Ok(Offer::Closed),
                None => return Ok(Offer::NoTag(newest)),
            }
        }
    };
    offer_tag(container, &tag, pushed_at, cloud).await
}

async fn offer_tag<C: Reads>(
    container: &SelectedContainer,
    tag: &str,
    pushed_at: Option<Timestamp>,
    cloud: &C,
) -> Result<Offer, AwsError> {
    let repository = &container.repository;
    match cloud.find_image(repository, tag).await? {
        Some(image) => Ok(Offer::Image { image, pushed_at }),
        None => Ok(Offer::NoTag(list_newest(
            &cloud.image_tags(repository).await?,
        ))),
    }
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

/// Returns the best tag among those that are verified in the service that comes before. If that runs already, or there is
/// none, returns the best of all, which is then held.
fn choose_promoted_tag(
    context: TargetContext<'_, Policy>,
    container: &SelectedContainer,
    earlier_stage: Option<&EarlierStage>,
    tags: Vec<ImageTag>,
) -> Option<ImageTag> {
    let promoted = earlier_stage.and_then(|stage| {
        let mut verified = tags.clone();
        let runs = container.running_image().tag;
        // What runs, or should run, was promoted before.
        verified.retain(|listed| {
            stage.verified.contains(&listed.digest)
                || context.state.releases.current.as_ref() == Some(&listed.digest)
                || runs.as_ref() == Some(&listed.tag)
        });
        choose_tag(context, container, verified)
    });
    promoted
        .filter(|tag| !container.runs_everywhere(&tag.digest))
        .or_else(|| choose_tag(context, container, tags))
}

/// Returns the matching tag with the highest version among those that are open. Among equal versions, the last push
/// wins.
fn choose_tag(
    context: TargetContext<'_, Policy>,
    container: &SelectedContainer,
    mut tags: Vec<ImageTag>,
) -> Option<ImageTag> {
    let follows = &context.policy.deploy.follows;
    let chosen = chosen_digest(context);
    if follows.follows_push_time() {
        drop_older_pushes(context, container, &mut tags);
    }
    let not_blamed = &context.state.releases.not_blamed;
    let tracked: BTreeSet<Digest> = tags
        .iter()
        .filter(|listed| follows.matches_tag(&listed.tag))
        .map(|listed| listed.digest.clone())
        .collect();
    tags.retain(|candidate| {
        let digest = &candidate.digest;
        let is_expected = chosen == Some(digest) || not_blamed.contains_key(digest);
        follows.matches_tag(&candidate.tag) || (is_expected && !tracked.contains(digest))
    });
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

/// Drops the tags that were pushed before the last rollout, if the image that runs was deleted: they are older than that.
/// What should run, or is tried again, stays.
fn drop_older_pushes(
    context: TargetContext<'_, Policy>,
    container: &SelectedContainer,
    tags: &mut Vec<ImageTag>,
) {
    let releases = &context.state.releases;
    let (Some(runs), Some(last)) = (
        container.running_image().digest,
        context.state.last_rollout(),
    ) else {
        return;
    };
    if tags.iter().any(|listed| listed.digest == runs) {
        return;
    }
    tags.retain(|listed| {
        listed.pushed_at.is_none_or(|at| at > last.at)
            || releases.current.as_ref() == Some(&listed.digest)
            || releases.not_blamed.contains_key(&listed.digest)
    });
}

/// Returns the digest that should run because a person chose it. Its tag need not be tracked, and only an image that is
/// pushed later replaces it.
fn chosen_digest(context: TargetContext<'_, Policy>) -> Option<&Digest> {
    let state = context.state;
    let current = state.releases.current.as_ref();
    current.filter(|_| state.requests.is_chosen)
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
