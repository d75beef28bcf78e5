//! `scale`: adjusts the number of tasks of a service to its load and notifies you.
//!
//! Triggers: an alarm on a service's metrics, a changed tag, and a sweep every minute. The sweep
//! covers services that are in ALARM, above their minimum or in an open schedule window. `scale`
//! creates no alarms. It never sets the desired count of a service that Application Auto Scaling
//! scales.

mod auto_scaling;
mod decide;
#[cfg(test)]
mod decide_tests;
mod demand;
mod discovery;
#[cfg(test)]
mod fixtures;
mod messages;
#[cfg(test)]
mod messages_tests;
mod observation;
mod peak;
mod reads;

use std::collections::BTreeMap;

use crate::reads::Reads;
use jiff::Timestamp;
use lamplighter::Function;
use lamplighter::engine::Observe;
use lamplighter::engine::arbiter::Preconditions;
use lamplighter::engine::{DiscoveryContext, TargetContext, Targets};
use lamplighter::plan::{Action, ScalingAction};
use lamplighter::policy::{self, ScalePolicy, ScheduleWindow, StackDefaults, TagError};
use lamplighter::ports::capability::ScaleActions;
use lamplighter::ports::ledger::Ledger;
use lamplighter::state::TargetState;
use lamplighter::{AwsError, Operation, Plan};

pub use decide::decide;
pub use demand::{Demand, Need};
pub use observation::{Observed, Prefetched};

pub struct Scale;

/// Scaling policy of one service, read from its tags and the stack defaults.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// `None`: load peaks are reported, and nothing is scaled.
    pub scale: Option<ScalePolicy>,
    pub windows: Vec<ScheduleWindow>,
    /// Threshold of average CPU utilisation for a peak, in per cent.
    pub cpu_peak: u32,
}

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
        let windows = policy::parse_scaling_schedule(tags)?;
        let scale = ScalePolicy::from_tags(tags, defaults)?;
        let managed = tags.contains_key(policy::MANAGED);
        Ok((scale.is_some() || managed).then_some(Policy {
            scale,
            windows,
            cpu_peak: defaults.cpu_peak,
        }))
    }

    fn cleanup_policy(&self, defaults: &StackDefaults) -> Option<Policy> {
        Some(Policy {
            scale: None,
            windows: Vec::new(),
            cpu_peak: defaults.cpu_peak,
        })
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
            Action::Scaling(ScalingAction::SetMinCapacity(floor)) => observed
                .scalable
                .as_ref()
                .is_some_and(|scalable| scalable.min == floor.to),
            _ => false,
        }
    }

    fn prune_state(memory: &mut TargetState, observed: &Observed) {
        memory.prune_scaling(
            observed.desired_count(),
            observed.scalable.as_ref().map(|scalable| scalable.min),
        );
    }

    fn needs_requeue(context: TargetContext<'_, Policy>, observed: &Observed, plan: &Plan) -> bool {
        let above = |scale: &ScalePolicy| {
            observed
                .desired_count()
                .is_some_and(|desired| desired > scale.min)
        };
        let grown = observed.scalable.is_none() && context.policy.scale.as_ref().is_some_and(above);
        !plan.is_empty() || grown || context.state.scaling.raised.is_some()
    }
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
