//! Reconciliation of one target, from the lease to the notifications.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::engine::context::Engine;
use crate::engine::operation::{Observe, TargetContext};
use crate::engine::reconciliation::{
    Decision, ReconcileResult, Reconciliation, RunContext, map_ledger_error,
};
use crate::engine::telemetry::{self, Counts};
use crate::model::{Tagged, short_hash};
use crate::notify::Outbox;
use crate::plan::Plan;
use crate::policy::{Managed, Mode};
use crate::ports::Executor;
use crate::ports::ledger::{Lease, Ledger, LedgerError};
use crate::release::pre_deployment::mention_kept_changes;
use crate::{AwsError, Error};

/// The time limit of one reconciliation. Shorter than [`LEASE_DURATION`], so that none acts after
/// its lease has expired.
pub(super) const RECONCILE_TIMEOUT: Duration = Duration::from_secs(45);
/// The duration of a lease: a target stays locked for so long if its function is killed.
pub(super) const LEASE_DURATION: Duration = Duration::from_mins(1);
/// The time between two attempts to lock a target that is locked.
const LEASE_POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Acquires the lease, decides, executes and notifies. Returns the reason of the decision and, for
/// a hook, its status.
///
/// # Errors
/// [`Error`] if the target is locked, AWS or the ledger fails, or [`RECONCILE_TIMEOUT`] passes.
pub(super) async fn reconcile_target<Op: Observe<C, L>, C: Executor, L: Ledger, O: Outbox>(
    engine: &Engine<C, L, O>,
    run: RunContext<'_, Op>,
    target: &Tagged,
    counts: &mut Counts,
) -> Result<ReconcileResult, Error> {
    let pauses = engine.read_pauses((engine.clock)()).await?;
    let (lease, now) = acquire_lease(engine, run, target).await?;
    let mut reconciliation = Reconciliation {
        engine,
        run,
        target,
        lease,
        now,
        counts,
        silence_tag: None,
        pauses,
        silenced_titles: Vec::new(),
        notifications: Vec::new(),
        events: Vec::new(),
    };
    tokio::time::timeout(RECONCILE_TIMEOUT, reconciliation.run())
        .await
        .map_err(|_| out_of_time(target))?
}

/// Acquires the lease of a target, within the patience of the operation. Returns it with the time at which it began.
async fn acquire_lease<Op: Observe<C, L>, C: Executor, L: Ledger, O: Outbox>(
    engine: &Engine<C, L, O>,
    run: RunContext<'_, Op>,
    target: &Tagged,
) -> Result<(Lease, Timestamp), Error> {
    let mut patience = Op::lease_patience(&target.arn);
    loop {
        let now = (engine.clock)();
        let request = &run.invocation.request_id;
        let acquired = engine
            .ledger
            .acquire_lease(&target.arn, request, now, now + LEASE_DURATION)
            .await;
        match acquired {
            Ok(lease) => return Ok((lease, now)),
            Err(LedgerError::Busy { .. }) if !patience.is_zero() => {
                tokio::time::sleep(LEASE_POLL_INTERVAL).await;
                patience = patience.saturating_sub(LEASE_POLL_INTERVAL);
            }
            Err(error) => return Err(map_ledger_error(target, error)),
        }
    }
}

/// Returns the error for a target whose reconciliation timed out, or for which too little time is
/// left in this invocation.
pub(super) fn out_of_time(target: &Tagged) -> Error {
    Error::OutOfTime {
        target: target.arn.display_name(),
        seconds: RECONCILE_TIMEOUT.as_secs(),
    }
}

impl<Op: Observe<C, L>, C: Executor, L: Ledger, O: Outbox> Reconciliation<'_, Op, C, L, O> {
    async fn run(&mut self) -> Result<ReconcileResult, Error> {
        let result = match self.observe_and_decide().await {
            Ok(decision) if decision.executable_steps().next().is_none() => {
                self.finish_without_action(decision).await
            }
            Ok(decision) if decision.observe_only => self.finish_observe_only(decision).await,
            Ok(decision) => {
                let decision = self.claim_adoption_slot(decision).await?;
                if decision.executable_steps().next().is_none() {
                    self.finish_without_action(decision).await
                } else {
                    self.execute_plan(decision).await
                }
            }
            Err(error) => self.finish_with_error(error).await,
        };
        if let Err(error) = &result {
            tracing::error!(operation = Op::FUNCTION.name(), target = self.target.arn.display_name(), error_type = error.kind(), error = %error, "reconciliation failed");
        }
        result
    }

    /// Reads the tags, observes and decides, and checks each step of the plan.
    async fn observe_and_decide(&mut self) -> Result<Decision, AwsError> {
        self.read_silence_tag();
        self.forward_silence_and_ack();
        self.notify_unknown_tags();
        let (managed, policy) = match self.select_policy() {
            Ok(selected) => selected,
            Err(reason) => return Ok(Decision::nothing(reason)),
        };
        let op = self.run.op;
        // Boxed: rustc limits how deep futures nest.
        let observing = op.observe(
            self.target_context(&policy),
            self.run.prefetched,
            &self.engine.cloud,
        );
        let observed = Box::pin(observing).await?;
        self.resolve_intents(&observed);
        let plan = op.decide(self.target_context(&policy), &observed, self.now);
        let plan = mention_kept_changes(plan, &self.lease.state);
        self.record_gauges(&observed);
        let requeue = Op::needs_requeue(self.target_context(&policy), &observed, &plan);
        self.lease.state.set_requeue(Op::FUNCTION.name(), requeue);
        let steps = self.check_steps(&plan, &Op::preconditions(&observed));
        Ok(Decision {
            steps,
            observed: hash_observation(&observed),
            observe_only: self.is_observe_only(managed, &plan),
            plan,
        })
    }

    fn target_context<'c>(&'c self, policy: &'c Op::Policy) -> TargetContext<'c, Op::Policy> {
        TargetContext {
            event: self.run.event,
            target: self.target,
            policy,
            state: &self.lease.state,
        }
    }

    /// Writes the metrics of the target.
    fn record_gauges(&self, observed: &Op::Observed) {
        for (name, seconds) in Op::list_gauges(observed, &self.lease.state, self.now) {
            let record = telemetry::build_gauge_record(
                &self.engine.defaults.stack,
                self.target.arn.resource(),
                name,
                seconds,
                self.now,
            );
            (self.engine.metrics)(&record.to_string());
        }
    }

    /// Reports whether the plan must not be executed. A cleanup is executed in every mode.
    fn is_observe_only(&self, managed: Managed, plan: &Plan) -> bool {
        let observes = managed == Managed::Observe || self.engine.defaults.mode == Mode::Observe;
        observes && !plan.steps.iter().any(|step| step.action.is_cleanup())
    }
}

/// Hashes the observed data: equal hashes mean equal observations.
fn hash_observation(observed: &impl Serialize) -> String {
    let document = serde_json::to_vec(observed).unwrap_or_default();
    short_hash(document)
}
