//! The backups of a database or cache.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{CopyDestination, Database, Snapshot};
use crate::plan::DrillResult;
use crate::policy::BackupPolicy;
use crate::status::inputs::StatusInputs;

/// The backups of a database or cache.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupStatus {
    /// The time of the newest usable snapshot.
    pub newest: Option<Timestamp>,
    pub count: usize,
    /// The newest recovery point.
    pub recovery_point: Option<Timestamp>,
    /// The result of the last drill.
    pub drilled: Option<DrillResult>,
    /// The tag `lamplighter:backup` asks for backups.
    pub is_wanted: bool,
    /// The tag schedules drills.
    pub is_drilled: bool,
    /// The places of `copy=` that lack the newest backup.
    pub missing_copies: Vec<MissingCopy>,
}

/// A place that lacks the newest backup of a database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingCopy {
    pub place: CopyDestination,
    /// The time of the newest good copy there.
    pub newest: Option<Timestamp>,
    /// Since when copies there fail; `None` if none failed.
    pub failing_since: Option<Timestamp>,
}

impl BackupStatus {
    /// Returns the backups of a database or cache; `None` for other targets, and for one that AWS does not describe.
    pub(super) fn assess(inputs: &StatusInputs<'_>) -> Option<Self> {
        let database = inputs.database?;
        let usable = usable_snapshots(inputs, database);
        let newest = usable.iter().filter_map(|snapshot| snapshot.taken_at).max();
        let tags = &inputs.tagged.tags;
        let policy = BackupPolicy::from_tags(tags, inputs.defaults);
        let policy = policy.ok().flatten();
        let missing_copies = policy
            .as_ref()
            .map(|policy| list_missing_copies(inputs, policy, newest))
            .unwrap_or_default();
        Some(Self {
            missing_copies,
            newest,
            count: usable.len(),
            recovery_point: newest.max(database.latest_restorable),
            drilled: inputs.state.backups.last_drill.clone(),
            // Its cluster is backed up as a whole.
            is_wanted: policy.is_some() && database.cluster.is_none(),
            is_drilled: policy.is_some_and(|policy| policy.drill.is_some()),
        })
    }

    /// Reports whether backups are wanted and nothing can be restored.
    #[must_use]
    pub fn lacks_recovery_point(&self) -> bool {
        self.is_wanted && self.recovery_point.is_none()
    }

    /// Reports whether drills are scheduled and the last one failed.
    #[must_use]
    pub fn has_failed_drill(&self) -> bool {
        self.is_drilled && self.drilled.as_ref().is_some_and(|drill| !drill.passed)
    }

    /// Reports whether a failure of the database may cost data.
    #[must_use]
    pub fn is_at_risk(&self) -> bool {
        self.lacks_recovery_point() || self.has_failed_drill() || !self.missing_copies.is_empty()
    }
}

/// Lists the places whose newest copy is older than two slots, or where copies fail, while there is a newer backup here.
fn list_missing_copies(
    inputs: &StatusInputs<'_>,
    policy: &BackupPolicy,
    newest: Option<Timestamp>,
) -> Vec<MissingCopy> {
    let Some(newest) = newest else {
        return Vec::new();
    };
    let places = inputs.state.backups.places.iter();
    let missing = places.filter(|(_, known)| {
        let copy = known.newest.as_ref().map(|copy| copy.taken_at);
        let age = inputs.now.duration_since(copy.unwrap_or(known.since));
        let is_late = age > policy.slot_interval() * 2 || known.failing_since.is_some();
        known.until.is_none() && copy.is_none_or(|copy| copy < newest) && is_late
    });
    missing
        .map(|(place, known)| MissingCopy {
            place: place.clone(),
            newest: known.newest.as_ref().map(|copy| copy.taken_at),
            failing_since: known.failing_since,
        })
        .collect()
}

/// Returns the complete snapshots of this very database, not of an earlier one of its name.
fn usable_snapshots<'a>(inputs: &StatusInputs<'a>, database: &Database) -> Vec<&'a Snapshot> {
    let usable = inputs.snapshots.iter();
    usable
        .filter(|snapshot| snapshot.holds_data() && snapshot.belongs_to(database))
        .collect()
}
