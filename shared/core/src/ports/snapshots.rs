//! Reads of the snapshots of one database or cache.

use crate::AwsError;
use crate::model::{Arn, Database, Snapshot};
use crate::ports::caches::Caches;
use crate::ports::databases::Databases;
use crate::ports::filters::SnapshotFilter;

/// Lists the snapshots of one database or cache here, and those that have its name. Snapshots keep the name that the database
/// had when they were taken. `database`: the database, as it is or was; `None` if nothing is known of it.
///
/// # Errors
/// [`AwsError`] if a call fails.
pub async fn list_snapshots_of<C: Databases + Caches>(
    arn: &Arn,
    database: Option<&Database>,
    cloud: &C,
) -> Result<Vec<Snapshot>, AwsError> {
    let filter = SnapshotFilter::OfSource(arn);
    if arn.is_cache() {
        return cloud.list_cache_snapshots(filter).await;
    }
    let mut snapshots = cloud.list_snapshots(None, filter).await?;
    let id = database.map_or("", |database| &database.resource_id);
    let kind = arn.database_kind().filter(|_| !id.is_empty());
    if let Some(kind) = kind {
        let own = SnapshotFilter::OfResource(kind, id);
        let mut own = cloud.list_snapshots(None, own).await?;
        own.retain(|snapshot| !snapshot.has_name_of(arn));
        snapshots.extend(own);
    }
    Ok(snapshots)
}
