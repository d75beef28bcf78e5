//! The state of releases: the active rollout, verified revisions and quarantined digests.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::TargetState;
use crate::model::Digest;
use crate::plan::{
    Action, ContinueDeployment, RecordVerdict, ReleaseAction, Rollback, Rollout, Verdict,
};
use crate::state::probe_streak::ProbeStreak;

/// The operation whose watch list has the targets with an active rollout.
const TRACKING_OPERATION: &str = "rollout";
/// The maximum number of verified revisions.
const VERIFIED_KEPT: usize = 10;

/// A rollout that AWS accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActiveRollout {
    pub digest: Digest,
    pub tag: String,
    /// The ARN of the revision that ran before.
    pub base: String,
    pub at: Timestamp,
    /// The identifier of the CodeDeploy deployment, if CodeDeploy deploys the service and its
    /// answer arrived.
    #[serde(default)]
    pub deployment: Option<String>,
    /// The results of probes since the rollout completed.
    #[serde(default)]
    pub looks: ProbeStreak,
}

/// A deployment whose hook waits for a verdict, and the results so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingVerdict {
    /// The ARN of the ECS service deployment, or the identifier of the CodeDeploy deployment.
    pub deployment: String,
    /// The execution identifier of the CodeDeploy hook that waits for an answer.
    #[serde(default)]
    pub execution: Option<String>,
    /// The time since which the hook asks about production traffic; `None` before it shifts.
    pub since: Option<Timestamp>,
    /// The stage that the hook asks about, and in production the share of traffic.
    pub step: String,
    pub step_since: Timestamp,
    /// The verdict was a failure, and is the answer to any further call of the hook.
    #[serde(default)]
    pub failed: bool,
    /// The results of probes in this step.
    pub looks: ProbeStreak,
}

/// A rollback or restart in progress. It is not a release, so it needs no verdict and no approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActiveRollback {
    /// The ARN of the revision to roll back to; `None` for a restart.
    pub to: Option<String>,
    pub at: Timestamp,
}

/// A revision whose rollout was verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    pub digest: Digest,
    pub tag: String,
    /// The ARN of the revision.
    pub revision: String,
    pub at: Timestamp,
}

impl TargetState {
    /// Records that an action of a release has taken effect; `answer` is the answer of AWS.
    pub(super) fn record_release_action(
        &mut self,
        action: &ReleaseAction,
        answer: &str,
        at: Timestamp,
    ) {
        match action {
            ReleaseAction::Rollout(rollout) => self.record_rollout(rollout, answer, at),
            ReleaseAction::RestartTasks(restart) => {
                self.record_shifting_restart(restart.shifts, at);
                let action = Action::Release(action.clone());
                self.push_step(&action, action.describe(), at);
            }
            ReleaseAction::Rollback(back) => {
                self.record_rollback(back, at);
                let action = Action::Release(action.clone());
                self.push_step(&action, action.describe(), at);
                self.forget_incident_revision();
            }
            ReleaseAction::ContinueDeployment(resume) => self.record_continuation(resume, at),
            ReleaseAction::RecordVerdict(verdict) => self.record_verdict(verdict, at),
            ReleaseAction::AnswerCodeDeployHook(_) => self.pending_verdict = None,
        }
    }

    pub(super) fn record_rollout(&mut self, rollout: &Rollout, answer: &str, at: Timestamp) {
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
        self.active_rollback = None;
        self.active_rollout = Some(ActiveRollout {
            digest,
            tag,
            base,
            at,
            deployment,
            looks: ProbeStreak::default(),
        });
        self.set_requeue(TRACKING_OPERATION, true);
    }

    pub(super) fn record_verdict(&mut self, judge: &RecordVerdict, at: Timestamp) {
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
                self.quarantine_digest(&judge.digest, reason);
                if let Some(judging) = &mut self.pending_verdict {
                    judging.failed = true;
                }
            }
            Verdict::Superseded => {}
        }
        self.clear_active_rollout(&judge.digest);
    }

    pub(super) fn record_rollback(&mut self, back: &Rollback, at: Timestamp) {
        self.active_rollback = Some(ActiveRollback {
            to: Some(back.to.clone()),
            at,
        });
        self.set_requeue(TRACKING_OPERATION, true);
        self.quarantine_digest(&back.digest, &back.reason);
        self.clear_active_rollout(&back.digest);
    }

    /// Records that a person approved a paused rollout. Its time limit starts over, and the
    /// approval is used up.
    pub(super) fn record_continuation(&mut self, go_on: &ContinueDeployment, at: Timestamp) {
        let last = self
            .attempts
            .iter_mut()
            .rev()
            .find(|attempt| attempt.digest.is_some() && attempt.digest == go_on.digest);
        if let Some(attempt) = last {
            attempt.approved = true;
        }
        if let Some(following) = self
            .active_rollout
            .as_mut()
            .filter(|following| Some(&following.digest) == go_on.digest.as_ref())
        {
            following.at = at;
        }
    }

    pub(super) fn record_restart(&mut self, at: Timestamp) {
        // A restart during a rollout is part of the rollout.
        if self.active_rollout.is_none() {
            self.active_rollback = Some(ActiveRollback { to: None, at });
            self.set_requeue(TRACKING_OPERATION, true);
        }
    }

    fn quarantine_digest(&mut self, digest: &Digest, reason: &str) {
        self.quarantined.insert(digest.clone(), reason.to_owned());
        self.verified.retain(|verified| verified.digest != *digest);
    }

    fn clear_active_rollout(&mut self, digest: &Digest) {
        self.active_rollout
            .take_if(|following| following.digest == *digest);
    }
}
