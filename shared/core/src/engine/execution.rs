//! The execution of a plan, between its intent and its outcome in the journal.

use crate::engine::messages::{action_failed_message, snapshot_quota_message};
use crate::engine::operation::Observe;
use crate::engine::reconciliation::{Decision, ReconcileResult, Reconciliation, map_ledger_error};
use crate::notify::Outbox;
use crate::plan::{Outcome, Plan, Step};
use crate::ports::Executor;
use crate::ports::ledger::{Ledger, RecordKind};
use crate::{AwsError, Error};

impl<Op: Observe<C, L>, C: Executor, L: Ledger, O: Outbox> Reconciliation<'_, Op, C, L, O> {
    /// Journals the intent, executes every step, notifies, and journals the outcome.
    pub(super) async fn execute_plan(
        &mut self,
        decision: Decision,
    ) -> Result<ReconcileResult, Error> {
        self.track_wait(&decision.plan);
        self.track_hold(&decision);
        self.write_intent(&decision).await?;
        let mut outcomes = Vec::new();
        let mut failure = None;
        let mut must_wait = false;
        for step in &decision.steps {
            let executed = match step {
                Ok(_) if must_wait => Ok(Outcome::Withheld("the step before it failed".to_owned())),
                Ok(step) => self.execute_step(step).await,
                Err(hold) => Ok(Outcome::Withheld(hold.reason.clone())),
            };
            must_wait |= executed.is_err()
                && step
                    .as_ref()
                    .is_ok_and(|step| step.action.is_needed_by_later_steps());
            outcomes.push(executed.unwrap_or_else(|error| {
                let outcome = Outcome::Failed(error.to_string());
                failure.get_or_insert(error);
                outcome
            }));
        }
        let actions = u32::try_from(decision.executable_steps().count()).unwrap_or(u32::MAX);
        self.counts.actions += actions;
        if let Some(error) = &failure {
            self.track_failure(error);
        }
        self.log_decision(&decision.plan.reason, actions);
        let record = self.build_record(RecordKind::Outcome, &decision, outcomes);
        self.finish(Some(record)).await?;
        let Plan { reason, hook, .. } = decision.plan;
        failure.map_or(
            Ok(ReconcileResult {
                reason,
                hook,
                is_refusal: false,
            }),
            |error| Err(error.into()),
        )
    }

    /// Journals the intent together with the target state. Nothing is executed if this fails.
    async fn write_intent(&mut self, decision: &Decision) -> Result<(), Error> {
        self.lease.state.supersede_pending(Op::FUNCTION.name());
        for step in decision.executable_steps() {
            self.lease.state.record_intent(
                Op::FUNCTION.name(),
                &step.action,
                step.message.as_ref(),
                self.now,
            );
        }
        self.notify_plan(&decision.plan);
        let intent = self.build_record(RecordKind::Intent, decision, Vec::new());
        // Notifications that are already due must survive a function that is killed from here on.
        self.lease.state.unsent.append(&mut self.notifications);
        self.lease.state.unsent_events.append(&mut self.events);
        self.engine
            .ledger
            .write_intent(&self.lease, &intent)
            .await
            .map_err(|e| map_ledger_error(self.target, e))
    }

    /// Executes one step, and records and notifies its outcome.
    ///
    /// # Errors
    /// The [`AwsError`] of the action, after it was reported.
    async fn execute_step(&mut self, step: &Step) -> Result<Outcome, AwsError> {
        let error = match self.engine.cloud.execute(&step.action).await {
            Ok(answer) => {
                self.queue_event(&step.action, &step.reason, self.now);
                self.lease.state.record_done(&step.action, &answer);
                self.notify_if_some(step.message.clone());
                return Ok(Outcome::Done(answer));
            }
            Err(error) => error,
        };
        if error.is_transient_state() && step.action.is_retriable_later() {
            self.lease.state.record_refusal(&step.action, false);
            if error.is_snapshot_quota() {
                self.lease.state.record_failure(&step.action, self.now);
                self.notify_once(snapshot_quota_message(step, &error));
            }
            return Ok(Outcome::Withheld(format!("retried later: {error}")));
        }
        self.lease.state.record_failure(&step.action, self.now);
        self.report_failure(step, &error);
        Err(error)
    }

    fn report_failure(&mut self, step: &Step, error: &AwsError) {
        if error.refused {
            self.lease
                .state
                .record_refusal(&step.action, !error.is_throttling());
        }
        // Many targets were tagged at once: Lambda retries the event, and the sweep notifies if it
        // fails too.
        let is_retried_quietly =
            step.action.is_deferrable() && error.is_throttling() && !self.run.event.is_sweep();
        if !is_retried_quietly {
            self.notify_once(action_failed_message(step, error));
        }
    }
}
