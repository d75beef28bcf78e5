//! The copies in the vault, as the vault's account sees them.

use jiff::Timestamp;

use crate::AwsError;
use crate::model::{Arn, Snapshot};

/// The copies in the vault, as the vault's account sees them.
pub trait StoredCopies {
    /// Lists the manual snapshots of instances and clusters of this account and region. Sources: DescribeDBSnapshots,
    /// DescribeDBClusterSnapshots.
    ///
    /// # Errors
    /// [`AwsError`] if a call fails.
    async fn list_copies(&self) -> Result<Vec<Snapshot>, AwsError>;

    /// Reports whether another account may restore from a copy. Sources: DescribeDBSnapshotAttributes,
    /// DescribeDBClusterSnapshotAttributes.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn is_copy_shared(&self, copy: &Arn) -> Result<bool, AwsError>;

    /// Tags a copy with the time at which it was noticed to have expired. Source: AddTagsToResource.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn mark_expired(&self, copy: &Arn, at: Timestamp) -> Result<(), AwsError>;

    /// Removes that tag. Source: RemoveTagsFromResource.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn clear_mark(&self, copy: &Arn) -> Result<(), AwsError>;

    /// Deletes a copy. A missing one is no error. Sources: DeleteDBSnapshot, DeleteDBClusterSnapshot.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn delete_copy(&self, copy: &Arn) -> Result<(), AwsError>;
}
