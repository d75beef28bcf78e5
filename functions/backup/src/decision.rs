//! The inputs of the decision about one database, and what follows from them directly.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use lamplighter::engine::TargetContext;
use lamplighter::model::{
    Arn, Database, SNAPSHOT_READY_STATUSES, Snapshot, add_name_suffix, build_snapshot_name,
};
use lamplighter::policy::BackupPolicy;

use crate::due_copies::is_running;
use crate::observed::Observed;
use crate::policy::Policy;
use crate::rotate::RotationRules;

/// Maximum time that a drill uses its snapshot.
const MAX_DRILL_DURATION: SignedDuration = SignedDuration::from_hours(8);

/// Inputs of the decision for one database.
pub struct Decision<'a> {
    pub context: TargetContext<'a, Policy>,
    pub database: &'a Database,
    pub policy: &'a BackupPolicy,
    pub observed: &'a Observed,
    /// Start of the current slot.
    pub slot: Timestamp,
    pub now: Timestamp,
}

/// Returns the name of a database's snapshot for a slot, in UTC:
/// `lamplighter-orders-20261121-0300`.
#[must_use]
pub fn name_for_slot(database: &Arn, slot: Timestamp) -> String {
    build_snapshot_name(database, &slot.strftime("%Y%m%d-%H%M").to_string())
}

impl<'a> Decision<'a> {
    /// Returns the value of the tag of the slot, a time in UTC.
    pub fn slot_tag(&self) -> String {
        self.slot.strftime("%FT%H:%MZ").to_string()
    }

    /// Returns the snapshot name for the slot. Adds a hash if an earlier database of the same name
    /// or somebody else already used it.
    pub fn snapshot_identifier(&self) -> String {
        let name = name_for_slot(&self.database.arn, self.slot);
        let is_taken = self
            .observed
            .snapshots
            .iter()
            .any(|snapshot| snapshot.identifier == name && !self.is_own(snapshot));
        if is_taken {
            add_name_suffix(&name, &self.database.identity())
        } else {
            name
        }
    }

    /// Reports whether this stack took the snapshot of this very database.
    pub fn is_own(&self, snapshot: &Snapshot) -> bool {
        snapshot.is_taken_by(&self.context.policy.stack, self.database)
    }

    /// Returns the snapshot of the current slot, in whatever status.
    pub fn slot_snapshot(&self) -> Option<&'a Snapshot> {
        let slot = self.slot_tag();
        self.observed
            .snapshots
            .iter()
            .find(|snapshot| snapshot.is_of_slot(&slot) && self.is_own(snapshot))
    }

    /// Reports whether AWS takes a snapshot in the current status of the database.
    pub fn is_ready(&self) -> bool {
        SNAPSHOT_READY_STATUSES.contains(&self.database.status.as_str())
    }

    /// Reports whether the backup is overdue by at least half of the allowed slack.
    pub fn is_overdue(&self) -> bool {
        let allowed = self.policy.max_recovery_point_age(self.database);
        let slack = allowed - self.policy.slot_interval();
        let limit = if slack.is_positive() { slack } else { allowed };
        self.now.duration_since(self.slot) - self.idle_time() >= limit / 2
    }

    /// Returns for how long the database has been stopped since its recovery point. Without one, nothing excuses that.
    pub fn idle_time(&self) -> SignedDuration {
        if self.observed.recovery_point().is_some() {
            self.context.state.backups.idle_time()
        } else {
            SignedDuration::ZERO
        }
    }

    /// Reports whether the backup is overdue and waits for another status of the database.
    pub fn is_held_up(&self) -> bool {
        self.slot_snapshot().is_none() && !self.is_ready() && self.is_overdue()
    }

    /// Returns the rotation rules for the snapshots of this database.
    pub fn rotation_rules<'r>(&'r self, in_use: &'r BTreeSet<Arn>) -> RotationRules<'r> {
        self.context.policy.rotation_rules(
            self.database,
            &self.context.state.backups.policies,
            in_use,
        )
    }

    /// Returns the ARNs of snapshots that are shared, being copied or being restored, and must stay.
    pub fn snapshots_in_use(&self) -> BTreeSet<Arn> {
        let running: BTreeSet<&str> = self
            .observed
            .all_copies()
            .filter(|copy| is_running(copy))
            .map(|copy| copy.identifier.as_str())
            .collect();
        let snapshots = self.observed.snapshots.iter();
        let copied = snapshots
            .filter(|snapshot| running.contains(snapshot.copy_name().as_str()))
            .map(|snapshot| snapshot.arn.clone());
        let drill = self.context.state.backups.drill.as_ref();
        let restored = drill
            .filter(|(at, _)| self.now.duration_since(*at) < MAX_DRILL_DURATION)
            .map(|(_, snapshot)| snapshot.clone());
        let shared = self.observed.shared.iter().cloned();
        shared.chain(copied).chain(restored).collect()
    }
}
