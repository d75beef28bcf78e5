//! Records intents, outcomes and rejections of actions in the target state.

mod backups;
mod drills;
mod healing;
mod logs;
mod rejections;
mod releases;
mod requests;
mod scaling;

use jiff::{SignedDuration, Timestamp};

use crate::notify::Message;
use crate::plan::{Action, ReleaseAction};
use crate::state::attempt::Attempt;
use crate::state::releases::PendingRestart;
use crate::state::target::{Pending, TargetState};

/// Time until an intent without an outcome is dropped.
const PENDING_TTL: SignedDuration = SignedDuration::from_hours(24);
/// Attempts that are kept as history for people. Those within the hour that limits count are
/// always kept.
const ATTEMPTS_KEPT: usize = 50;

impl TargetState {
    /// Drops the intents of an operation that never took effect; new ones replace them.
    pub fn supersede_pending(&mut self, operation: &str) {
        self.pending
            .retain(|pending| pending.operation != operation);
    }

    /// Records that an action is about to be executed.
    pub fn record_intent(
        &mut self,
        operation: &str,
        action: &Action,
        message: Option<&Message>,
        at: Timestamp,
    ) {
        if let Some(attempt) = Attempt::from_action(action, at) {
            self.releases.attempts.push(attempt);
            self.prune_attempts(at);
        }
        if let Action::Release(ReleaseAction::RunPreDeploymentTask(run)) = action {
            // Before the call, so that no other one starts while its answer is outstanding.
            self.releases.start_pre_deployment(run, at);
        }
        self.pending.push(Pending {
            at,
            operation: operation.to_owned(),
            action: action.clone(),
            message: message.cloned(),
            refused: false,
        });
        self.keep_pending_restart(action, message);
    }

    /// Records a restart that is due, even if it is withheld now. A later restart replaces an
    /// earlier one.
    pub fn keep_pending_restart(&mut self, action: &Action, message: Option<&Message>) {
        let (Action::Release(ReleaseAction::RestartTasks(restart)), Some(message)) =
            (action, message)
        else {
            return;
        };
        // The next reconciliation finds out whether an unhealthy service still needs it.
        if restart.heals {
            return;
        }
        if self
            .releases
            .pending_restart
            .as_ref()
            .is_none_or(|pending| pending.restart.since < restart.since)
        {
            self.releases.pending_restart = Some(PendingRestart {
                restart: restart.clone(),
                message: message.clone(),
            });
        }
    }

    /// Records that AWS rejected an action; `for_good` is false if it was only throttled.
    pub fn record_refusal(&mut self, action: &Action, for_good: bool) {
        let mut at = None;
        for pending in self
            .pending
            .iter_mut()
            .filter(|pending| pending.action == *action)
        {
            pending.refused = true;
            at = Some(pending.at);
        }
        if let (Some(at), true, true) = (at, for_good, action.is_healing()) {
            self.record_refused_step(action, at);
        }
        if let (Some(at), Action::Release(ReleaseAction::RunPreDeploymentTask(run))) = (at, action)
        {
            self.releases
                .refuse_pre_deployment(&run.digest, for_good, at);
        }
    }

    pub(super) fn prune_attempts(&mut self, now: Timestamp) {
        let surplus = self.releases.attempts.len().saturating_sub(ATTEMPTS_KEPT);
        let last = self
            .releases
            .attempts
            .iter()
            .rposition(|attempt| attempt.finished && attempt.digest.is_some());
        let mut n = 0;
        self.releases.attempts.retain(|attempt| {
            let old = now.duration_since(attempt.at) > SignedDuration::from_hours(1);
            n += 1;
            n > surplus || !old || Some(n - 1) == last
        });
    }

    /// Records that an action has taken effect; `answer` is the answer of AWS, empty if it was
    /// lost.
    pub fn record_done(&mut self, action: &Action, answer: &str) {
        let Some(at) = self
            .pending
            .iter()
            .find(|pending| pending.action == *action)
            .map(|pending| pending.at)
        else {
            return;
        };
        self.pending.retain(|pending| pending.action != *action);
        // The steps of one plan have the same time, so compare their content too.
        let intended = Attempt::from_action(action, at);
        for attempt in self
            .releases
            .attempts
            .iter_mut()
            .filter(|attempt| intended.as_ref().is_some_and(|i| i == *attempt))
        {
            attempt.finished = true;
        }
        match action {
            Action::Release(action) => self.record_release_action(action, answer, at),
            Action::Scaling(action) => self.record_scaling_action(action, at),
            Action::Healing(action) => self.record_healing_action(action, at),
            Action::Drill(action) => self.record_drill_action(action, at),
            Action::Log(action) => self.record_log_action(action, answer, at),
            Action::Request(action) => self.record_request_action(action),
            // AWS itself is the record of these.
            Action::Monitoring(_) | Action::Backup(_) => {}
        }
    }

    /// Removes and returns the intents of an operation that have taken effect. Drops rejected and
    /// expired ones.
    pub fn take_applied(
        &mut self,
        operation: &str,
        now: Timestamp,
        is_applied: impl Fn(&Pending) -> bool,
    ) -> Vec<Pending> {
        let own = self
            .pending
            .iter()
            .filter(|pending| pending.operation == operation);
        let (refused, applied): (Vec<Pending>, Vec<Pending>) = own
            .filter(|pending| is_applied(pending))
            .cloned()
            .partition(|pending| pending.refused);
        for pending in &applied {
            self.record_done(&pending.action, "");
        }
        self.pending.retain(|pending| {
            !refused.contains(pending) && now.duration_since(pending.at) < PENDING_TTL
        });
        applied
    }
}
