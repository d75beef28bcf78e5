//! `rollout`: tracks each rollout that `deploy` starts until its result is known.
//!
//! A verified revision becomes a rollback target. An image that was rolled back or timed out is not
//! rolled out again.
//!
//! Triggers: ECS deployment and hook events, CodeDeploy events, an approval tag, and a sweep every
//! minute over the services with an active rollout.

mod code_deploy;
mod completion;
mod decide;
mod deployments;
mod discovery;
mod environment_messages;
mod failure;
mod messages;
#[cfg(test)]
mod messages_tests;
mod observation;
mod observed;
mod policy;
mod reads;
mod requested;
mod rollback;
mod stage;
#[cfg(test)]
mod stage_tests;
mod tracked;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use lamplighter::engine::arbiter::Preconditions;
use lamplighter::engine::{DiscoveryContext, Observe, TargetContext, Targets};
use lamplighter::model::SKIPPING_STRATEGY;
use lamplighter::plan::{Action, ReleaseAction};
use lamplighter::policy::{StackDefaults, TagError};
use lamplighter::ports::capability::RolloutActions;
use lamplighter::ports::ledger::Ledger;
use lamplighter::state::TargetState;
use lamplighter::{AwsError, Function, Operation, Plan};

use crate::reads::Reads;

pub use decide::decide;
pub use observation::Prefetched;
pub use observed::Observed;
pub use policy::Policy;
pub use stage::RolloutStage;

/// How long after the beginning of its release the deletion of a service is recorded.
const DELETED_IS_RECORDED_WITHIN: SignedDuration = SignedDuration::from_hours(1);

pub struct Rollout;

impl Operation for Rollout {
    const FUNCTION: Function = Function::Rollout;
    const PUBLISHES_EVENTS: bool = true;
    type Policy = Policy;
    type Prefetched = Prefetched;
    type Observed = Observed;
    type Capability = RolloutActions;

    fn parse_policy(
        &self,
        tags: &BTreeMap<String, String>,
        defaults: &StackDefaults,
    ) -> Result<Option<Policy>, TagError> {
        let parsed = Policy::parse(tags)?;
        Ok(parsed.or_else(|| self.cleanup_policy(defaults)))
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
        decide(context, observed, now).with_log_group(observed.evidence.log_group.as_deref())
    }

    fn preconditions(observed: &Observed) -> Preconditions {
        // A person who requests a rollback has decided that an outage doesn't matter.
        let is_requested = observed
            .requested
            .as_ref()
            .is_some_and(|requested| requested.found.is_ok());
        let is_held = !observed.down.is_empty() && !is_requested;
        let down = is_held.then(|| observed.down.join(", "));
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
            Action::Release(action) => is_release_applied(action, observed),
            Action::Scaling(_)
            | Action::Monitoring(_)
            | Action::Backup(_)
            | Action::Drill(_)
            | Action::Log(_)
            | Action::Healing(_)
            | Action::Request(_) => false,
        }
    }

    fn prune_state(state: &mut TargetState, observed: &Observed, now: Timestamp) {
        state
            .requests
            .close_rejection(observed.closed_request.as_deref());
        let releases = &mut state.releases;
        if observed.is_deleted() {
            // In observe mode, nothing records the end of its release.
            let is_old = |at: Timestamp| now.duration_since(at) >= DELETED_IS_RECORDED_WITHIN;
            releases.active_rollout.take_if(|active| is_old(active.at));
        }
        if observed.rollback_finished {
            releases.active_rollback = None;
        }
        // Somebody else has chosen a strategy meanwhile, or the update to restore it has no answer.
        let has_strategy = observed.service.as_ref().is_none_or(|service| {
            service.strategy != SKIPPING_STRATEGY
                || service.shifting.bake > 0
                || service.status == "INACTIVE"
        });
        if releases.active_rollback.is_none() && has_strategy {
            releases.strategy_to_restore = None;
        }
        let Some(active) = &mut releases.active_rollout else {
            return;
        };
        // Time spent waiting for an approval doesn't count against the deadline.
        if let Some(at) = observed.deadline_restarts_at {
            active.at = at;
        }
        if let Some(streak) = &observed.probe_streak {
            active.probe_streak = streak.clone();
        }
        active.progress = observed.progress.or(active.progress);
    }

    fn needs_requeue(context: TargetContext<'_, Policy>, _: &Observed, _: &Plan) -> bool {
        context.state.releases.active_rollout.is_some()
            || context.state.releases.active_rollback.is_some()
            || context.state.releases.strategy_to_restore.is_some()
            || !context.state.requests.rejections.is_empty()
    }
}

fn is_release_applied(action: &ReleaseAction, observed: &Observed) -> bool {
    match action {
        ReleaseAction::Rollback(rollback) => observed
            .service
            .as_ref()
            .is_some_and(|service| service.task_definition == rollback.to),
        ReleaseAction::Rollout(_)
        | ReleaseAction::RestartTasks(_)
        | ReleaseAction::ContinueDeployment(_)
        | ReleaseAction::RecordResult(_)
        | ReleaseAction::AnswerCodeDeployHook(_)
        | ReleaseAction::PinRevision(_)
        | ReleaseAction::RunPreDeploymentTask(_)
        | ReleaseAction::StopPreDeploymentTask(_) => false,
        ReleaseAction::RestoreStrategy(restore) => observed
            .service
            .as_ref()
            .is_some_and(|service| service.strategy == restore.settings.strategy),
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
