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
mod observed;
mod policy;
mod reads;
mod retry;

use std::collections::BTreeMap;

use jiff::Timestamp;
use lamplighter::Function;
use lamplighter::engine::Observe;
use lamplighter::engine::arbiter::Preconditions;
use lamplighter::engine::{DiscoveryContext, TargetContext, Targets};
use lamplighter::plan::{Action, LogAction};
use lamplighter::policy::{StackDefaults, TagError};
use lamplighter::ports::capability::ArchiveActions;
use lamplighter::ports::ledger::Ledger;
use lamplighter::state::{Exporting, TargetState};
use lamplighter::{AwsError, Operation, Plan};

use crate::reads::Reads;

pub use decide::decide;
pub use observation::Prefetched;
pub use observed::Observed;
pub use policy::Policy;

pub struct Archive;

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
        Policy::from_tags(tags, defaults)
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
            Action::Log(LogAction::WriteManifest(manifest)) => {
                observed.done >= Some(manifest.of.day)
            }
            Action::Log(LogAction::SetRetention(retention)) => observed
                .group
                .as_ref()
                .is_some_and(|group| group.retention_days == Some(retention.days)),
            Action::Release(_)
            | Action::Scaling(_)
            | Action::Monitoring(_)
            | Action::Backup(_)
            | Action::Drill(_)
            | Action::Healing(_)
            | Action::Request(_) => false,
        }
    }

    /// Updates the exports recorded in the target state.
    ///
    /// Adopts an export task whose start was not recorded, based on its content. Drops a task that
    /// AWS doesn't know, so that the export starts again.
    fn prune_state(state: &mut TargetState, observed: &Observed, _: Timestamp) {
        state.logs.exported = state.logs.exported.max(observed.done);
        state.logs.exporting = match (&observed.task, state.logs.exporting.take()) {
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
