//! One target, from the lease to the notices. The whole flow stands here, once.

use std::time::Duration;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::engine::context::Engine;
use crate::engine::messages::{bad_tag, failed, misspelt, only_observed, unmanaged, unreadable};
use crate::engine::operation::{Operation, Seen};
use crate::engine::reconciliation::{Concluded, Decision, Round, Visit, ledger_error};
use crate::engine::telemetry::{self, Counts};
use crate::event::detail::Detail;
use crate::model::Tagged;
use crate::notify::Outbox;
use crate::plan::{Outcome, Plan};
use crate::policy::{self, Managed, Mode, TagError};
use crate::ports::cloud::Cloud;
use crate::ports::ledger::{Kind, Ledger};
use crate::{AwsError, Error};

/// A visit that takes longer is abandoned. Shorter than [`LEASE`], so that nobody acts after losing it.
pub(super) const VISIT: Duration = Duration::from_secs(45);
/// How long a target stays taken by a function that was killed.
pub(super) const LEASE: Duration = Duration::from_mins(1);

/// Takes the lease, decides, acts and tells. Answers the reason of what was decided.
pub(super) async fn visit<Op: Operation, C: Cloud, L: Ledger, O: Outbox>(
    engine: &Engine<C, L, O>,
    round: Round<'_, Op>,
    target: &Tagged,
    counts: &mut Counts,
) -> Result<Concluded, Error> {
    let now = (engine.clock)();
    let lease = engine
        .ledger
        .acquire(&target.arn, &round.run.request_id, now, now + LEASE)
        .await;
    let lease = lease.map_err(|e| ledger_error(target, e))?;
    let mut visit = Visit {
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
        target: target.arn.name(),
        seconds: VISIT.as_secs(),
    };
    tokio::time::timeout(VISIT, visit.carry_out())
        .await
        .map_err(|_| out_of_time())?
}

impl<Op: Operation, C: Cloud, L: Ledger, O: Outbox> Visit<'_, Op, C, L, O> {
    async fn carry_out(&mut self) -> Result<Concluded, Error> {
        let result = match self.decide().await {
            Ok(decision) if decision.permitted().next().is_none() => self.leave(decision).await,
            Ok(decision) if decision.observe_only => self.describe(decision).await,
            Ok(decision) => self.act(decision).await,
            Err(error) => self.give_up(error).await,
        };
        if let Err(error) = &result {
            tracing::error!(operation = Op::NAME, target = self.target.arn.name(), error_type = error.kind(), error = %error, "visit failed");
        }
        result
    }

    /// Everything up to knowing what may be done.
    async fn decide(&mut self) -> Result<Decision, AwsError> {
        self.read_silence();
        self.tell_wishes();
        for mistake in policy::misspelt(&self.target.tags).collect::<Vec<_>>() {
            self.tell(misspelt(&mistake));
        }
        let (managed, policy) = match self.read_tags() {
            Ok(Some(read)) => read,
            Ok(None) => {
                return Ok(Decision::nothing(format!(
                    "not managed by {}: its tags do not say so",
                    Op::NAME
                )));
            }
            Err(mistake) => {
                self.tell(bad_tag(&mistake));
                return Ok(Decision::nothing(mistake.to_string()));
            }
        };
        match managed {
            Managed::Paused => return Ok(Decision::nothing("paused by lamplighter:managed")),
            Managed::No if !self.tidies() => {
                self.tell(unmanaged(Op::NAME));
                return Ok(Decision::nothing("lamplighter:managed is missing"));
            }
            Managed::Act | Managed::Observe | Managed::No => {}
        }
        let Round {
            op, event, survey, ..
        } = self.round;
        let (target, policy) = (self.target, &policy);
        let seen = Seen {
            event,
            target,
            policy,
            memory: &self.lease.memory,
        };
        let observed = op.observe(seen, survey, &self.engine.cloud).await?;
        self.reconcile(&observed);
        let seen = Seen {
            event,
            target,
            policy,
            memory: &self.lease.memory,
        };
        let plan = op.decide(seen, &observed, self.now);
        for (name, seconds) in Op::gauges(&observed, self.now) {
            let stack = &self.engine.defaults.stack;
            let record = telemetry::gauge(stack, target.arn.resource(), name, seconds, self.now);
            (self.engine.metrics)(&record.to_string());
        }
        let watched = Op::watches(seen, &observed, &plan);
        self.lease.memory.watch(Op::NAME, watched);
        let no_acting = managed == Managed::Observe || self.engine.defaults.mode == Mode::Observe;
        let observe_only = no_acting && !plan.steps.iter().any(|step| step.action.is_teardown());
        let steps = self.guard(&plan, &Op::state(&observed));
        Ok(Decision {
            plan,
            steps,
            observed: hash(&observed),
            observe_only,
        })
    }

    fn read_silence(&mut self) {
        match policy::silenced_until(&self.target.tags) {
            Ok(until) => self.silenced = until.filter(|until| self.now < *until),
            Err(mistake) => {
                self.tell(bad_tag(&mistake));
            }
        }
    }

    fn read_tags(&self) -> Result<Option<(Managed, Op::Policy)>, TagError> {
        let defaults = &self.engine.defaults;
        let managed = policy::managed(&self.target.tags);
        if Op::TEARS_DOWN && !matches!(managed, Ok(Managed::Act | Managed::Observe)) {
            return Ok(self
                .round
                .op
                .tidying(defaults)
                .map(|policy| (Managed::Act, policy)));
        }
        let managed = managed?;
        let policy = if managed == Managed::No && self.tidies() {
            self.round.op.tidying(defaults)
        } else {
            match self.round.op.policy(&self.target.tags, defaults) {
                // Another operation tells what is wrong with the tag.
                Err(_) if Op::TEARS_DOWN => self.round.op.tidying(defaults),
                policy => policy?,
            }
        };
        Ok(policy.map(|policy| (managed, policy)))
    }

    /// The operation has something to take away from a target that is not managed any more.
    fn tidies(&self) -> bool {
        Op::TIDIES || self.lease.memory.watched.contains(Op::NAME)
    }

    /// AWS could not be asked. That is told and journalled, and the event fails.
    async fn give_up(&mut self, error: AwsError) -> Result<Concluded, Error> {
        self.tell(unreadable(&error));
        let decision = Decision::nothing(error.to_string());
        let record = self.record(Kind::Nothing, &decision, Vec::new());
        let quiet = record.told.is_empty();
        self.conclude((!quiet).then_some(record)).await?;
        Err(error.into())
    }

    /// Nothing is done. Sweeps that find nothing to do leave a log line only; what somebody is told or
    /// an event asked for is journalled.
    async fn leave(&mut self, decision: Decision) -> Result<Concluded, Error> {
        self.lease
            .memory
            .wait(Op::NAME, decision.plan.waits_for.as_ref(), self.now);
        self.tell_all(&decision.plan);
        let reason = decision.reason();
        let record = self.record(Kind::Nothing, &decision, decision.withheld());
        self.log(&reason, 0);
        let quiet = self.by_sweep() && record.told.is_empty() && record.outcomes.is_empty();
        self.conclude((!quiet).then_some(record)).await?;
        Ok(Concluded {
            reason,
            hook: decision.plan.hook,
        })
    }

    fn by_sweep(&self) -> bool {
        matches!(self.round.event.detail, Detail::Sweep)
    }

    /// The plan is journalled and told, and nothing is done.
    async fn describe(&mut self, decision: Decision) -> Result<Concluded, Error> {
        self.tell_all(&decision.plan);
        for step in decision.permitted() {
            self.tell(only_observed(step));
        }
        let reason = format!("observed only: {}", decision.plan.reason);
        let record = self.record(Kind::Nothing, &decision, decision.withheld());
        self.log(&reason, 0);
        let quiet = record.told.is_empty();
        self.conclude((!quiet).then_some(record)).await?;
        // Who only observes stands in nobody's way.
        Ok(Concluded { reason, hook: None })
    }

    /// Journals the intent, performs every step, tells, and journals what came of it.
    async fn act(&mut self, decision: Decision) -> Result<Concluded, Error> {
        self.lease
            .memory
            .wait(Op::NAME, decision.plan.waits_for.as_ref(), self.now);
        self.lease.memory.supersede(Op::NAME);
        for step in decision.permitted() {
            self.lease
                .memory
                .intend(Op::NAME, &step.action, step.message.as_ref(), self.now);
        }
        self.tell_all(&decision.plan);
        let intent = self.record(Kind::Intent, &decision, Vec::new());
        // What is to be told already must survive a function that is killed from here on.
        self.lease.memory.unsent.append(&mut self.notices);
        self.engine
            .ledger
            .intend(&self.lease, &intent)
            .await
            .map_err(|e| ledger_error(self.target, e))?;
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
            match self.engine.cloud.perform(&step.action).await {
                Ok(answer) => {
                    self.lease.memory.finish(&step.action, &answer);
                    self.tell_if_any(step.message.clone());
                    outcomes.push(Outcome::Done(answer));
                }
                Err(error) if error.is_not_now() && step.action.has_its_time() => {
                    self.lease.memory.refuse(&step.action, false);
                    outcomes.push(Outcome::Withheld(format!("not now: {error}")));
                }
                Err(error) => {
                    if error.refused {
                        self.lease
                            .memory
                            .refuse(&step.action, !error.is_throttling());
                    }
                    // Many targets tagged at once: the event comes again, and so does the sweep, which tells.
                    let waits = step.action.can_wait() && error.is_throttling() && !self.by_sweep();
                    self.tell_if_any((!waits).then(|| failed(step, &error)));
                    outcomes.push(Outcome::Failed(error.to_string()));
                    failure.get_or_insert(error);
                }
            }
        }
        let actions = u32::try_from(decision.permitted().count()).unwrap_or(u32::MAX);
        self.counts.actions += actions;
        self.log(&decision.plan.reason, actions);
        let record = self.record(Kind::Outcome, &decision, outcomes);
        self.conclude(Some(record)).await?;
        let Plan { reason, hook, .. } = decision.plan;
        failure.map_or(Ok(Concluded { reason, hook }), |error| Err(error.into()))
    }
}

/// Two decisions with the same hash saw the same world.
fn hash(observed: &impl Serialize) -> String {
    let document = serde_json::to_vec(observed).unwrap_or_default();
    let first = Sha256::digest(document)
        .iter()
        .take(8)
        .fold(0_u64, |hash, byte| (hash << 8) | u64::from(*byte));
    format!("{first:016x}")
}
