//! The backups of the managed databases.

use jiff::Timestamp;
use lamplighter::model::{Database, Snapshot, Tagged};
use lamplighter::plan::DrillResult;
use lamplighter::state::TargetState;

use crate::inputs::ReportInputs;

/// The backups of one database.
#[derive(Debug, Clone, PartialEq)]
pub struct BackupStatus {
    pub name: String,
    /// The time of the newest usable snapshot.
    pub newest: Option<Timestamp>,
    pub count: usize,
    /// The newest recovery point.
    pub recovery_point: Option<Timestamp>,
    pub drilled: Option<DrillResult>,
}

pub fn summarize_backups(
    inputs: &ReportInputs,
    tagged: &Tagged,
    state: &TargetState,
) -> BackupStatus {
    let database = inputs
        .described
        .iter()
        .find(|database| database.arn == tagged.arn);
    let snapshots: Vec<&Snapshot> = database
        .map(|database| usable_snapshots(inputs, tagged, database))
        .unwrap_or_default();
    let newest = snapshots
        .iter()
        .filter_map(|snapshot| snapshot.taken_at)
        .max();
    BackupStatus {
        name: tagged.arn.display_name(),
        newest,
        count: snapshots.len(),
        recovery_point: newest.max(database.and_then(|database| database.latest_restorable)),
        drilled: state.backups.last_drill.clone(),
    }
}

/// Returns the restorable snapshots of this very database, not of an earlier one of its name.
fn usable_snapshots<'a>(
    inputs: &'a ReportInputs,
    tagged: &Tagged,
    database: &Database,
) -> Vec<&'a Snapshot> {
    let usable = inputs.snapshots.iter().filter(|snapshot| {
        snapshot.is_restorable()
            && snapshot.database == database.identifier
            && snapshot.matches_resource_id(&database.resource_id)
            && tagged.arn.database_kind() == Some(snapshot.kind)
    });
    usable.collect()
}
