//! `archive`: exports the logs of every tagged log group to the stack's bucket, one day at a time.
//! A manifest lists the complete days.
//!
//! Triggers: a sweep every five minutes, and a changed tag. AWS runs one export task at a time, so
//! the other log groups queue. AWS emits no event when an export ends.

mod decide;
#[cfg(test)]
mod decide_tests;
mod discovery;
mod export_days;
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
use lamplighter::plan::{Action, LogAction};
use lamplighter::policy::{LogsPolicy, StackDefaults, TagError};
use lamplighter::ports::capability::ArchiveActions;
use lamplighter::ports::ledger::Ledger;
use lamplighter::state::{Exporting, TargetState};
use lamplighter::{AwsError, Operation, Plan};

pub use decide::decide;
pub use observation::{Observed, Prefetched};

pub struct Archive;

/// Archive policy of one log group, read from its tags and the stack defaults.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    pub logs: LogsPolicy,
    /// Bucket that receives the exports.
    pub bucket: String,
    /// Days to keep exports if the tag doesn't say.
    pub default_keep: u32,
}

impl Operation for Archive {
    const FUNCTION: Function = Function::Archive;
    type Policy = Policy;
    type Prefetched = Prefetched;
    type Observed = Observed;
    type Capability = ArchiveActions;

    fn parse_policy(
        &self,
        tags: &BTreeMap<String, String>,
        defaults: &StackDefaults,
    ) -> Result<Option<Policy>, TagError> {
        let (bucket, default_keep) = (defaults.log_bucket.clone(), defaults.retention_days);
        Ok(LogsPolicy::from_tags(tags)?.map(|logs| Policy {
            logs,
            bucket,
            default_keep,
        }))
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
        if observed.group.is_some() {
            Preconditions::for_active_target()
        } else {
            Preconditions::for_missing_target()
        }
    }

    fn is_applied(action: &Action, observed: &Observed) -> bool {
        match action {
            Action::Log(LogAction::ExportLogs(export)) => observed
                .task
                .as_ref()
                .is_some_and(|task| task.export_day() == Some(export.of.day)),
            Action::Log(LogAction::WriteManifest(complete)) => {
                observed.done >= Some(complete.of.day)
            }
            Action::Log(LogAction::SetRetention(retain)) => observed
                .group
                .as_ref()
                .is_some_and(|group| group.retention_days == Some(retain.days)),
            _ => false,
        }
    }

    /// Updates the exports recorded in the target state.
    ///
    /// Adopts an export task whose start was not recorded, based on its content. Drops a task that
    /// AWS doesn't know, so that the export starts again.
    fn prune_state(memory: &mut TargetState, observed: &Observed) {
        memory.logs.exported = memory.logs.exported.max(observed.done);
        memory.logs.exporting = match (&observed.task, memory.logs.exporting.take()) {
            (None, _) => None,
            (Some(task), exporting) => task.export_day().map(|day| Exporting {
                day,
                task: Some(task.id.clone()),
                at: exporting.map_or(observed.at, |exporting| exporting.at),
            }),
        };
    }
}

impl<C: Reads, L: Ledger> Observe<C, L> for Archive {
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
