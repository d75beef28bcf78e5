//! Filters and kinds that reads take.

use crate::model::Arn;

/// The snapshots to list.
#[derive(Debug, Clone, Copy)]
pub enum SnapshotFilter<'a> {
    All,
    /// The snapshots of one instance or cluster.
    OfSource(&'a Arn),
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
