//! Approvals: the images that a person lets through, by request or by tag.

use std::collections::BTreeMap;

use crate::model::{Command, Digest, ImageSelector, Request};
use crate::policy;
use crate::state::{TargetState, approval_key};

/// An approval of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// The key under which the target state stores the digest of the image.
    pub key: String,
    pub image: ImageSelector,
    /// The request; `None` for the tag `lamplighter:approve`.
    pub request: Option<Request>,
}

impl Approval {
    /// Lists the approvals of a target: that of the last request, then that of the tag.
    #[must_use]
    pub fn list(tags: &BTreeMap<String, String>, state: &TargetState) -> Vec<Self> {
        let requested = Self::find_requested(state);
        let tagged = policy::find_approval(tags).map(|text| Self {
            key: format!("tag:{text}"),
            image: ImageSelector::new(text),
            request: None,
        });
        requested.into_iter().chain(tagged).collect()
    }

    /// Returns the approval of the last request.
    #[must_use]
    pub fn find_requested(state: &TargetState) -> Option<Self> {
        state.requests.release.as_ref().and_then(Self::from_request)
    }

    fn from_request(request: &Request) -> Option<Self> {
        match &request.command {
            Command::Approve(image) | Command::Deploy(image) => Some(Self {
                key: approval_key(request),
                image: ImageSelector::new(image),
                request: Some(request.clone()),
            }),
            Command::Pause
            | Command::Resume
            | Command::Silence
            | Command::Unsilence
            | Command::Acknowledge(_)
            | Command::Reject(_)
            | Command::RollBack(_)
            | Command::BackUp
            | Command::Drill
            | Command::Redrive => None,
        }
    }

    /// Reports whether the approval is to deploy the image, whether or not its tag is tracked.
    #[must_use]
    pub fn is_deployment(&self) -> bool {
        self.request
            .as_ref()
            .is_some_and(|request| matches!(request.command, Command::Deploy(_)))
    }

    /// Returns the digest of the image, as it was when the approval was first read.
    ///
    /// A tag may be moved to another image later, which the approval is not for.
    #[must_use]
    pub fn digest<'s>(&self, state: &'s TargetState) -> Option<&'s Digest> {
        state.requests.approved.get(&self.key)
    }

    /// Reports whether the approval is for this image.
    #[must_use]
    pub fn covers(&self, tag: &str, digest: &Digest, state: &TargetState) -> bool {
        match self.digest(state) {
            Some(known) => known == digest,
            None => self.image.matches(tag, digest),
        }
    }

    /// Reports whether a rollout has used the approval of this digest, or the digest was rejected since.
    #[must_use]
    pub fn is_used(&self, digest: &Digest, state: &TargetState) -> bool {
        if state.requests.used.contains(&self.key) {
            return true;
        }
        let since = self.request.as_ref().map(|request| request.at);
        state.releases.attempts.iter().any(|attempt| {
            attempt.finished
                && attempt.approved
                && attempt.digest.as_ref() == Some(digest)
                && since.is_none_or(|since| attempt.at >= since)
        })
    }
}

/// Reports whether a person approved an image.
#[must_use]
pub fn is_approved(
    tags: &BTreeMap<String, String>,
    state: &TargetState,
    tag: &str,
    digest: &Digest,
) -> bool {
    Approval::list(tags, state)
        .iter()
        .any(|approval| approval.covers(tag, digest, state))
}

/// Returns the approval of an image that no rollout has used.
#[must_use]
pub fn find_open_approval(
    tags: &BTreeMap<String, String>,
    state: &TargetState,
    tag: &str,
    digest: &Digest,
) -> Option<Approval> {
    Approval::list(tags, state)
        .into_iter()
        .find(|approval| approval.covers(tag, digest, state) && !approval.is_used(digest, state))
}
