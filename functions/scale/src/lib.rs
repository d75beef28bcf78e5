//! `scale`: load changes the number of a service's tasks, and a person is told.
//!
//! Triggers: an alarm on a service's metrics, a changed tag, and a sweep every minute over the services that
//! are in ALARM, above their floor or in an open window. It makes no alarms, and it does not write the count
//! of a service that Application Auto Scaling scales.

mod auto;
mod decide;
#[cfg(test)]
mod decide_tests;
mod demand;
#[cfg(test)]
mod fixtures;
mod peak;
mod survey;
mod targets;
mod words;
#[cfg(test)]
mod words_tests;

use std::collections::BTreeMap;

use jiff::Timestamp;
use lamplighter::engine::arbiter::TargetState;
use lamplighter::engine::{Search, Seen, Targets};
use lamplighter::plan::Action;
use lamplighter::policy::{self, ScalePolicy, ScheduleWindow, StackDefaults, TagError};
use lamplighter::ports::cloud::{Cloud, ServicesAndBounds};
use lamplighter::ports::ledger::Ledger;
use lamplighter::state::Memory;
use lamplighter::{AwsError, Operation, Plan};

pub use decide::decide;
pub use demand::{Demand, Need};
pub use survey::{Observed, Survey};

pub struct Autoscaler;

/// What the operator wants of one service.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// `None`: peaks are told, and nothing is scaled.
    pub scale: Option<ScalePolicy>,
    pub windows: Vec<ScheduleWindow>,
    /// Average CPU utilisation that counts as a peak, in per cent.
    pub cpu_peak: u32,
}

impl Operation for Autoscaler {
    const NAME: &'static str = "scale";
    type Policy = Policy;
    type Survey = Survey;
    type Observed = Observed;
    type Reach = ServicesAndBounds;

    async fn targets<C: Cloud, L: Ledger>(
        &self,
        search: Search<'_, C, L>,
    ) -> Result<Targets<Survey>, AwsError> {
        targets::targets(search).await
    }

    fn policy(
        &self,
        tags: &BTreeMap<String, String>,
        defaults: &StackDefaults,
    ) -> Result<Option<Policy>, TagError> {
        let windows = policy::floors(tags)?;
        let scale = ScalePolicy::of(tags, defaults)?;
        let managed = tags.contains_key(policy::MANAGED);
        Ok((scale.is_some() || managed).then_some(Policy {
            scale,
            windows,
            cpu_peak: defaults.cpu_peak,
        }))
    }

    fn tidying(&self, defaults: &StackDefaults) -> Option<Policy> {
        Some(Policy {
            scale: None,
            windows: Vec::new(),
            cpu_peak: defaults.cpu_peak,
        })
    }

    async fn observe<C: Cloud>(
        &self,
        seen: Seen<'_, Policy>,
        survey: &Survey,
        cloud: &C,
    ) -> Result<Observed, AwsError> {
        survey.of(seen, cloud).await
    }

    fn decide(&self, seen: Seen<'_, Policy>, observed: &Observed, now: Timestamp) -> Plan {
        decide(seen, observed, now)
    }

    fn state(observed: &Observed) -> TargetState {
        observed
            .service
            .as_ref()
            .map_or_else(TargetState::missing, TargetState::from)
    }

    fn in_effect(action: &Action, observed: &Observed) -> bool {
        match action {
            Action::Scale(scale) => observed.desired() == Some(scale.to),
            Action::Floor(floor) => observed
                .scalable
                .as_ref()
                .is_some_and(|scalable| scalable.min == floor.to),
            _ => false,
        }
    }

    fn forget(memory: &mut Memory, observed: &Observed) {
        memory.forget_scaling(
            observed.desired(),
            observed.scalable.as_ref().map(|scalable| scalable.min),
        );
    }

    fn watches(seen: Seen<'_, Policy>, observed: &Observed, plan: &Plan) -> bool {
        let above = |scale: &ScalePolicy| {
            observed
                .desired()
                .is_some_and(|desired| desired > scale.min)
        };
        let grown = observed.scalable.is_none() && seen.policy.scale.as_ref().is_some_and(above);
        !plan.is_empty() || grown || seen.memory.raised.is_some()
    }
}
