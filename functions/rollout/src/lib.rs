//! `rollout`: tracks each rollout that `deploy` starts until its result is known.
//!
//! A verified revision becomes a rollback target. An image that was rolled back or timed out is not
//! rolled out again.
//!
//! Triggers: ECS deployment and hook events, CodeDeploy events, an approval tag, and a sweep every
//! minute over the services with an active rollout.

mod code_deploy;
mod decide;
#[cfg(test)]
mod decide_tests;
mod discovery;
mod messages;
#[cfg(test)]
mod messages_tests;
mod observation;
mod reads;

use std::collections::BTreeMap;

use crate::reads::Reads;
use jiff::Timestamp;
use lamplighter::Function;
use lamplighter::engine::Observe;
use lamplighter::engine::arbiter::Preconditions;
use lamplighter::engine::{DiscoveryContext, TargetContext, Targets};
use lamplighter::plan::{Action, ReleaseAction};
use lamplighter::policy::{DEPLOY, DeployPolicy, OnInconclusive, StackDefaults, TagError};
use lamplighter::ports::capability::RolloutActions;
use lamplighter::ports::ledger::Ledger;
use lamplighter::state::TargetState;
use lamplighter::{AwsError, Operation, Plan};

pub use decide::{RolloutStage, decide};
pub use observation::{Observed, Prefetched};

pub struct Rollout;

/// The parsed tag policy of one service.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Policy {
    /// Seconds that a rollout may take; `None` if rollouts are no longer tracked.
    pub deadline: Option<u64>,
    /// Seconds after completion during which alarms can still fail a rollout.
    pub bake: u64,
    /// Seconds that each traffic step may be evaluated for.
    pub step: u64,
    /// The addresses to probe after completion, and the text that responses must contain.
    pub verify: Vec<String>,
    pub expect: Option<String>,
    /// Whether paused deployments wait for an approval before traffic shifts.
    pub approve: bool,
    /// How to treat a release whose probes are inconclusive.
    pub unclear: OnInconclusive,
}

impl Operation for Rollout {
    const FUNCTION: Function = Function::Rollout;
    type Policy = Policy;
    type Prefetched = Prefetched;
    type Observed = Observed;
    type Capability = RolloutActions;

    fn parse_policy(
        &self,
        tags: &BTreeMap<String, String>,
        defaults: &StackDefaults,
    ) -> Result<Option<Policy>, TagError> {
        let deploy = tags
            .get(DEPLOY)
            .map(|value| DeployPolicy::parse(value))
            .transpose()?;
        let Some(deploy) = deploy else {
            return Ok(self.cleanup_policy(defaults));
        };
        let step = deploy.max_step_seconds();
        let DeployPolicy {
            deadline,
            bake,
            verify,
            expect,
            approve,
            unclear,
            ..
        } = deploy;
        Ok(Some(Policy {
            deadline: Some(deadline),
            bake,
            step,
            verify,
            expect,
            approve,
            unclear,
        }))
    }

    fn cleanup_policy(&self, _: &StackDefaults) -> Option<Policy> {
        Some(Policy::default())
    }

    fn decide(
        &self,
        context: TargetContext<'_, Policy>,
        observed: &Observed,
        now: Timestamp,
    ) -> Plan {
        decide(context, observed, now)
    }

    fn preconditions(observed: &Observed) -> Preconditions {
        let down = (!observed.down.is_empty()).then(|| observed.down.join(", "));
        let state = observed
            .service
            .as_ref()
            .map_or_else(Preconditions::for_missing_target, Preconditions::from);
        Preconditions {
            dependency_outage: down,
            ..state
        }
    }

    fn is_applied(action: &Action, observed: &Observed) -> bool {
        match action {
            Action::Release(ReleaseAction::Rollback(back)) => observed
                .service
                .as_ref()
                .is_some_and(|s| s.task_definition == back.to),
            _ => false,
        }
    }

    fn prune_state(memory: &mut TargetState, observed: &Observed) {
        if observed
            .service
            .as_ref()
            .is_none_or(|service| service.status == "INACTIVE")
        {
            memory.releases.active_rollout = None;
        }
        if observed.rollback_finished {
            memory.releases.active_rollback = None;
        }
        // Time spent waiting for an approval doesn't count against the deadline.
        if let (Some(following), Some(at)) = (
            &mut memory.releases.active_rollout,
            observed.deadline_restarts_at,
        ) {
            following.at = at;
        }
        if let (Some(following), Some(looks)) =
            (&mut memory.releases.active_rollout, &observed.probe_streak)
        {
            following.looks = looks.clone();
        }
    }

    fn needs_requeue(context: TargetContext<'_, Policy>, _: &Observed, _: &Plan) -> bool {
        context.state.releases.active_rollout.is_some()
            || context.state.releases.active_rollback.is_some()
    }
}

impl<C: Reads, L: Ledger> Observe<C, L> for Rollout {
    async fn find_targets(
        &self,
        discovery: DiscoveryContext<'_, C, L>,
    ) -> Result<Targets<Prefetched>, AwsError> {
        discovery::find_targets(discovery).await
    }

    async fn observe(
        &self,
        context: TargetContext<'_, Policy>,
        prefetched: &Prefetched,
        cloud: &C,
    ) -> Result<Observed, AwsError> {
        prefetched.observe_service(context, cloud).await
    }
}
