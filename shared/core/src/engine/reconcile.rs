//! Reconciliation of one target, from the lease to the notifications.

use std::time::Duration;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::engine::context::Engine;
use crate::engine::messages::{
    action_failed_message, bad_tag_message, observe_only_message, unknown_tag_message,
    unmanaged_target_message, unreadable_target_message,
};
use crate::engine::operation::{Observe, TargetContext};
use crate::engine::reconciliation::{
    Decision, ReconcileResult, Reconciliation, RunContext, map_ledger_error,
};
use crate::engine::telemetry::{self, Counts};
use crate::event::detail::Detail;
use crate::model::Tagged;
use crate::notify::Outbox;
use crate::plan::{Outcome, Plan};
use crate::policy::{self, Managed, Mode, TagError};
use crate::ports::Executor;

use crate::ports::ledger::{Ledger, RecordKind};
use crate::{AwsError, Error};

/// The time limit of one reconciliation. Shorter than [`LEASE_DURATION`], so that none acts after
/// its lease has expired.
pub(super) const RECONCILE_TIMEOUT: Duration = Duration::from_secs(45);
/// The duration of a lease: a target stays locked for so long if its function is killed.
pub(super) const LEASE_DURATION: Duration = Duration::from_mins(1);

/// Acquires the lease, decides, executes and notifies. Returns the reason of the decision.
///
/// # Errors
/// [`Error`] if the target is locked, AWS or the ledger fails, or [`RECONCILE_TIMEOUT`] passes.
pub(super) async fn reconcile_target<Op: Observe<C, L>, C: Executor, L: Ledger, O: Outbox>(
    engine: &Engine<C, L, O>,
    round: RunContext<'_, Op>,
    target: &Tagged,
    counts: &mut Counts,
) -> Result<ReconcileResult, Error> {
    let now = (engine.clock)();
    let lease = engine
        .ledger
        .acquire_lease(
            &target.arn,
            &round.run.request_id,
            now,
            now + LEASE_DURATION,
        )
        .await;
    let lease = lease.map_err(|e| map_ledger_error(target, e))?;
    let mut visit = Reconciliation {
        engine,
        round,
        target,
        lease,
        now,
        counts,
        silenced: None,
        muted: Vec::new(),
        notices: Vec::new(),
    };
    let out_of_time = || Error::OutOfTime {
        target: target.arn.display_name(),
        seconds: RECONCILE_TIMEOUT.as_secs(),
    };
    tokio::time::timeout(RECONCILE_TIMEOUT, visit.run())
        .await
        .map_err(|_| out_of_time())?
}

impl<Op: Observe<C, L>, C: Executor, L: Ledger, O: Outbox> Reconciliation<'_, Op, C, L, O> {
    async fn run(&mut self) -> Result<ReconcileResult, Error> {
        let result = match self.observe_and_decide().await {
            Ok(decision) if decision.executable_steps().next().is_none() => {
                self.finish_without_action(decision).await
            }
            Ok(decision) if decision.observe_only => self.finish_observe_only(decision).await,
            Ok(decision) => self.execute_plan(decision).await,
            Err(error) => self.finish_with_error(error).await,
        };
        if let Err(error) = &result {
            tracing::error!(operation = Op::FUNCTION.name(), target = self.target.arn.display_name(), error_type = error.kind(), error = %error, "visit failed");
        }
        result
    }

    /// Reads the tags, observes and decides, and checks each step of the plan.
    async fn observe_and_decide(&mut self) -> Result<Decision, AwsError> {
        self.read_silence();
        self.forward_silence_and_ack();
        for mistake in policy::find_unknown_tags(&self.target.tags).collect::<Vec<_>>() {
            self.notify_once(unknown_tag_message(&mistake));
        }
        let (managed, policy) = match self.read_tags() {
            Ok(Some(read)) => read,
            Ok(None) => {
                return Ok(Decision::nothing(format!(
                    "not managed by {}: its tags do not say so",
                    Op::FUNCTION.name()
                )));
            }
            Err(mistake) => {
                self.notify_once(bad_tag_message(&mistake));
                return Ok(Decision::nothing(mistake.to_string()));
            }
        };
        match managed {
            Managed::Paused => return Ok(Decision::nothing("paused by lamplighter:managed")),
            Managed::No if !self.cleans_up_unmanaged() => {
                self.notify_once(unmanaged_target_message(Op::FUNCTION.name()));
                return Ok(Decision::nothing("lamplighter:managed is missing"));
            }
            Managed::Act | Managed::Observe | Managed::No => {}
        }
        let RunContext {
            op,
            event,
            prefetched,
            ..
        } = self.round;
        let (target, policy) = (self.target, &policy);
        let context = TargetContext {
            event,
            target,
            policy,
            state: &self.lease.state,
        };
        let observed = op.observe(context, prefetched, &self.engine.cloud).await?;
        self.resolve_intents(&observed);
        let context = TargetContext {
            event,
            target,
            policy,
            state: &self.lease.state,
        };
        let plan = op.decide(context, &observed, self.now);
        for (name, seconds) in Op::list_gauges(&observed, self.now) {
            let stack = &self.engine.defaults.stack;
            let record = telemetry::build_gauge_record(
                stack,
                target.arn.resource(),
                name,
                seconds,
                self.now,
            );
            (self.engine.metrics)(&record.to_string());
        }
        let watched = Op::needs_requeue(context, &observed, &plan);
        self.lease.state.set_requeue(Op::FUNCTION.name(), watched);
        let no_acting = managed == Managed::Observe || self.engine.defaults.mode == Mode::Observe;
        let observe_only = no_acting && !plan.steps.iter().any(|step| step.action.is_cleanup());
        let steps = self.check_steps(&plan, &Op::preconditions(&observed));
        Ok(Decision {
            plan,
            steps,
            observed: hash_observation(&observed),
            observe_only,
        })
    }

    fn read_silence(&mut self) {
        match policy::parse_silence(&self.target.tags) {
            Ok(until) => self.silenced = until.filter(|until| self.now < *until),
            Err(mistake) => {
                self.notify_once(bad_tag_message(&mistake));
            }
        }
    }

    fn read_tags(&self) -> Result<Option<(Managed, Op::Policy)>, TagError> {
        let defaults = &self.engine.defaults;
        let managed = policy::parse_managed(&self.target.tags);
        if Op::ALWAYS_CLEANS_UP && !matches!(managed, Ok(Managed::Act | Managed::Observe)) {
            return Ok(self
                .round
                .op
                .cleanup_policy(defaults)
                .map(|policy| (Managed::Act, policy)));
        }
        let managed = managed?;
        let policy = if managed == Managed::No && self.cleans_up_unmanaged() {
            self.round.op.cleanup_policy(defaults)
        } else {
            match self.round.op.parse_policy(&self.target.tags, defaults) {
                // Another operation notifies people about the invalid tag.
                Err(_) if Op::ALWAYS_CLEANS_UP => self.round.op.cleanup_policy(defaults),
                policy => policy?,
            }
        };
        Ok(policy.map(|policy| (managed, policy)))
    }

    /// Reports whether the operation has something to clean up on a target that is no longer
    /// managed.
    fn cleans_up_unmanaged(&self) -> bool {
        Op::CLEANS_UP_UNMANAGED || self.lease.state.watched.contains(Op::FUNCTION.name())
    }

    /// Reports and journals that AWS could not be read, and fails the event.
    async fn finish_with_error(&mut self, error: AwsError) -> Result<ReconcileResult, Error> {
        self.notify_once(unreadable_target_message(&error));
        let decision = Decision::nothing(error.to_string());
        let record = self.build_record(RecordKind::Nothing, &decision, Vec::new());
        let quiet = record.notified.is_empty();
        self.finish((!quiet).then_some(record)).await?;
        Err(error.into())
    }

    /// Finishes without an action. A sweep without a notification or veto leaves only a log line;
    /// anything else is journalled.
    async fn finish_without_action(
        &mut self,
        decision: Decision,
    ) -> Result<ReconcileResult, Error> {
        self.lease.state.track_wait(
            Op::FUNCTION.name(),
            decision.plan.waits_for.as_ref(),
            self.now,
        );
        self.notify_plan(&decision.plan);
        let reason = decision.full_reason();
        let record = self.build_record(RecordKind::Nothing, &decision, decision.list_withheld());
        self.log_decision(&reason, 0);
        let quiet = self.is_sweep() && record.notified.is_empty() && record.outcomes.is_empty();
        self.finish((!quiet).then_some(record)).await?;
        Ok(ReconcileResult {
            reason,
            hook: decision.plan.hook,
        })
    }

    fn is_sweep(&self) -> bool {
        matches!(self.round.event.detail, Detail::Sweep)
    }

    /// Journals the plan and notifies people about it, but executes nothing.
    async fn finish_observe_only(&mut self, decision: Decision) -> Result<ReconcileResult, Error> {
        self.notify_plan(&decision.plan);
        for step in decision.executable_steps() {
            self.notify_once(observe_only_message(step));
        }
        let reason = format!("observed only: {}", decision.plan.reason);
        let record = self.build_record(RecordKind::Nothing, &decision, decision.list_withheld());
        self.log_decision(&reason, 0);
        let quiet = record.notified.is_empty();
        self.finish((!quiet).then_some(record)).await?;
        // Observe mode must not hold up a deployment, so its hook gets no response from the plan.
        Ok(ReconcileResult { reason, hook: None })
    }

    /// Journals the intent, executes every step, notifies, and journals the outcome.
    async fn execute_plan(&mut self, decision: Decision) -> Result<ReconcileResult, Error> {
        self.lease.state.track_wait(
            Op::FUNCTION.name(),
            decision.plan.waits_for.as_ref(),
            self.now,
        );
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
        let intent = self.build_record(RecordKind::Intent, &decision, Vec::new());
        // Notifications that are already due must survive a function that is killed from here on.
        self.lease.state.unsent.append(&mut self.notices);
        self.engine
            .ledger
            .write_intent(&self.lease, &intent)
            .await
            .map_err(|e| map_ledger_error(self.target, e))?;
        let mut outcomes = Vec::new();
        let mut failure = None;
        for step in &decision.steps {
            let step = match step {
                Ok(step) => step,
                Err(why) => {
                    outcomes.push(Outcome::Withheld(why.clone()));
                    continue;
                }
            };
            match self.engine.cloud.execute(&step.action).await {
                Ok(answer) => {
                    self.lease.state.record_done(&step.action, &answer);
                    self.notify_if_some(step.message.clone());
                    outcomes.push(Outcome::Done(answer));
                }
                Err(error) if error.is_transient_state() && step.action.is_retriable_later() => {
                    self.lease.state.record_refusal(&step.action, false);
                    outcomes.push(Outcome::Withheld(format!("not now: {error}")));
                }
                Err(error) => {
                    self.lease.state.record_failure(&step.action, self.now);
                    if error.refused {
                        self.lease
                            .state
                            .record_refusal(&step.action, !error.is_throttling());
                    }
                    // Many targets were tagged at once: Lambda retries the event, and the sweep
                    // notifies if it fails too.
                    let waits =
                        step.action.is_deferrable() && error.is_throttling() && !self.is_sweep();
                    self.notify_if_some((!waits).then(|| action_failed_message(step, &error)));
                    outcomes.push(Outcome::Failed(error.to_string()));
                    failure.get_or_insert(error);
                }
            }
        }
        let actions = u32::try_from(decision.executable_steps().count()).unwrap_or(u32::MAX);
        self.counts.actions += actions;
        self.log_decision(&decision.plan.reason, actions);
        let record = self.build_record(RecordKind::Outcome, &decision, outcomes);
        self.finish(Some(record)).await?;
        let Plan { reason, hook, .. } = decision.plan;
        failure.map_or(Ok(ReconcileResult { reason, hook }), |error| {
            Err(error.into())
        })
    }
}

/// Hashes the observed data: equal hashes mean equal observations.
fn hash_observation(observed: &impl Serialize) -> String {
    let document = serde_json::to_vec(observed).unwrap_or_default();
    let first = Sha256::digest(document)
        .iter()
        .take(8)
        .fold(0_u64, |hash, byte| (hash << 8) | u64::from(*byte));
    format!("{first:016x}")
}
