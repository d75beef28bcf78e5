//! The observed state of one database, on which `drill` decides.

use jiff::Timestamp;
use lamplighter::model::{Arn, Database, Snapshot, Task};
use serde::Serialize;

/// Observed state that [`crate::decide`] decides on.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Observed {
    /// The time of the observation.
    pub now: Timestamp,
    /// Source database; `None` if it no longer exists.
    pub source: Option<Database>,
    /// Manual snapshots of the source, including those that Lamplighter did not take.
    pub snapshots: Vec<Snapshot>,
    /// Temporary instance or cluster.
    pub restored: Option<Database>,
    /// Instance of a temporary cluster.
    pub member: Option<Database>,
    /// Instance class for the restore; empty if none is needed now.
    pub class: String,
    /// Task that checks the restored database.
    pub check_task: Option<Task>,
    /// Whether the number of running drills allows another one.
    pub may_begin: bool,
}

impl Observed {
    /// Iterates over the temporary databases: the restored one, and the instance of a cluster.
    pub(crate) fn temporary_databases(&self) -> impl Iterator<Item = &Database> {
        [&self.restored, &self.member].into_iter().flatten()
    }

    /// Returns the snapshot with this ARN.
    pub(crate) fn find_snapshot(&self, arn: &Arn) -> Option<&Snapshot> {
        self.snapshots.iter().find(|snapshot| snapshot.arn == *arn)
    }
}
