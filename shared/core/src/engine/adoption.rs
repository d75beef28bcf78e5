//! Slots for first rollouts: many services may be tagged at once, and few of them are rolled out at the same time.

use jiff::{SignedDuration, Timestamp};

use crate::Error;
use crate::engine::operation::Observe;
use crate::engine::reconcile::LEASE_DURATION;
use crate::engine::reconciliation::{Decision, Reconciliation, map_ledger_error};
use crate::model::Arn;
use crate::notify::Outbox;
use crate::plan::{Hold, HoldKind, LimitRule, Plan};
use crate::ports::Executor;
use crate::ports::ledger::{Ledger, LedgerError};

/// How long a new slot is kept whatever the target state says: its rollout may not be recorded yet.
const SLOT_IS_NEW: SignedDuration = SignedDuration::from_mins(2);
/// The longest time for which a slot is kept.
const SLOT_LASTS: SignedDuration = SignedDuration::from_hours(1);

impl<Op: Observe<C, L>, C: Executor, L: Ledger, O: Outbox> Reconciliation<'_, Op, C, L, O> {
    /// Leaves a first rollout to a later sweep if too many of other services are in progress.
    ///
    /// # Errors
    /// [`Error`] if the ledger fails. Nothing may be executed then.
    pub(super) async fn claim_adoption_slot(&self, decision: Decision) -> Result<Decision, Error> {
        let is_adoption = decision
            .executable_steps()
            .any(|step| step.action.limit_rule() == LimitRule::Adoptions);
        if !is_adoption || self.has_slot().await? {
            return Ok(decision);
        }
        // Everything but the steps stays: messages, and what the operation waits for.
        let name = Op::FUNCTION.name();
        let waits = self.lease.state.waiting.get(name);
        let waits_for = decision
            .plan
            .waits_for
            .or(waits.map(|(what, _)| what.clone()));
        let reason = format!(
            "{}; it waits for the first rollouts of other services (stack parameter AdoptionsAtOnce)",
            decision.plan.reason
        );
        Ok(Decision {
            plan: Plan {
                hold: Some(Hold::new(HoldKind::Adoptions, &reason)),
                reason,
                steps: Vec::new(),
                waits_for,
                ..decision.plan
            },
            steps: Vec::new(),
            ..decision
        })
    }

    /// Takes a slot for the target, and frees those of rollouts that have replaced their tasks.
    async fn has_slot(&self) -> Result<bool, Error> {
        let engine = self.engine;
        let slots = Arn::new(&engine.defaults.topic).adoptions();
        let until = self.now + LEASE_DURATION;
        let holder = &self.run.invocation.request_id;
        let acquired = engine
            .ledger
            .acquire_lease(&slots, holder, self.now, until)
            .await;
        let mut lease = match acquired {
            Ok(lease) => lease,
            Err(LedgerError::Busy { .. }) => return Ok(false),
            Err(error) => return Err(map_ledger_error(self.target, error)),
        };
        let mut kept = std::mem::take(&mut lease.state.releases.adoption_slots);
        for (service, since) in kept.clone() {
            if self.is_slot_free(&service, since).await? {
                kept.remove(&service);
            }
        }
        let limit = engine.defaults.adoptions_at_once as usize;
        let has_slot = kept.contains_key(&self.target.arn) || kept.len() < limit;
        if has_slot {
            kept.insert(self.target.arn.clone(), self.now);
        }
        lease.state.releases.adoption_slots = kept;
        engine
            .ledger
            .write_outcome(&lease, None)
            .await
            .map_err(|error| map_ledger_error(self.target, error))?;
        Ok(has_slot)
    }

    async fn is_slot_free(&self, service: &Arn, since: Timestamp) -> Result<bool, Error> {
        let age = self.now.duration_since(since);
        if age < SLOT_IS_NEW || *service == self.target.arn {
            return Ok(false);
        }
        if age >= SLOT_LASTS {
            return Ok(true);
        }
        let state = self.engine.ledger.read_state(service).await?;
        let releases = state.releases;
        let is_before = releases.find_open_pre_deployment().is_some();
        Ok(!is_before
            && releases
                .active_rollout
                .is_none_or(|rollout| rollout.has_replaced_tasks()))
    }
}
