//! The database or cache that is to be brought back.

use jiff::Timestamp;

use crate::model::{Database, Snapshot};
use crate::state::SourceRecord;

/// What is known of a database that is to be brought back. It may no longer exist.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LostDatabase {
    /// The database or cache, as it is or was.
    pub database: Database,
    /// The instances of a cluster, as they are or were.
    pub members: Vec<Database>,
    /// Its snapshots here, and those of earlier databases of its name.
    pub snapshots: Vec<Snapshot>,
    /// False if AWS doesn't describe the database any more: all but the snapshots is what was recorded of it.
    pub exists: bool,
    /// Latest time that the retained automated backups reach: its own if it is gone, else those of the earlier database.
    pub retained: Option<Timestamp>,
    /// What was recorded of the last earlier database of its name.
    pub earlier: Option<SourceRecord>,
}

impl LostDatabase {
    /// Returns the earlier database of this name; with the settings of the present one, if nothing was recorded.
    #[must_use]
    pub fn to_earlier(&self) -> Self {
        let record = self.earlier.clone().unwrap_or_else(|| SourceRecord {
            database: self.database.clone(),
            members: self.members.clone(),
        });
        Self {
            database: record.database,
            members: record.members,
            earlier: None,
            ..self.clone()
        }
    }
}
