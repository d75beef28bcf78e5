//! Listings of the snapshots at all copy places.

use std::collections::{BTreeMap, BTreeSet};

use lamplighter::AwsError;
use lamplighter::model::{CopyDestination, Database, Snapshot};
use lamplighter::policy::{BackupPolicy, StackDefaults};
use lamplighter::ports::SnapshotFilter;

use crate::reads::Reads;

/// Lists the snapshots at all copy places of the databases. An unreadable place must not stop
/// backups here, so its error is kept beside the others' snapshots.
pub async fn list_copies<C: Reads>(
    databases: &[Database],
    defaults: &StackDefaults,
    cloud: &C,
) -> BTreeMap<CopyDestination, Result<Vec<Snapshot>, AwsError>> {
    let places: BTreeSet<CopyDestination> = databases
        .iter()
        .flat_map(|database| copy_places(database, defaults))
        .collect();
    let mut copies = BTreeMap::new();
    for place in places {
        let listed = cloud
            .list_snapshots(Some(&place), SnapshotFilter::All)
            .await;
        copies.insert(place, listed);
    }
    copies
}

/// Returns the places to copy backups to. Empty for a cache or an invalid tag.
fn copy_places(database: &Database, defaults: &StackDefaults) -> Vec<CopyDestination> {
    if database.arn.is_cache() {
        return Vec::new();
    }
    let policy = BackupPolicy::from_tags(&database.tags, defaults)
        .ok()
        .flatten();
    let mut places = policy.map(|policy| policy.copy).unwrap_or_default();
    places.retain(|place| !(place.is_vault() && defaults.vault_role.is_empty()));
    // A copy beside its original would be rotated like one: it would be deleted with it.
    places.retain(|place| place.region() != Some(database.arn.region()));
    places
}
