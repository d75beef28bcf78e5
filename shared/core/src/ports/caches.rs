//! Caches of ElastiCache and their snapshots.

use crate::AwsError;
use crate::model::{Arn, Database, Snapshot};
use crate::ports::filters::SnapshotFilter;

/// Caches of ElastiCache and their snapshots.
pub trait Caches {
    /// Returns the replication groups and serverless caches with these ARNs, without those that do
    /// not exist. If many are requested, tags lag by minutes and are empty for unmanaged caches.
    /// Sources: DescribeReplicationGroups, DescribeServerlessCaches, ListTagsForResource,
    /// GetResources.
    ///
    /// # Errors
    /// [`AwsError`] if a call fails.
    async fn describe_caches(&self, arns: &[Arn]) -> Result<Vec<Database>, AwsError>;

    /// Lists manual snapshots of caches in this region. Reads all pages. Tags lag by minutes.
    /// Sources: DescribeSnapshots, DescribeServerlessCacheSnapshots, GetResources.
    ///
    /// # Errors
    /// [`AwsError`] if a call fails; an empty result is no error.
    async fn list_cache_snapshots(
        &self,
        which: SnapshotFilter<'_>,
    ) -> Result<Vec<Snapshot>, AwsError>;
}
