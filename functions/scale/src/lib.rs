//! `scale`: adjusts the number of tasks of a service to its load and notifies you.
//!
//! Triggers: an alarm on a service's metrics, a changed tag, and a sweep every minute. The sweep
//! covers services that are in ALARM, above their minimum or in an open schedule window, and ten of
//! the others in turn, which may be out of their bounds. `scale` creates no alarms. It never sets the desired count of a service that Application Auto Scaling
//! scales.

mod alarm_services;
mod auto_scaling;
mod decide;
#[cfg(test)]
mod decide_tests;
mod decision;
mod demand;
mod desired_count;
mod discovery;
#[cfg(test)]
mod fixtures;
mod history;
mod leak;
mod load_level;
mod messages;
#[cfg(test)]
mod messages_tests;
mod metric;
mod observation;
mod observed;
mod peak;
mod policy;
mod queue;
mod queue_messages;
mod reads;
mod reasons;
mod requests;
mod signal;
mod sweep;
mod targets;
mod texts;
mod unresponsive;
mod unresponsive_messages;

use std::collections::BTreeMap;

use jiff::Timestamp;
use lamplighter::Function;
use lamplighter::engine::Observe;
use lamplighter::engine::arbiter::Preconditions;
use lamplighter::engine::{DiscoveryContext, TargetContext, Targets};
use lamplighter::plan::{Action, ScalingAction};
use lamplighter::policy::{ScalePolicy, StackDefaults, TagError};
use lamplighter::ports::capability::ScaleActions;
use lamplighter::ports::ledger::Ledger;
use lamplighter::state::TargetState;
use lamplighter::{AwsError, Operation, Plan};

use crate::reads::Reads;

pub use decide::decide;
pub use demand::{Demand, Need};
pub use observation::Prefetched;
pub use observed::Observed;
pub use policy::Policy;

/// The operation that adjusts the number of tasks of a service to its load.
pub struct Scale;

impl Operation for Scale {
    const FUNCTION: Function = Function::Scale;
    type Policy = Policy;
    type Prefetched = Prefetched;
    type Observed = Observed;
    type Capability = ScaleActions;

    fn parse_policy(
        &self,
        tags: &BTreeMap<String, String>,
        defaults: &StackDefaults,
    ) -> Result<Option<Policy>, TagError> {
        Policy::from_tags(tags, defaults)
    }

    fn cleanup_policy(&self, defaults: &StackDefaults) -> Option<Policy> {
        Some(Policy::for_cleanup(defaults))
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
        observed
            .service
            .as_ref()
            .map_or_else(Preconditions::for_missing_target, Preconditions::from)
    }

    fn is_applied(action: &Action, observed: &Observed) -> bool {
        match action {
            Action::Scaling(ScalingAction::SetDesiredCount(scale)) => {
                observed.desired_count() == Some(scale.to)
            }
            Action::Scaling(ScalingAction::SetMinCapacity(raise)) => {
                observed.min_capacity() == Some(raise.to)
            }
            Action::Release(_)
            | Action::Monitoring(_)
            | Action::Backup(_)
            | Action::Drill(_)
            | Action::Log(_)
            | Action::Healing(_)
            | Action::Request(_) => false,
        }
    }

    fn prune_state(state: &mut TargetState, observed: &Observed, now: Timestamp) {
        state.prune_scaling(observed.desired_count(), observed.min_capacity(), now);
        queue::learn(state, observed, now);
        unresponsive::learn(state, observed, now);
    }

    fn needs_requeue(context: TargetContext<'_, Policy>, observed: &Observed, plan: &Plan) -> bool {
        let scale = context.policy.scale.as_ref();
        let is_grown = observed.scalable.is_none()
            && scale.is_some_and(|scale| differs_from_min(scale, observed));
        let is_unknown = context.state.was_notified(messages::LOAD_UNKNOWN);
        let is_stopped = context.state.scaling.stopped_since.is_some();
        let is_raised = context.state.scaling.raised.is_some();
        let is_unresponsive = !context.state.scaling.unresponsive.is_empty();
        !plan.is_empty() || is_grown || is_unknown || is_stopped || is_raised || is_unresponsive
    }
}

/// Reports whether the service runs another number of tasks than its minimum: it may scale in later, or a window ends that
/// has a lower maximum.
fn differs_from_min(scale: &ScalePolicy, observed: &Observed) -> bool {
    observed
        .desired_count()
        .is_some_and(|desired| desired != scale.min && desired != 0)
}

impl<C: Reads, L: Ledger> Observe<C, L> for Scale {
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
        prefetched.observe_target(context, cloud).await
    }
}
