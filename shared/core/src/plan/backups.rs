//! Actions on database backups, and on resources of restore tests.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{Arn, CopyDestination};

/// Takes a manual snapshot of a database. The name contains the database and slot, so that a
/// repetition fails in AWS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateSnapshot {
    /// The instance or cluster.
    pub database: Arn,
    pub identifier: String,
    pub tags: BTreeMap<String, String>,
}

/// Copies a snapshot under its own name to another region, or to the vault account after sharing
/// it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopySnapshot {
    pub snapshot: Arn,
    pub to: CopyDestination,
    /// A KMS key at the destination, if the snapshot is encrypted.
    pub key: Option<String>,
    /// The only tags of the copy.
    pub tags: BTreeMap<String, String>,
}

/// Deletes a snapshot of this stack, in the region of its ARN.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeleteSnapshot {
    pub snapshot: Arn,
}

/// Restores a snapshot to a temporary database. A cluster needs a second action for its instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreForDrill {
    /// The database that the snapshot was taken of.
    pub source: Arn,
    pub snapshot: Arn,
    /// The name of the temporary database.
    pub into: String,
    /// The engine, which AWS requires only for a cluster and its instance.
    pub engine: String,
    /// The engine version of the snapshot. Without it AWS would use the newest one for a cluster.
    pub engine_version: Option<String>,
    pub part: RestorePart,
    /// The class of an instance, cluster member or Multi-AZ DB cluster; empty for any other
    /// cluster.
    pub class: String,
    /// The storage type of a Multi-AZ DB cluster.
    pub storage_type: Option<String>,
    pub iops: Option<i32>,
    pub subnet_group: Option<String>,
    /// The subnets of a serverless cache, which has no subnet group.
    pub subnets: Vec<String>,
    /// Encryption at rest, which AWS requires only for a cache.
    pub encrypted: bool,
    pub parameter_group: Option<String>,
    pub security_group: String,
    pub tags: BTreeMap<String, String>,
}

/// The part of a database to restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RestorePart {
    /// An instance, or a cache of the kind of its source.
    Instance,
    Cluster,
    /// The instance of a restored cluster.
    Member,
}

/// Deletes a temporary database, or one part of it: the instance of a cluster is deleted first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeleteRestoredDatabase {
    /// The database whose snapshot was restored.
    pub source: Arn,
    pub database: Arn,
    /// The result of the drill; `None` if the check is outstanding, or was recorded before.
    pub outcome: Option<DrillResult>,
}

/// The result of a drill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrillResult {
    pub snapshot: Arn,
    pub began: Timestamp,
    /// Seconds until the restored database was available.
    pub took: i64,
    /// Seconds until the check ended, if there was one.
    #[serde(default)]
    pub checked: Option<i64>,
    pub passed: bool,
}

/// Marks a snapshot as restored and checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkVerified {
    pub snapshot: Arn,
    pub at: Timestamp,
}

/// Runs a task that checks a restored database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunCheckTask {
    /// The database whose snapshot was restored.
    pub source: Arn,
    pub cluster: String,
    /// The family, or the family and revision.
    pub task_definition: String,
    pub subnets: Vec<String>,
    pub security_group: String,
    /// Variables that are added to every container. They name a secret but do not contain it.
    pub environment: BTreeMap<String, String>,
    pub tags: BTreeMap<String, String>,
    /// The token that ties the task to this drill: AWS starts only one task for it.
    pub token: String,
}

/// Stops a task that checks a restored database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopCheckTask {
    pub cluster: String,
    pub task: String,
}
