//! `drill`: tests backups by restoring them. Restores the newest good snapshot of a database to a
//! temporary database, checks it, measures the time and deletes it.
//!
//! Triggers: a sweep every 15 minutes, events of the temporary databases, and a manual request for
//! one database. Lamplighter never waits inside an invocation: each run takes the next step from
//! the state in AWS.

mod check;
mod decide;
mod decision;
mod discovery;
mod messages;
#[cfg(test)]
mod messages_tests;
mod observation;
mod observed;
mod policy;
mod reads;
mod restore;
mod result;
mod schedule;
#[cfg(test)]
mod schedule_tests;
mod temporary_names;

use std::collections::BTreeMap;

use jiff::Timestamp;
use lamplighter::Function;
use lamplighter::engine::Observe;
use lamplighter::engine::arbiter::Preconditions;
use lamplighter::engine::{DiscoveryContext, TargetContext, Targets};
use lamplighter::model::Snapshot;
use lamplighter::plan::{Action, DrillAction};
use lamplighter::policy::{StackDefaults, TagError};
use lamplighter::ports::capability::DrillActions;
use lamplighter::ports::ledger::Ledger;
use lamplighter::{AwsError, Operation, Plan};

use crate::reads::Reads;

pub use decide::decide;
pub use observation::Prefetched;
pub use observed::Observed;
pub use policy::{CheckSettings, Policy};
pub use temporary_names::temporary_name;

pub struct Drill;

impl Operation for Drill {
    const FUNCTION: Function = Function::Drill;
    const CLEANS_UP_UNMANAGED: bool = true;
    const ALWAYS_CLEANS_UP: bool = true;
    type Policy = Policy;
    type Prefetched = Prefetched;
    type Observed = Observed;
    type Capability = DrillActions;

    fn parse_policy(
        &self,
        tags: &BTreeMap<String, String>,
        defaults: &StackDefaults,
    ) -> Result<Option<Policy>, TagError> {
        Policy::from_tags(tags, defaults).map(Some)
    }

    fn cleanup_policy(&self, defaults: &StackDefaults) -> Option<Policy> {
        Some(Policy::cleanup_only(defaults))
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
        // A drill doesn't change the source, so the source's status doesn't matter.
        Preconditions::for_active_target()
    }

    /// A requested drill may have to wait, and its database need not have `drill=`.
    fn needs_requeue(context: TargetContext<'_, Policy>, observed: &Observed, _: &Plan) -> bool {
        schedule::is_requested(context, observed.now)
    }

    fn is_applied(action: &Action, observed: &Observed) -> bool {
        match action {
            Action::Drill(action) => is_drill_action_applied(action, observed),
            Action::Release(_)
            | Action::Scaling(_)
            | Action::Monitoring(_)
            | Action::Backup(_)
            | Action::Log(_)
            | Action::Healing(_)
            | Action::Request(_) => false,
        }
    }
}

fn is_drill_action_applied(action: &DrillAction, observed: &Observed) -> bool {
    match action {
        DrillAction::RestoreForDrill(restore) => observed
            .temporary_databases()
            .any(|database| database.identifier == restore.call.name()),
        DrillAction::DeleteRestoredDatabase(delete) => !observed
            .temporary_databases()
            .any(|database| database.arn == delete.database && database.status != "deleting"),
        DrillAction::RunCheckTask(_) => observed.check_task.is_some(),
        DrillAction::StopCheckTask(stop) => observed
            .check_task
            .as_ref()
            .is_none_or(|task| task.task != stop.task || task.is_stopped()),
        DrillAction::MarkVerified(mark) => observed
            .find_snapshot(&mark.snapshot)
            .is_some_and(Snapshot::is_verified),
    }
}

impl<C: Reads, L: Ledger> Observe<C, L> for Drill {
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
