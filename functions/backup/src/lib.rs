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
mod discovery;
mod messages;
#[cfg(test)]
mod messages_tests;
mod observation;
mod reads;
mod rotate;
#[cfg(test)]
mod rotate_tests;

use std::collections::{BTreeMap, BTreeSet};

use crate::reads::Reads;
use jiff::Timestamp;
use lamplighter::Function;
use lamplighter::engine::Observe;
use lamplighter::engine::arbiter::Preconditions;
use lamplighter::engine::telemetry::RECOVERY_POINT;
use lamplighter::engine::{DiscoveryContext, TargetContext, Targets};
use lamplighter::model::{Arn, Snapshot};
use lamplighter::plan::{Action, BackupAction};
use lamplighter::policy::{BackupPolicy, StackDefaults, TagError};
use lamplighter::ports::capability::BackupActions;
use lamplighter::ports::ledger::Ledger;
use lamplighter::{AwsError, Operation, Plan};

pub use decide::{decide, name_for_slot};
pub use observation::{Copies, Observed, Prefetched};
pub use rotate::{RotationDecision, RotationRules, rotate_snapshots};

pub struct Backup;

/// Backup policy of one database, read from its tags and the stack defaults.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    pub backup: BackupPolicy,
    /// Name of the stack that owns the snapshots.
    pub stack: String,
    /// Whether the stack has a vault: another account for copies.
    pub has_vault: bool,
}

impl Policy {
    /// Returns the rotation rules for the snapshots of one database.
    fn rotation_rules<'a>(
        &'a self,
        database: &'a Arn,
        resource_id: &'a str,
        in_use: &'a BTreeSet<String>,
    ) -> RotationRules<'a> {
        let (keep, zone) = (&self.backup.keep, &self.backup.zone);
        RotationRules {
            stack: &self.stack,
            database,
            resource_id,
            keep,
            zone,
            in_use,
        }
    }
}

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
        let backup = BackupPolicy::from_tags(tags, defaults)?;
        let (stack, has_vault) = (defaults.stack.clone(), !defaults.vault_role.is_empty());
        Ok(backup.map(|backup| Policy {
            backup,
            stack,
            has_vault,
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
        // `decide` checks the status of the database itself, because RDS has a dozen of them.
        if observed.database.is_some() {
            Preconditions::for_active_target()
        } else {
            Preconditions::for_missing_target()
        }
    }

    fn is_applied(action: &Action, observed: &Observed) -> bool {
        let everywhere = || {
            observed
                .snapshots
                .iter()
                .chain(observed.copies.values().flat_map(|there| &there.snapshots))
        };
        let is_there = |is: &dyn Fn(&Snapshot) -> bool| everywhere().any(is);
        match action {
            Action::Backup(BackupAction::CopySnapshot(copy)) => {
                let there = observed.copies.get(&copy.to);
                there.is_some_and(|there| {
                    there
                        .snapshots
                        .iter()
                        .any(|s| s.identifier == copy.snapshot.display_name())
                })
            }
            Action::Backup(BackupAction::CreateSnapshot(backup)) => {
                is_there(&|snapshot| snapshot.identifier == backup.identifier)
            }
            Action::Backup(BackupAction::DeleteSnapshot(expire)) => {
                !is_there(&|snapshot| snapshot.arn == expire.snapshot)
            }
            _ => false,
        }
    }

    fn list_gauges(observed: &Observed, now: Timestamp) -> Vec<(&'static str, f64)> {
        let age = observed
            .recovery_point()
            .map(|at| now.duration_since(at).as_secs_f64().max(0.0));
        age.map(|age| (RECOVERY_POINT, age)).into_iter().collect()
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
