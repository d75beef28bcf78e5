//! What stands between a decision and doing it: what was begun before, the arbiter, the limits.

use crate::engine::messages::limit_reached;
use crate::engine::operation::Operation;
use crate::engine::reconciliation::Visit;
use crate::engine::{arbiter, limits};
use crate::notify::Outbox;
use crate::plan::{Action, Plan, Step};
use crate::ports::cloud::Cloud;
use crate::ports::ledger::Ledger;
use crate::state::Pending;

impl<Op: Operation, C: Cloud, L: Ledger, O: Outbox> Visit<'_, Op, C, L, O> {
    /// Looks for intents of earlier invocations whose end is not known. What shows on AWS was done, and
    /// people are told now; what does not is decided again.
    pub(super) fn reconcile(&mut self, observed: &Op::Observed) {
        let in_effect = |pending: &Pending| Op::in_effect(&pending.action, observed);
        for pending in self.lease.memory.reconcile(Op::NAME, self.now, in_effect) {
            let target = self.target.arn.name();
            tracing::info!(
                operation = Op::NAME,
                target,
                action = pending.action.in_words(),
                "an interrupted action took effect"
            );
            self.tell_if_any(pending.message);
        }
        // A restart in progress may still be taken back.
        let owed = self
            .lease
            .memory
            .owed
            .as_ref()
            .map(|owed| Action::Redeploy(owed.restart.clone()));
        let settled = !Op::state(observed).rollout_in_progress;
        if settled && owed.is_some_and(|restart| Op::in_effect(&restart, observed)) {
            self.lease.memory.owed = None;
        }
        Op::forget(&mut self.lease.memory, observed);
    }

    /// Asks the arbiter and the limits about each step.
    pub(super) fn guard(
        &mut self,
        plan: &Plan,
        state: &arbiter::TargetState,
    ) -> Vec<Result<Step, String>> {
        let mut permitted = 0;
        let mut steps = Vec::new();
        for step in &plan.steps {
            let before = self.counts.actions + permitted;
            steps.push(
                if let Err(veto) =
                    arbiter::permits(&step.action, state, &self.lease.memory, self.now)
                {
                    Err(format!(
                        "not permitted to {}: {veto}",
                        step.action.in_words()
                    ))
                } else if let Err(limit) = limits::allow(
                    &step.action,
                    &self.lease.memory,
                    before,
                    &self.engine.defaults,
                    self.now,
                ) {
                    self.withhold(step, &limit);
                    Err(format!("limit reached: {limit}"))
                } else {
                    permitted += 1;
                    Ok(step.clone())
                },
            );
        }
        steps
    }

    /// A limit stands against a step. A limit of the run is told for the first target it meets; what no sweep
    /// would find out again is remembered.
    fn withhold(&mut self, step: &Step, limit: &limits::Reached) {
        let of_run = matches!(limit, limits::Reached::ActionsPerRun(_));
        if !(of_run && self.counts.limit_told) {
            let told = self.tell(limit_reached(step, limit));
            self.counts.limit_told |= of_run && told;
        }
        self.lease.memory.owe(&step.action, step.message.as_ref());
    }
}
