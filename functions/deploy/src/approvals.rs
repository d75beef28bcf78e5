//! The images that people approved, and those that they rejected.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use lamplighter::AwsError;
use lamplighter::engine::TargetContext;
use lamplighter::model::{Command, Digest, ImageSelector, ImageTag, Request, Selection};
use lamplighter::release::approval::Approval;
use serde::Serialize;

use crate::container::SelectedContainer;
use crate::newest::list_newest;
use crate::policy::Policy;
use crate::reads::Reads;

/// Why an approval or a rejection has no effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ApprovalProblem {
    /// The key of the approval, or the identifier of the request to reject.
    pub id: String,
    /// The image as the person named it.
    pub image: String,
    pub kind: ProblemKind,
    /// The newest tags of the repository.
    pub newest: Vec<String>,
    pub asked: Asked,
}

/// The keys of all approvals of a target, and of those that allow nothing more.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ApprovalKeys {
    pub keys: BTreeSet<String>,
    pub used: BTreeSet<String>,
}

/// What a person asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Asked {
    Approval,
    Deployment,
    /// A rejection, with the identifier of its request.
    Rejection(String),
}

impl ApprovalProblem {
    /// Returns the identifier of the request to reject the image, if it is one.
    pub fn rejection(&self) -> Option<&str> {
        match &self.asked {
            Asked::Rejection(id) => Some(id),
            Asked::Approval | Asked::Deployment => None,
        }
    }
}

/// What is wrong with the image that a person named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum ProblemKind {
    /// The repository has no such image.
    NoImage,
    /// The name fits images with different digests, by tag.
    SeveralImages(Vec<String>),
    /// The service does not track the image's tag.
    NotTracked,
}

/// Looks the approved images of one service up. The repository is listed once, and only if an approval is open.
pub struct ApprovalLookup<'a, C> {
    context: TargetContext<'a, Policy>,
    container: &'a SelectedContainer,
    cloud: &'a C,
    /// The tags of the repository, once they are read.
    pub tags: Option<Vec<ImageTag>>,
    /// The digests that were found now, by the key of the approval.
    pub found: BTreeMap<String, Digest>,
    pub keys: ApprovalKeys,
    pub problem: Option<ApprovalProblem>,
}

impl<'a, C: Reads> ApprovalLookup<'a, C> {
    pub fn new(
        context: TargetContext<'a, Policy>,
        container: &'a SelectedContainer,
        cloud: &'a C,
    ) -> Self {
        Self {
            context,
            container,
            cloud,
            tags: None,
            found: BTreeMap::new(),
            keys: ApprovalKeys::default(),
            problem: None,
        }
    }

    /// Returns the image of the first open approval, else the approved image that is tried again.
    pub async fn choose(&mut self) -> Result<Option<ImageTag>, AwsError> {
        let approvals = Approval::list(&self.context.target.tags, self.context.state);
        self.keys.keys = approvals.iter().map(|one| one.key.clone()).collect();
        let mut chosen = None;
        let mut retried = None;
        for approval in approvals {
            if self.is_used(&approval) {
                self.keys.used.insert(approval.key.clone());
                retried = retried.or_else(|| self.is_retried(&approval).then_some(approval));
            } else if let Some(running) = self.find_running(&approval) {
                self.found.insert(approval.key, running);
            } else if chosen.is_none() {
                chosen = self.find_approved(&approval).await?;
            }
        }
        match (chosen, retried) {
            (None, Some(approval)) => self.find_retried(&approval).await,
            (chosen, _) => Ok(chosen),
        }
    }

    /// Reports whether the approved image failed for its environment, and nothing else was released or chosen since.
    fn is_retried(&self, approval: &Approval) -> bool {
        let state = self.context.state;
        let is_last_choice = approval.request.is_some() || !state.requests.is_chosen;
        let digest = self.known_digest(approval);
        is_last_choice && digest.is_some_and(|one| state.releases.not_blamed.contains_key(one))
    }

    /// Returns an approved image that is tried again, unless a push has superseded it.
    async fn find_retried(&mut self, approval: &Approval) -> Result<Option<ImageTag>, AwsError> {
        if self.find_running(approval).is_some() {
            return Ok(None);
        }
        let tags = self.read_tags().await?;
        let found = self.choose_from(approval, &tags).ok();
        Ok(found.filter(|chosen| {
            let tried_at = self.context.state.rollout_start(&chosen.digest);
            !tried_at.is_some_and(|at| self.has_newer_push(at, chosen, &tags))
        }))
    }

    /// Returns the image of an open approval; `None` if it has no effect or nothing to do.
    async fn find_approved(&mut self, approval: &Approval) -> Result<Option<ImageTag>, AwsError> {
        let tags = self.read_tags().await?;
        match self.choose_from(approval, &tags) {
            Ok(chosen) => {
                self.found
                    .insert(approval.key.clone(), chosen.digest.clone());
                let requested_at = approval.request.as_ref().map(|request| request.at);
                let is_open = !self.is_used(approval)
                    && self.find_running(approval).is_none()
                    // With approve=yes, a newer push does not win by itself.
                    && (self.context.policy.deploy.approve
                        || !requested_at.is_some_and(|at| self.has_newer_push(at, &chosen, &tags)));
                Ok(is_open.then_some(chosen))
            }
            Err(kind) => {
                self.problem = Some(ApprovalProblem {
                    id: approval.key.clone(),
                    image: approval.image.to_string(),
                    kind,
                    newest: list_newest(&tags),
                    asked: if approval.is_deployment() {
                        Asked::Deployment
                    } else {
                        Asked::Approval
                    },
                });
                Ok(None)
            }
        }
    }

    /// Reports whether a tracked image that could be deployed itself was pushed since: the newest push wins.
    fn has_newer_push(&self, since: Timestamp, chosen: &ImageTag, tags: &[ImageTag]) -> bool {
        let deploy = &self.context.policy.deploy;
        let quarantined = &self.context.state.releases.quarantined;
        let running = self.container.running_image().tag.unwrap_or_default();
        tags.iter().any(|listed| {
            listed.pushed_at.is_some_and(|at| at > since)
                && listed.digest != chosen.digest
                && deploy.follows.matches_tag(&listed.tag)
                && deploy.follows.compare_tags(&listed.tag, &running) != Some(Ordering::Less)
                && !quarantined.contains_key(&listed.digest)
        })
    }

    async fn read_tags(&mut self) -> Result<Vec<ImageTag>, AwsError> {
        if let Some(tags) = &self.tags {
            return Ok(tags.clone());
        }
        let tags = self.cloud.image_tags(&self.container.repository).await?;
        self.tags = Some(tags.clone());
        Ok(tags)
    }

    /// Reports whether the approval allows nothing more.
    fn is_used(&self, approval: &Approval) -> bool {
        let state = self.context.state;
        if state.requests.used.contains(&approval.key) {
            return true;
        }
        if let Some(digest) = self.known_digest(approval) {
            return approval.is_used(digest, state);
        }
        // A tag is not resolved by what ran under it before: it may name another image by now.
        let attempts = &state.releases.attempts;
        let mut attempted = attempts
            .iter()
            .filter_map(|attempt| attempt.digest.as_ref());
        attempted
            .any(|digest| approval.image.matches_digest(digest) && approval.is_used(digest, state))
    }

    /// Returns the digest of the approved image if the service runs it.
    fn find_running(&self, approval: &Approval) -> Option<Digest> {
        let running = self.container.running_image().digest?;
        let runs_it = match self.known_digest(approval) {
            Some(digest) => running == *digest,
            None => approval.image.matches_digest(&running),
        };
        runs_it.then_some(running)
    }

    fn known_digest<'d>(&'d self, approval: &Approval) -> Option<&'d Digest> {
        let found = self.found.get(&approval.key);
        found.or_else(|| approval.digest(self.context.state))
    }

    /// Returns the tag by which the approved image is deployed: a tracked one, or any for a deployment.
    fn choose_from(&self, approval: &Approval, tags: &[ImageTag]) -> Result<ImageTag, ProblemKind> {
        let known = approval.digest(self.context.state);
        let selected = match known {
            Some(digest) => tags.iter().find(|listed| listed.digest == *digest).cloned(),
            None => match approval.image.select(tags) {
                Selection::One(image) => Some(image),
                Selection::None => None,
                Selection::Several(tags) => return Err(ProblemKind::SeveralImages(tags)),
            },
        };
        let selected = selected.ok_or(ProblemKind::NoImage)?;
        let follows = &self.context.policy.deploy.follows;
        let mut same = tags
            .iter()
            .filter(|listed| listed.digest == selected.digest);
        if approval.is_deployment() && approval.image.as_str() == selected.tag {
            return Ok(selected);
        }
        match same.find(|listed| follows.matches_tag(&listed.tag)) {
            Some(tracked) => Ok(tracked.clone()),
            None if approval.is_deployment() => Ok(selected),
            None => Err(ProblemKind::NotTracked),
        }
    }
}

/// An image that a person rejected, and that the service does not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RejectedImage {
    pub tag: String,
    pub digest: Digest,
    pub request: Request,
    pub place: Place,
}

/// Where a rejected image is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Place {
    /// The service runs it, or it is being rolled out.
    Deployed,
    /// The service returns to it if the active rollout fails.
    Replaced,
    Elsewhere,
}

/// Lists the tags of the container's repository; none if it does not exist.
async fn list_tags<C: Reads>(
    container: &SelectedContainer,
    cloud: &C,
) -> Result<Vec<ImageTag>, AwsError> {
    match cloud.image_tags(&container.repository).await {
        Err(error) if error.code == "RepositoryNotFoundException" => Ok(Vec::new()),
        listed => listed,
    }
}

/// Finds the image of the first open request to reject one: in the repository, else among the releases so far.
///
/// # Errors
/// [`AwsError`] if the repository can't be listed.
pub async fn find_rejected<C: Reads>(
    context: TargetContext<'_, Policy>,
    container: &SelectedContainer,
    cloud: &C,
) -> Result<Option<Result<RejectedImage, ApprovalProblem>>, AwsError> {
    let mut rejections = context.state.requests.rejections.iter();
    let first = rejections.find_map(|request| match &request.command {
        Command::Reject(image) => Some((request, image)),
        _ => None,
    });
    let Some((request, image)) = first else {
        return Ok(None);
    };
    let selector = ImageSelector::new(image);
    let released = || {
        let mut attempts = context.state.releases.attempts.iter().rev();
        attempts.find_map(|attempt| {
            let (tag, digest) = (attempt.tag.as_deref()?, attempt.digest.as_ref()?);
            selector
                .matches(tag, digest)
                .then(|| (tag.to_owned(), digest.clone()))
        })
    };
    let tags = list_tags(container, cloud).await?;
    let problem = |kind| ApprovalProblem {
        id: request.id.clone(),
        image: image.clone(),
        kind,
        newest: list_newest(&tags),
        asked: Asked::Rejection(request.id.clone()),
    };
    // A tag means what it names now; an image that is gone from the repository may still be known.
    let found = match selector.select(&tags) {
        Selection::One(found) => Ok((found.tag, found.digest)),
        Selection::None => released().ok_or_else(|| problem(ProblemKind::NoImage)),
        Selection::Several(tags) => Err(problem(ProblemKind::SeveralImages(tags))),
    };
    Ok(Some(found.map(|(tag, digest)| RejectedImage {
        place: find_place(context, container, &tag, &digest),
        tag,
        digest,
        request: request.clone(),
    })))
}

fn find_place(
    context: TargetContext<'_, Policy>,
    container: &SelectedContainer,
    tag: &str,
    digest: &Digest,
) -> Place {
    let running = container.running_image();
    let runs_it = match &running.digest {
        Some(running) => running == digest,
        None => running.tag.as_deref() == Some(tag),
    };
    let active = context.state.releases.active_rollout.as_ref();
    if runs_it || active.is_some_and(|active| active.digest == *digest) {
        Place::Deployed
    } else if active.is_some_and(|active| active.previous.as_ref() == Some(digest)) {
        Place::Replaced
    } else {
        Place::Elsewhere
    }
}
