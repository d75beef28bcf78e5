//! The backups of a database or cache.

use jiff::Timestamp;
use serde::Serialize;

use crate::model::{Database, Snapshot};
use crate::plan::DrillResult;
use crate::policy::BackupPolicy;
use crate::status::inputs::StatusInputs;

/// The backups of a database or cache.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
        Some(Self {
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
        self.lacks_recovery_point() || self.has_failed_drill()
    }
}

/// Returns the complete snapshots of this very database, not of an earlier one of its name.
fn usable_snapshots<'a>(inputs: &StatusInputs<'a>, database: &Database) -> Vec<&'a Snapshot> {
    let usable = inputs.snapshots.iter();
    usable
        .filter(|snapshot| snapshot.holds_data() && snapshot.belongs_to(database))
        .collect()
}
