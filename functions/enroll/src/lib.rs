//! `enroll`: sets up monitoring for a tagged service or database. It creates the alarms and keeps
//! them up to date, keeps a dashboard for each application, and reports configuration risks as
//! findings.
//!
//! Triggers: a changed tag, a created service, and a sweep every hour. It never changes an alarm
//! that it doesn't own, even one with a name of its own. It reports findings but doesn't fix them.

mod alarms;
mod dashboard;
mod decide;
mod discovery;
mod findings;
mod observation;
mod reads;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::reads::Reads;
use jiff::Timestamp;
use lamplighter::Function;
use lamplighter::engine::Observe;
use lamplighter::engine::arbiter::Preconditions;
use lamplighter::engine::{DiscoveryContext, TargetContext, Targets};
use lamplighter::plan::{Action, MonitoringAction};
use lamplighter::policy::{self, BackupPolicy, Managed, ScalePolicy, StackDefaults, TagError};
use lamplighter::ports::capability::AlarmActions;
use lamplighter::ports::ledger::Ledger;
use lamplighter::{AwsError, Operation, Plan};

pub use decide::decide;
pub use observation::{Observed, OwnAlarm, Prefetched, Subject};

pub struct Enroll;

/// The monitoring policy of one target, parsed from its tags and the stack defaults.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    pub managed: Managed,
    pub scale: Option<ScalePolicy>,
    pub backup: Option<BackupPolicy>,
    /// Average CPU utilization that counts as a peak, in per cent.
    pub cpu_peak: u32,
    /// The stack that owns the created alarms and dashboards.
    pub stack: String,
}

impl Operation for Enroll {
    const FUNCTION: Function = Function::Enroll;
    const CLEANS_UP_UNMANAGED: bool = true;
    type Policy = Policy;
    type Prefetched = Prefetched;
    type Observed = Observed;
    type Capability = AlarmActions;

    fn parse_policy(
        &self,
        tags: &BTreeMap<String, String>,
        defaults: &StackDefaults,
    ) -> Result<Option<Policy>, TagError> {
        // Parsing reports an invalid schedule at once, not only when the service is scaled.
        policy::parse_scaling_schedule(tags)?;
        Ok(Some(Policy {
            managed: policy::parse_managed(tags)?,
            scale: ScalePolicy::from_tags(tags, defaults)?,
            backup: BackupPolicy::from_tags(tags, defaults)?,
            cpu_peak: defaults.cpu_peak,
            stack: defaults.stack.clone(),
        }))
    }

    fn cleanup_policy(&self, defaults: &StackDefaults) -> Option<Policy> {
        let (cpu_peak, stack) = (defaults.cpu_peak, defaults.stack.clone());
        Some(Policy {
            managed: Managed::No,
            scale: None,
            backup: None,
            cpu_peak,
            stack,
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

    fn preconditions(_: &Observed) -> Preconditions {
        // Monitoring doesn't change a target, so its state is never an obstacle.
        Preconditions::for_active_target()
    }

    fn is_applied(action: &Action, observed: &Observed) -> bool {
        match action {
            Action::Monitoring(MonitoringAction::ApplyAlarms(alarms)) => {
                let exists = |name: &String| {
                    observed
                        .alarms
                        .iter()
                        .find(|own| own.existing.name == *name)
                };
                let is_so = |alarm| {
                    observed
                        .alarms
                        .iter()
                        .any(|own| own.existing.alarm.as_ref() == Some(alarm))
                };
                alarms.put.iter().all(is_so)
                    && alarms.delete.iter().all(|name| exists(name).is_none())
            }
            Action::Monitoring(MonitoringAction::ApplyDashboard(dashboard)) => {
                observed.dashboard == dashboard.body
            }
            _ => false,
        }
    }
}

impl<C: Reads, L: Ledger> Observe<C, L> for Enroll {
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
