//! The database or cache that is to be brought back.

use crate::model::{Database, Snapshot};

/// What is known of a database that is to be brought back. It may no longer exist.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LostDatabase {
    /// The database or cache, as it is or was.
    pub database: Database,
    /// The instances of a cluster, as they are or were.
    pub members: Vec<Database>,
    /// Its snapshots here.
    pub snapshots: Vec<Snapshot>,
    /// False if AWS doesn't describe the database any more: all but the snapshots is what was recorded of it.
    pub exists: bool,
}
