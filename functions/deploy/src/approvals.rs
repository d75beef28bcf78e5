//! The images that people approved, and those that they rejected.

use std::collections::BTreeMap;

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
    /// The image as the person named it.
    pub image: String,
    pub kind: ProblemKind,
    /// The newest tags of the repository.
    pub newest: Vec<String>,
    /// The identifier of the request to reject the image; `None` for an approval.
    pub rejection: Option<String>,
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
            problem: None,
        }
    }

    /// Returns the image of the first open approval.
    pub async fn choose(&mut self) -> Result<Option<ImageTag>, AwsError> {
        for approval in Approval::list(&self.context.target.tags, self.context.state) {
            if self.is_done(&approval) {
                continue;
            }
            let tags = self.read_tags().await?;
            match self.choose_from(&approval, &tags) {
                Ok(chosen) => {
                    self.found
                        .insert(approval.key.clone(), chosen.digest.clone());
                    if !self.is_done(&approval) {
                        return Ok(Some(chosen));
                    }
                }
                Err(kind) => {
                    self.problem = Some(ApprovalProblem {
                        image: approval.image.to_string(),
                        kind,
                        newest: list_newest(&tags),
                        rejection: None,
                    });
                }
            }
        }
        Ok(None)
    }

    async fn read_tags(&mut self) -> Result<Vec<ImageTag>, AwsError> {
        if let Some(tags) = &self.tags {
            return Ok(tags.clone());
        }
        let tags = self.cloud.image_tags(&self.container.repository).await?;
        self.tags = Some(tags.clone());
        Ok(tags)
    }

    /// Reports whether the approval has nothing to do any more: a rollout used it, or the image runs.
    fn is_done(&self, approval: &Approval) -> bool {
        let state = self.context.state;
        let running = self.container.running_image();
        let digest = self
            .found
            .get(&approval.key)
            .or_else(|| approval.digest(state));
        if let Some(digest) = digest {
            return approval.is_used(digest, state) || running.digest.as_ref() == Some(digest);
        }
        // A tag is not resolved by what ran under it before: it may name another image by now.
        let mut attempted = state.releases.attempts.iter();
        let is_used = attempted.any(|attempt| {
            let digest = attempt.digest.as_ref();
            digest.is_some_and(|digest| {
                approval.image.matches_digest(digest) && approval.is_used(digest, state)
            })
        });
        is_used
            || running
                .digest
                .is_some_and(|digest| approval.image.matches_digest(&digest))
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

/// Finds the image of the open request to reject one: among the releases so far, else in the repository.
///
/// # Errors
/// [`AwsError`] if the repository can't be listed.
pub async fn find_rejected<C: Reads>(
    context: TargetContext<'_, Policy>,
    container: &SelectedContainer,
    cloud: &C,
) -> Result<Option<Result<RejectedImage, ApprovalProblem>>, AwsError> {
    let Some(request) = &context.state.requests.rejection else {
        return Ok(None);
    };
    let Command::Reject(image) = &request.command else {
        return Ok(None);
    };
    let selector = ImageSelector::new(image);
    let mut released = context.state.releases.attempts.iter().rev();
    let released = released.find_map(|attempt| {
        let (tag, digest) = (attempt.tag.as_deref()?, attempt.digest.as_ref()?);
        selector
            .matches(tag, digest)
            .then(|| (tag.to_owned(), digest.clone()))
    });
    let found = if let Some(found) = released {
        Ok(found)
    } else {
        let tags = list_tags(container, cloud).await?;
        let problem = |kind| ApprovalProblem {
            image: image.clone(),
            kind,
            newest: list_newest(&tags),
            rejection: Some(request.id.clone()),
        };
        match selector.select(&tags) {
            Selection::One(found) => Ok((found.tag, found.digest)),
            Selection::None => Err(problem(ProblemKind::NoImage)),
            Selection::Several(tags) => Err(problem(ProblemKind::SeveralImages(tags))),
        }
    };
    Ok(Some(found.map(|(tag, digest)| RejectedImage {
        tag,
        digest,
        request: request.clone(),
    })))
}
