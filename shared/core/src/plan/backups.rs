//! Actions on backups of databases, and on what is restored to prove them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{Arn, Place};

/// Take a manual snapshot of a database. Its name says of what and for when, so that it can't be taken twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backup {
    /// The instance or cluster.
    pub database: Arn,
    pub identifier: String,
    pub tags: BTreeMap<String, String>,
}

/// Copy a snapshot to another region, or to the vault after sharing it with that account, under its own name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copy {
    pub snapshot: Arn,
    pub to: Place,
    /// A key there, where the snapshot is encrypted.
    pub key: Option<String>,
    /// A copy has no tags but these.
    pub tags: BTreeMap<String, String>,
}

/// Delete a snapshot that this stack took, in the region that its ARN names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expire {
    pub snapshot: Arn,
}

/// Restore a snapshot to a throwaway database, to prove it. A cluster gets an instance by a second one of these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restore {
    /// The database that the snapshot is of.
    pub source: Arn,
    pub snapshot: Arn,
    /// What it is called.
    pub into: String,
    /// The engine, which only a cluster and its instance must be told.
    pub engine: String,
    /// That of the snapshot: a cluster would get the newest one otherwise.
    pub engine_version: Option<String>,
    pub part: RestorePart,
    /// Of an instance, a member or a Multi-AZ DB cluster; empty for another cluster.
    pub class: String,
    /// Of a Multi-AZ DB cluster.
    pub storage_type: Option<String>,
    pub iops: Option<i32>,
    pub subnet_group: Option<String>,
    /// Of a serverless cache, which has no group of them.
    pub subnets: Vec<String>,
    /// At rest; only a cache must be told.
    pub encrypted: bool,
    pub parameter_group: Option<String>,
    pub security_group: String,
    pub tags: BTreeMap<String, String>,
}

/// What of a database is restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RestorePart {
    /// Or a cache, of the kind that its source is of.
    Instance,
    Cluster,
    /// The instance of a cluster that was restored.
    Member,
}

/// Delete a throwaway database, or one part of it: the instance of a cluster goes first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remove {
    /// The database that it was restored from.
    pub source: Arn,
    pub database: Arn,
    /// What becomes known by it; `None` where the check is still to come or was made before.
    pub outcome: Option<Drilled>,
}

/// How a drill ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drilled {
    pub snapshot: Arn,
    pub began: Timestamp,
    /// Seconds until the restored database was available.
    pub took: i64,
    /// Seconds until its check had ended, if there was one.
    #[serde(default)]
    pub checked: Option<i64>,
    pub passed: bool,
}

/// Mark a snapshot as one that was restored and checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verify {
    pub snapshot: Arn,
    pub at: Timestamp,
}

/// Run a task that looks into a restored database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunProbe {
    /// The database that the restored one comes from.
    pub source: Arn,
    pub cluster: String,
    /// Family, or family and revision.
    pub task_definition: String,
    pub subnets: Vec<String>,
    pub security_group: String,
    /// Of every container, beside its own. It names a secret, and has none.
    pub environment: BTreeMap<String, String>,
    pub tags: BTreeMap<String, String>,
    /// What makes it this drill's; AWS starts one task for it.
    pub token: String,
}

/// Stop a task that looks into a restored database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Halt {
    pub cluster: String,
    pub task: String,
}
