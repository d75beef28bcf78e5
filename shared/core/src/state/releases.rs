//! What is remembered of releases: what is followed, what was good, what is not rolled out again.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Memory;
use crate::model::Digest;
use crate::plan::{Continue, GoBack, Judge, Rollout, Verdict};
use crate::state::probe_streak::ProbeStreak;

/// By what the ledger knows that a rollout is to be followed.
const FOLLOWED_BY: &str = "rollout";
/// Revisions that are remembered as good.
const VERIFIED_KEPT: usize = 10;

/// A rollout that AWS took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Following {
    pub digest: Digest,
    pub tag: String,
    /// The ARN of the revision that ran before.
    pub base: String,
    pub at: Timestamp,
    /// The deployment of CodeDeploy, if it goes through that and its answer was heard.
    #[serde(default)]
    pub deployment: Option<String>,
    /// What looks at its addresses have found since it is completed.
    #[serde(default)]
    pub looks: ProbeStreak,
}

/// A deployment that asks whether it may go on, and what was found out since it does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judging {
    /// The ARN of the service deployment, or the identifier of one of CodeDeploy.
    pub deployment: String,
    /// What CodeDeploy waits to be answered: the identifier of its question.
    #[serde(default)]
    pub execution: Option<String>,
    /// Since when it is asked about production traffic; `None` where that has not begun to shift.
    pub since: Option<Timestamp>,
    /// What is asked about: a stage, and in production the share of traffic.
    pub step: String,
    pub step_since: Timestamp,
    /// It was judged, and failed: asked again, that is the answer.
    #[serde(default)]
    pub failed: bool,
    /// What looks at its addresses have found in this step.
    pub looks: ProbeStreak,
}

/// A way back or a restart that was begun: no release, and judged and approved by nobody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Returning {
    /// The ARN of the revision that it leads to; `None` for a restart of what runs.
    pub to: Option<String>,
    pub at: Timestamp,
}

/// A revision that a rollout ended well with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    pub digest: Digest,
    pub tag: String,
    /// Its ARN.
    pub revision: String,
    pub at: Timestamp,
}

impl Memory {
    pub(super) fn follow(&mut self, rollout: &Rollout, answer: &str, at: Timestamp) {
        let (digest, tag, base) = (
            rollout.digest.clone(),
            rollout.tag.clone(),
            rollout.base.clone(),
        );
        let deployment = answer
            .split(' ')
            .next()
            .filter(|id| id.starts_with("d-"))
            .map(str::to_owned);
        self.returning = None;
        self.following = Some(Following {
            digest,
            tag,
            base,
            at,
            deployment,
            looks: ProbeStreak::default(),
        });
        self.watch(FOLLOWED_BY, true);
    }

    pub(super) fn judged(&mut self, judge: &Judge, at: Timestamp) {
        match &judge.verdict {
            Verdict::Passed { revision } => {
                self.quarantined.remove(&judge.digest);
                self.verified
                    .retain(|verified| verified.digest != judge.digest);
                let (digest, tag, revision) =
                    (judge.digest.clone(), judge.tag.clone(), revision.clone());
                self.verified.push(Verified {
                    digest,
                    tag,
                    revision,
                    at,
                });
                self.verified
                    .drain(..self.verified.len().saturating_sub(VERIFIED_KEPT));
            }
            Verdict::Failed { reason } => {
                self.quarantine(&judge.digest, reason);
                if let Some(judging) = &mut self.judging {
                    judging.failed = true;
                }
            }
            Verdict::Superseded => {}
        }
        self.stop_following(&judge.digest);
    }

    pub(super) fn gone_back(&mut self, back: &GoBack, at: Timestamp) {
        self.returning = Some(Returning {
            to: Some(back.to.clone()),
            at,
        });
        self.watch(FOLLOWED_BY, true);
        self.quarantine(&back.digest, &back.reason);
        self.stop_following(&back.digest);
    }

    /// A person let a rollout go on: its time begins anew, and the approval does not bring the digest once more.
    pub(super) fn went_on(&mut self, go_on: &Continue, at: Timestamp) {
        let last = self
            .attempts
            .iter_mut()
            .rev()
            .find(|attempt| attempt.digest.is_some() && attempt.digest == go_on.digest);
        if let Some(attempt) = last {
            attempt.approved = true;
        }
        if let Some(following) = self
            .following
            .as_mut()
            .filter(|following| Some(&following.digest) == go_on.digest.as_ref())
        {
            following.at = at;
        }
    }

    pub(super) fn restarted(&mut self, at: Timestamp) {
        // One during a rollout is part of that.
        if self.following.is_none() {
            self.returning = Some(Returning { to: None, at });
            self.watch(FOLLOWED_BY, true);
        }
    }

    fn quarantine(&mut self, digest: &Digest, reason: &str) {
        self.quarantined.insert(digest.clone(), reason.to_owned());
        self.verified.retain(|verified| verified.digest != *digest);
    }

    fn stop_following(&mut self, digest: &Digest) {
        self.following
            .take_if(|following| following.digest == *digest);
    }
}
