//! Filters and kinds that reads take.

use crate::model::{Arn, DatabaseKind};

/// The snapshots to list.
#[derive(Debug, Clone, Copy)]
pub enum SnapshotFilter<'a> {
    All,
    /// The snapshots of the instances or clusters that have or had this name.
    OfSource(&'a Arn),
    /// The snapshots of an instance or cluster of RDS by its resource ID, whatever its name was.
    OfResource(DatabaseKind, &'a str),
    /// One snapshot, by its own ARN.
    ByArn(&'a Arn),
}

/// Whose tasks to list.
#[derive(Debug, Clone, Copy)]
pub enum TaskOwner<'a> {
    Service(&'a Arn),
    Instance(&'a Arn),
    /// A family of task definitions, in a cluster by name or ARN.
    Family {
        cluster: &'a str,
        family: &'a str,
    },
}

/// The tasks to list: running or starting ones, or those stopped within about the last hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskLifecycle {
    Running,
    Stopped,
}

/// A kind of resource that the tagging API can list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResourceKind {
    Service,
    /// Instances and clusters of RDS, Aurora and DocumentDB.
    Database,
    /// Databases, and the replication groups and serverless caches of ElastiCache.
    DatabaseOrCache,
    /// Clusters of ElastiCache.
    Cache,
    LogGroup,
}
