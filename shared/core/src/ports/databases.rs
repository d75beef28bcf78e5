//! Databases of RDS, Aurora and DocumentDB, and their snapshots.

use jiff::Timestamp;

use crate::AwsError;
use crate::model::{Arn, CopyDestination, Database, Quotas, Snapshot};
use crate::ports::filters::SnapshotFilter;

/// Databases of RDS, Aurora and DocumentDB, and their snapshots.
pub trait Databases {
    /// Returns the databases with these ARNs, without those that do not exist. Covers RDS, Aurora
    /// and DocumentDB. Sources: DescribeDBInstances, DescribeDBClusters.
    ///
    /// # Errors
    /// [`AwsError`] if a call fails.
    async fn describe_databases(&self, arns: &[Arn]) -> Result<Vec<Database>, AwsError>;

    /// Returns the instances of clusters. Source: DescribeDBInstances.
    ///
    /// # Errors
    /// [`AwsError`] if a call fails.
    async fn describe_members(&self, clusters: &[Arn]) -> Result<Vec<Database>, AwsError>;

    /// Returns the latest time to which the retained automated backups of a deleted database reach; `None` if there are none.
    /// Sources: DescribeDBInstanceAutomatedBackups, DescribeDBClusterAutomatedBackups.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn find_retained_backup(
        &self,
        database: &Database,
    ) -> Result<Option<Timestamp>, AwsError>;

    /// Lists manual database snapshots at a place; `None` is this account and region. Reads all
    /// pages. Sources: DescribeDBSnapshots, DescribeDBClusterSnapshots.
    ///
    /// # Errors
    /// [`AwsError`] if a call fails; an empty result is no error.
    async fn list_snapshots(
        &self,
        place: Option<&CopyDestination>,
        which: SnapshotFilter<'_>,
    ) -> Result<Vec<Snapshot>, AwsError>;

    /// Returns the number of manual snapshots and its quota. Source: DescribeAccountAttributes.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn get_snapshot_quotas(&self) -> Result<Quotas, AwsError>;

    /// Returns the smallest instance class that offers this engine version, or `None` if none
    /// does. With `multi_az`, looks for classes of Multi-AZ DB clusters. Source:
    /// DescribeOrderableDBInstanceOptions.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn find_smallest_class(
        &self,
        engine: &str,
        version: &str,
        multi_az: bool,
    ) -> Result<Option<String>, AwsError>;

    /// Reports whether accounts other than the vault account may restore a snapshot.
    /// A deleted snapshot is not shared.
    /// Sources: DescribeDBSnapshotAttributes, DescribeDBClusterSnapshotAttributes.
    ///
    /// # Errors
    /// [`AwsError`] if a call fails.
    async fn is_snapshot_shared(&self, snapshot: &Arn) -> Result<bool, AwsError>;
}
