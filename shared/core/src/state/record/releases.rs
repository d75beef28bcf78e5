//! What a release leaves in the target state.

use jiff::Timestamp;

use crate::model::Digest;
use crate::plan::{
    Action, ContinueDeployment, RecordVerdict, ReleaseAction, Rollback, Rollout, Verdict,
};
use crate::state::probe_streak::ProbeStreak;
use crate::state::releases::{ActiveRollback, ActiveRollout, Verified};
use crate::state::target::TargetState;

/// The operation whose watch list has the targets with an active rollout.
const TRACKING_OPERATION: &str = "rollout";

/// The maximum number of verified revisions.
const VERIFIED_KEPT: usize = 10;

impl TargetState {
    /// Records that an action of a release has taken effect; `answer` is the answer of AWS.
    pub(in crate::state) fn record_release_action(
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
            ReleaseAction::AnswerCodeDeployHook(_) => self.releases.pending_verdict = None,
        }
    }

    pub(in crate::state) fn record_rollout(
        &mut self,
        rollout: &Rollout,
        answer: &str,
        at: Timestamp,
    ) {
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
        self.releases.active_rollback = None;
        self.releases.active_rollout = Some(ActiveRollout {
            digest,
            tag,
            base,
            at,
            deployment,
            looks: ProbeStreak::default(),
        });
        self.set_requeue(TRACKING_OPERATION, true);
    }

    pub(in crate::state) fn record_verdict(&mut self, judge: &RecordVerdict, at: Timestamp) {
        match &judge.verdict {
            Verdict::Passed { revision } => {
                self.releases.quarantined.remove(&judge.digest);
                self.releases
                    .verified
                    .retain(|verified| verified.digest != judge.digest);
                let (digest, tag, revision) =
                    (judge.digest.clone(), judge.tag.clone(), revision.clone());
                self.releases.verified.push(Verified {
                    digest,
                    tag,
                    revision,
                    at,
                });
                self.releases
                    .verified
                    .drain(..self.releases.verified.len().saturating_sub(VERIFIED_KEPT));
            }
            Verdict::Failed { reason } => {
                self.quarantine_digest(&judge.digest, reason);
                if let Some(judging) = &mut self.releases.pending_verdict {
                    judging.failed = true;
                }
            }
            Verdict::Superseded => {}
        }
        self.clear_active_rollout(&judge.digest);
    }

    pub(in crate::state) fn record_rollback(&mut self, back: &Rollback, at: Timestamp) {
        self.releases.active_rollback = Some(ActiveRollback {
            to: Some(back.to.clone()),
            at,
        });
        self.set_requeue(TRACKING_OPERATION, true);
        self.quarantine_digest(&back.digest, &back.reason);
        self.clear_active_rollout(&back.digest);
    }

    /// Records that a person approved a paused rollout. Its time limit starts over, and the
    /// approval is used up.
    pub(in crate::state) fn record_continuation(
        &mut self,
        go_on: &ContinueDeployment,
        at: Timestamp,
    ) {
        let last = self
            .releases
            .attempts
            .iter_mut()
            .rev()
            .find(|attempt| attempt.digest.is_some() && attempt.digest == go_on.digest);
        if let Some(attempt) = last {
            attempt.approved = true;
        }
        if let Some(following) = self
            .releases
            .active_rollout
            .as_mut()
            .filter(|following| Some(&following.digest) == go_on.digest.as_ref())
        {
            following.at = at;
        }
    }

    pub(in crate::state) fn record_restart(&mut self, at: Timestamp) {
        // A restart during a rollout is part of the rollout.
        if self.releases.active_rollout.is_none() {
            self.releases.active_rollback = Some(ActiveRollback { to: None, at });
            self.set_requeue(TRACKING_OPERATION, true);
        }
    }

    fn quarantine_digest(&mut self, digest: &Digest, reason: &str) {
        self.releases
            .quarantined
            .insert(digest.clone(), reason.to_owned());
        self.releases
            .verified
            .retain(|verified| verified.digest != *digest);
    }

    fn clear_active_rollout(&mut self, digest: &Digest) {
        self.releases
            .active_rollout
            .take_if(|following| following.digest == *digest);
    }
}
