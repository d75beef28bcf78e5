//! `backup`: takes a snapshot of every tagged database in each slot, rotates them by policy, and
//! notifies you when the recovery point grows too old.
//!
//! Triggers: a sweep every 15 minutes, a created or deleted snapshot, a changed tag, and a failed
//! AWS Backup job. `backup` deletes only snapshots that it took itself, and only when newer good
//! ones exist.

mod copies;
mod decide;
#[cfg(test)]
mod decide_tests;
mod decision;
mod deletions;
mod discovery;
mod due_copies;
mod listing;
mod messages;
#[cfg(test)]
mod messages_tests;
mod observation;
mod observed;
mod policy;
mod reads;
mod recovery_point;
mod rotate;
#[cfg(test)]
mod rotate_tests;
mod sharing;

use std::collections::BTreeMap;

use jiff::Timestamp;
use lamplighter::Function;
use lamplighter::engine::Observe;
use lamplighter::engine::arbiter::Preconditions;
use lamplighter::engine::telemetry::RECOVERY_POINT;
use lamplighter::engine::{DiscoveryContext, TargetContext, Targets};
use lamplighter::plan::{Action, BackupAction};
use lamplighter::policy::{StackDefaults, TagError};
use lamplighter::ports::capability::BackupActions;
use lamplighter::ports::ledger::Ledger;
use lamplighter::state::{CopySight, TargetState};
use lamplighter::{AwsError, Operation, Plan};

use crate::due_copies::has_failed;
use crate::reads::Reads;

pub use decide::decide;
pub use decision::name_for_slot;
pub use observation::Prefetched;
pub use observed::{Copies, Observed};
pub use policy::Policy;
pub use rotate::{RotationDecision, RotationRules, rotate_snapshots};

pub struct Backup;

impl Operation for Backup {
    const FUNCTION: Function = Function::Backup;
    type Policy = Policy;
    type Prefetched = Prefetched;
    type Observed = Observed;
    type Capability = BackupActions;

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
        // `decide` checks the status of the database itself, because RDS has a dozen of them.
        if observed.database.is_some() {
            Preconditions::for_active_target()
        } else {
            Preconditions::for_missing_target()
        }
    }

    fn is_applied(action: &Action, observed: &Observed) -> bool {
        match action {
            Action::Backup(BackupAction::CreateSnapshot(create)) => observed
                .snapshots
                .iter()
                .any(|snapshot| snapshot.identifier == create.identifier),
            Action::Backup(BackupAction::CopySnapshot(copy)) => {
                observed.has_copy(&copy.to, &copy.identifier)
            }
            Action::Backup(BackupAction::DeleteSnapshot(delete)) => !observed
                .all_snapshots()
                .any(|snapshot| snapshot.arn == delete.snapshot),
            Action::Release(_)
            | Action::Scaling(_)
            | Action::Monitoring(_)
            | Action::Drill(_)
            | Action::Log(_)
            | Action::Healing(_)
            | Action::Request(_) => false,
        }
    }

    fn prune_state(state: &mut TargetState, observed: &Observed, now: Timestamp) {
        if let Some(database) = &observed.database {
            state.backups.record_source(database, &observed.members);
            state.record_policy(&observed.keep, observed.taken_under.clone(), now);
            state.backups.record_places(&observed.places, now);
            for (place, copies) in &observed.copies {
                let sight = CopySight {
                    has_copies: !copies.snapshots.is_empty(),
                    newest: copies.find_newest(),
                    has_failed: copies.snapshots.iter().any(has_failed),
                    is_complete: copies.is_complete,
                };
                state.backups.record_copies(place, sight, now);
            }
            let recovery_point = observed.recovery_point();
            state
                .backups
                .record_idle_time(observed.is_stopped(), recovery_point, now);
        }
    }

    fn list_gauges(
        observed: &Observed,
        state: &TargetState,
        now: Timestamp,
    ) -> Vec<(&'static str, f64)> {
        // While a database is stopped, its data don't change.
        let age = observed
            .recovery_point()
            .map(|at| now.duration_since(at) - state.backups.idle_time());
        age.map(|age| (RECOVERY_POINT, age.as_secs_f64().max(0.0)))
            .into_iter()
            .collect()
    }
}

impl<C: Reads, L: Ledger> Observe<C, L> for Backup {
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
