//! Rollouts and restarts, which the limits count.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::Digest;
use crate::plan::{Action, LimitRule, ReleaseAction};

/// A rollout or a restart of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    pub at: Timestamp,
    /// The image digest; `None` for a restart.
    pub digest: Option<Digest>,
    pub tag: Option<String>,
    /// The commit that the image was built from, if its manifest names one.
    #[serde(default)]
    pub commit: Option<String>,
    /// A person approved the digest.
    #[serde(default)]
    pub approved: bool,
    /// AWS is known to have accepted the change.
    pub finished: bool,
}

impl Attempt {
    /// Returns the attempt to record for an action, or `None` if the action restarts no tasks.
    pub(super) fn from_action(action: &Action, at: Timestamp) -> Option<Self> {
        let (digest, tag, commit, approved) = match (action, action.limit_rule()) {
            (Action::Release(ReleaseAction::Rollout(rollout)), _) => (
                Some(rollout.digest.clone()),
                Some(rollout.tag.clone()),
                rollout.commit.clone(),
                rollout.approved,
            ),
            (_, LimitRule::Restarts) => (None, None, None, false),
            (
                _,
                LimitRule::Unlimited
                | LimitRule::PerRun
                | LimitRule::Scalings
                | LimitRule::Rollouts
                | LimitRule::Adoptions,
            ) => return None,
        };
        Some(Self {
            at,
            digest,
            tag,
            commit,
            approved,
            finished: false,
        })
    }
}

#[cfg(test)]
impl Attempt {
    pub(crate) fn at(at: Timestamp) -> Self {
        Self {
            at,
            digest: None,
            tag: None,
            commit: None,
            approved: false,
            finished: true,
        }
    }
}
