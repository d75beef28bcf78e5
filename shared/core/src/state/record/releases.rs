//! What a release leaves in the target state.

use jiff::Timestamp;

use crate::model::Digest;
use crate::operations::Function;
use crate::plan::{
    Action, ContinueDeployment, RecordVerdict, ReleaseAction, Rollback, Rollout, Verdict,
};
use crate::state::probe_streak::ProbeStreak;
use crate::state::releases::{ActiveRollback, ActiveRollout, Verified};
use crate::state::target::TargetState;

/// The operation whose watch list has the targets with an active rollout.
const TRACKING_OPERATION: &str = Function::Rollout.name();

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
            ReleaseAction::Rollback(rollback) => {
                self.record_rollback(rollback, at);
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
        let deployment = answer
            .split(' ')
            .next()
            .filter(|id| id.starts_with("d-"))
            .map(str::to_owned);
        self.releases.active_rollback = None;
        self.releases.active_rollout = Some(ActiveRollout {
            digest: rollout.digest.clone(),
            tag: rollout.tag.clone(),
            base: rollout.base.clone(),
            at,
            deployment,
            probe_streak: ProbeStreak::default(),
        });
        self.set_requeue(TRACKING_OPERATION, true);
    }

    pub(in crate::state) fn record_verdict(&mut self, record: &RecordVerdict, at: Timestamp) {
        match &record.verdict {
            Verdict::Passed { revision } => {
                self.releases.quarantined.remove(&record.digest);
                self.releases
                    .verified
                    .retain(|verified| verified.digest != record.digest);
                self.releases.verified.push(Verified {
                    digest: record.digest.clone(),
                    tag: record.tag.clone(),
                    revision: revision.clone(),
                    at,
                });
                self.releases
                    .verified
                    .drain(..self.releases.verified.len().saturating_sub(VERIFIED_KEPT));
            }
            Verdict::Failed { reason } => {
                self.quarantine_digest(&record.digest, reason);
                if let Some(pending) = &mut self.releases.pending_verdict {
                    pending.failed = true;
                }
            }
            Verdict::Superseded => {}
        }
        self.clear_active_rollout(&record.digest);
    }

    pub(in crate::state) fn record_rollback(&mut self, rollback: &Rollback, at: Timestamp) {
        self.releases.active_rollback = Some(ActiveRollback {
            to: Some(rollback.to.clone()),
            at,
        });
        self.set_requeue(TRACKING_OPERATION, true);
        self.quarantine_digest(&rollback.digest, &rollback.reason);
        self.clear_active_rollout(&rollback.digest);
    }

    /// Records that a person approved a paused rollout. Its time limit starts over, and the
    /// approval is used up.
    pub(in crate::state) fn record_continuation(
        &mut self,
        continued: &ContinueDeployment,
        at: Timestamp,
    ) {
        let last = self
            .releases
            .attempts
            .iter_mut()
            .rev()
            .find(|attempt| attempt.digest.is_some() && attempt.digest == continued.digest);
        if let Some(attempt) = last {
            attempt.approved = true;
        }
        if let Some(active) = self
            .releases
            .active_rollout
            .as_mut()
            .filter(|active| Some(&active.digest) == continued.digest.as_ref())
        {
            active.at = at;
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
            .take_if(|active| active.digest == *digest);
    }
}
