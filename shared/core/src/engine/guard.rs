//! The checks between a decision and its execution: earlier intents, the arbiter and the limits.

use crate::engine::messages::{limit_reached_message, rollout_postponed_message};
use crate::engine::operation::Observe;
use crate::engine::reconciliation::Reconciliation;
use crate::engine::{arbiter, limits};
use crate::model::ReleaseEvent;
use crate::notify::Outbox;
use crate::plan::{Action, Hold, HoldKind, Plan, ReleaseAction, Step};
use crate::ports::Executor;

use crate::ports::ledger::Ledger;
use crate::release::events::find_superseded_event;

impl<Op: Observe<C, L>, C: Executor, L: Ledger, O: Outbox> Reconciliation<'_, Op, C, L, O> {
    /// Resolves intents of earlier invocations whose outcome is unknown. An action that has taken
    /// effect is notified now; any other is decided again.
    pub(super) fn resolve_intents(&mut self, observed: &Op::Observed) {
        let superseded = self.find_superseded(observed);
        self.events.extend(superseded);
        let applied = self
            .lease
            .state
            .take_applied(Op::FUNCTION.name(), self.now, |pending| {
                Op::is_applied(&pending.action, observed)
            });
        for pending in applied {
            let target = self.target.arn.display_name();
            tracing::info!(
                operation = Op::FUNCTION.name(),
                target,
                action = pending.action.describe(),
                "an interrupted action took effect"
            );
            let reason = pending
                .message
                .as_ref()
                .map_or("", |message| &message.title);
            self.queue_event(&pending.action, reason, pending.at);
            self.notify_if_some(pending.message);
        }
        // A restart in progress may still be rolled back.
        let pending_restart = self
            .lease
            .state
            .releases
            .pending_restart
            .as_ref()
            .map(|pending| Action::Release(ReleaseAction::RestartTasks(pending.restart.clone())));
        let is_settled = !Op::preconditions(observed).rollout_in_progress;
        if is_settled && pending_restart.is_some_and(|restart| Op::is_applied(&restart, observed)) {
            self.lease.state.releases.pending_restart = None;
        }
        Op::prune_state(&mut self.lease.state, observed, self.now);
    }

    /// Returns the events about releases that interrupted rollouts superseded. Only the state before these are recorded
    /// knows them.
    fn find_superseded(&self, observed: &Op::Observed) -> Vec<ReleaseEvent> {
        let state = &self.lease.state;
        let own = state.pending.iter().filter(|pending| {
            pending.operation == Op::FUNCTION.name()
                && !pending.refused
                && Op::is_applied(&pending.action, observed)
        });
        own.filter_map(|pending| {
            find_superseded_event(&pending.action, &self.target.arn, state, pending.at)
        })
        .collect()
    }

    /// Checks each step with the arbiter and the limits. Returns each step, or what
    /// withholds it.
    pub(super) fn check_steps(
        &mut self,
        plan: &Plan,
        preconditions: &arbiter::Preconditions,
    ) -> Vec<Result<Step, Hold>> {
        let mut permitted = 0;
        let mut steps = Vec::new();
        for step in &plan.steps {
            let checked = self.check_step(step, preconditions, self.counts.actions + permitted);
            permitted += u32::from(checked.is_none());
            steps.push(match checked {
                None => Ok(step.clone()),
                Some(hold) => Err(hold),
            });
        }
        steps
    }

    /// Returns what withholds a step after `done_in_run` actions; `None` if it is permitted.
    fn check_step(
        &mut self,
        step: &Step,
        preconditions: &arbiter::Preconditions,
        done_in_run: u32,
    ) -> Option<Hold> {
        let state = &self.lease.state;
        if let Err(veto) = arbiter::check_action(&step.action, preconditions, state, self.now) {
            let reason = format!("did not {}: {veto}", step.action.describe());
            return Some(Hold::new(HoldKind::Veto, reason));
        }
        let defaults = &self.engine.defaults;
        let limit = limits::check_limits(&step.action, state, done_in_run, defaults, self.now);
        limit.err().map(|limit| self.report_limit(step, &limit))
    }

    /// Reports a limit that withholds a step. A limit of the run is notified for the first target
    /// only. A restart that no sweep would discover again stays pending.
    fn report_limit(&mut self, step: &Step, limit: &limits::LimitReached) -> Hold {
        let is_per_run = limit.is_per_run();
        let state = &self.lease.state;
        let allowed_at = limits::allowed_at(&step.action, state, &self.engine.defaults, self.now)
            .filter(|_| !is_per_run);
        if !(is_per_run && self.counts.limit_notified) {
            let message = match allowed_at {
                Some(at) => rollout_postponed_message(step, limit, at),
                None => limit_reached_message(step, limit),
            };
            let sent = self.notify_once(message);
            self.counts.limit_notified |= is_per_run && sent;
        }
        self.lease
            .state
            .keep_pending_restart(&step.action, step.message.as_ref());
        Hold {
            until: allowed_at,
            ..Hold::new(HoldKind::Limit, format!("limit reached: {limit}"))
        }
    }
}
