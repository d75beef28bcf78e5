//! The end of a reconciliation that executes nothing.

use crate::engine::messages::{observe_only_message, unreadable_target_message};
use crate::engine::operation::Observe;
use crate::engine::reconciliation::{Decision, ReconcileResult, Reconciliation};
use crate::notify::Outbox;
use crate::plan::Plan;
use crate::ports::Executor;
use crate::ports::ledger::{Ledger, RecordKind};
use crate::{AwsError, Error};

impl<Op: Observe<C, L>, C: Executor, L: Ledger, O: Outbox> Reconciliation<'_, Op, C, L, O> {
    /// Notifies and journals that AWS could not be read, and fails the event.
    pub(super) async fn finish_with_error(
        &mut self,
        error: AwsError,
    ) -> Result<ReconcileResult, Error> {
        self.notify_once(unreadable_target_message(&error));
        self.track_failure(&error);
        let decision = Decision::nothing(error.to_string());
        let record = self.build_record(RecordKind::Nothing, &decision, Vec::new());
        let is_quiet = record.notified.is_empty();
        self.finish((!is_quiet).then_some(record)).await?;
        Err(error.into())
    }

    /// Finishes without an action. A sweep without a notification or veto leaves only a log line;
    /// anything else is journalled.
    pub(super) async fn finish_without_action(
        &mut self,
        decision: Decision,
    ) -> Result<ReconcileResult, Error> {
        let withheld = decision.list_withheld();
        // Whatever withholds the steps now, the operation has waited for them.
        if withheld.is_empty() || decision.plan.waits_for.is_some() {
            self.track_wait(&decision.plan);
        }
        self.track_hold(&decision);
        self.notify_plan(&decision.plan);
        let reason = decision.full_reason();
        let record = self.build_record(RecordKind::Nothing, &decision, withheld);
        self.log_decision(&reason, 0);
        let is_quiet =
            self.run.event.is_sweep() && record.notified.is_empty() && record.outcomes.is_empty();
        self.finish((!is_quiet).then_some(record)).await?;
        Ok(ReconcileResult {
            reason,
            hook: decision.plan.hook,
            is_refusal: decision.plan.is_refusal,
        })
    }

    /// Journals the plan and notifies people about it, but executes nothing.
    pub(super) async fn finish_observe_only(
        &mut self,
        decision: Decision,
    ) -> Result<ReconcileResult, Error> {
        self.track_hold(&decision);
        self.notify_plan(&decision.plan);
        for step in decision.executable_steps() {
            self.notify_once(observe_only_message(step));
        }
        let reason = format!("observe mode: {}", decision.plan.reason);
        let record = self.build_record(RecordKind::Nothing, &decision, decision.list_withheld());
        self.log_decision(&reason, 0);
        let is_quiet = record.notified.is_empty();
        self.finish((!is_quiet).then_some(record)).await?;
        // Observe mode must not hold up a deployment, so its hook gets no response from the plan.
        Ok(ReconcileResult {
            reason,
            hook: None,
            is_refusal: false,
        })
    }

    /// Records what the plan waits for, so that a later decision knows since when.
    pub(super) fn track_wait(&mut self, plan: &Plan) {
        self.lease
            .state
            .track_wait(Op::FUNCTION.name(), plan.waits_for.as_ref(), self.now);
    }
}
