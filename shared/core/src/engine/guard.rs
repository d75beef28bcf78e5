//! The checks between a decision and its execution: earlier intents, the arbiter and the limits.

use crate::engine::messages::limit_reached_message;
use crate::engine::operation::Observe;
use crate::engine::reconciliation::Reconciliation;
use crate::engine::{arbiter, limits};
use crate::notify::Outbox;
use crate::plan::{Action, Plan, ReleaseAction, Step};
use crate::ports::Executor;

use crate::ports::ledger::Ledger;
use crate::state::Pending;

impl<Op: Observe<C, L>, C: Executor, L: Ledger, O: Outbox> Reconciliation<'_, Op, C, L, O> {
    /// Resolves intents of earlier invocations whose outcome is unknown. An action that has taken
    /// effect is notified now; any other is decided again.
    pub(super) fn resolve_intents(&mut self, observed: &Op::Observed) {
        let in_effect = |pending: &Pending| Op::is_applied(&pending.action, observed);
        for pending in self
            .lease
            .state
            .take_applied(Op::FUNCTION.name(), self.now, in_effect)
        {
            let target = self.target.arn.display_name();
            tracing::info!(
                operation = Op::FUNCTION.name(),
                target,
                action = pending.action.describe(),
                "an interrupted action took effect"
            );
            self.notify_if_some(pending.message);
        }
        // A restart in progress may still be rolled back.
        let owed = self
            .lease
            .state
            .releases
            .pending_restart
            .as_ref()
            .map(|owed| Action::Release(ReleaseAction::RestartTasks(owed.restart.clone())));
        let settled = !Op::preconditions(observed).rollout_in_progress;
        if settled && owed.is_some_and(|restart| Op::is_applied(&restart, observed)) {
            self.lease.state.releases.pending_restart = None;
        }
        Op::prune_state(&mut self.lease.state, observed);
    }

    /// Checks each step with the arbiter and the limits.
    pub(super) fn check_steps(
        &mut self,
        plan: &Plan,
        state: &arbiter::Preconditions,
    ) -> Vec<Result<Step, String>> {
        let mut permitted = 0;
        let mut steps = Vec::new();
        for step in &plan.steps {
            let before = self.counts.actions + permitted;
            steps.push(
                if let Err(veto) =
                    arbiter::check_action(&step.action, state, &self.lease.state, self.now)
                {
                    Err(format!(
                        "not permitted to {}: {veto}",
                        step.action.describe()
                    ))
                } else if let Err(limit) = limits::check_limits(
                    &step.action,
                    &self.lease.state,
                    before,
                    &self.engine.defaults,
                    self.now,
                ) {
                    self.report_limit(step, &limit);
                    Err(format!("limit reached: {limit}"))
                } else {
                    permitted += 1;
                    Ok(step.clone())
                },
            );
        }
        steps
    }

    /// Reports a limit that withholds a step. A limit of the run is notified for the first target
    /// only. A restart that no sweep would discover again stays pending.
    fn report_limit(&mut self, step: &Step, limit: &limits::LimitReached) {
        let of_run = matches!(limit, limits::LimitReached::ActionsPerRun(_));
        if !(of_run && self.counts.limit_notified) {
            let told = self.notify_once(limit_reached_message(step, limit));
            self.counts.limit_notified |= of_run && told;
        }
        self.lease
            .state
            .keep_pending_restart(&step.action, step.message.as_ref());
    }
}
