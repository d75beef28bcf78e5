//! `enroll`: tagging a service or a database is enough. Its alarms are made and kept right, its application has
//! a dashboard, and what will hurt one day is found and told.
//!
//! Triggers: a changed tag, a created service, and a sweep every hour. It acts on no alarm of other people,
//! even under one of its own names, and it does nothing about what it finds but tell.

mod alarms;
mod dashboard;
mod decide;
mod findings;
mod survey;
mod targets;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use jiff::Timestamp;
use lamplighter::engine::arbiter::TargetState;
use lamplighter::engine::{Search, Seen, Targets};
use lamplighter::plan::Action;
use lamplighter::policy::{self, BackupPolicy, Managed, ScalePolicy, StackDefaults, TagError};
use lamplighter::ports::cloud::{Cloud, Watching};
use lamplighter::ports::ledger::Ledger;
use lamplighter::{AwsError, Operation, Plan};

pub use decide::decide;
pub use survey::{Observed, OwnAlarm, Subject, Survey};

pub struct Enroll;

/// What the operator wants of one target.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    pub managed: Managed,
    pub scale: Option<ScalePolicy>,
    pub backup: Option<BackupPolicy>,
    /// Average CPU utilisation that counts as a peak, in per cent.
    pub cpu_peak: u32,
    /// The stack that owns what is made.
    pub stack: String,
}

impl Operation for Enroll {
    const NAME: &'static str = "enroll";
    const TIDIES: bool = true;
    type Policy = Policy;
    type Survey = Survey;
    type Observed = Observed;
    type Reach = Watching;

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
        // An unreadable schedule is told here as well, at once and not only when the service is scaled.
        policy::floors(tags)?;
        Ok(Some(Policy {
            managed: policy::managed(tags)?,
            scale: ScalePolicy::of(tags, defaults)?,
            backup: BackupPolicy::of(tags, defaults)?,
            cpu_peak: defaults.cpu_peak,
            stack: defaults.stack.clone(),
        }))
    }

    fn tidying(&self, defaults: &StackDefaults) -> Option<Policy> {
        let (cpu_peak, stack) = (defaults.cpu_peak, defaults.stack.clone());
        Some(Policy {
            managed: Managed::No,
            scale: None,
            backup: None,
            cpu_peak,
            stack,
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

    fn state(_: &Observed) -> TargetState {
        // Watching a target does nothing to it, whatever state it is in.
        TargetState::active()
    }

    fn in_effect(action: &Action, observed: &Observed) -> bool {
        match action {
            Action::Alarms(alarms) => {
                let exists =
                    |name: &String| observed.alarms.iter().find(|own| own.has.name == *name);
                let is_so = |alarm| {
                    observed
                        .alarms
                        .iter()
                        .any(|own| own.has.alarm.as_ref() == Some(alarm))
                };
                alarms.put.iter().all(is_so)
                    && alarms.delete.iter().all(|name| exists(name).is_none())
            }
            Action::Dashboard(dashboard) => observed.dashboard == dashboard.body,
            _ => false,
        }
    }
}
