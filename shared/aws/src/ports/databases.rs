//! The ports on databases, caches and their snapshots.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::aws::Aws;
use crate::{elasticache, rds, tagging};
use lamplighter::AwsError;
use lamplighter::model::{Arn, CopyDestination, Database, Quotas, Snapshot, Tagged};
use lamplighter::policy::{MANAGED, TARGET};
use lamplighter::ports::{Caches, Databases, ResourceKind, SnapshotFilter};

/// Maximum number of caches whose tags are read one by one.
const MAX_TAG_LOOKUPS: usize = 3;
/// Maximum number of own snapshots that the index of tags lacks, and whose tags are read one by one.
const MAX_OWN_LOOKUPS: usize = 20;

impl<R> Databases for Aws<R> {
    async fn describe_databases(&self, arns: &[Arn]) -> Result<Vec<Database>, AwsError> {
        rds::databases::describe_databases(self.account.clients.rds(), arns).await
    }

    async fn describe_members(&self, clusters: &[Arn]) -> Result<Vec<Database>, AwsError> {
        rds::databases::describe_members(self.account.clients.rds(), clusters).await
    }

    async fn find_retained_backup(
        &self,
        database: &Database,
    ) -> Result<Option<Timestamp>, AwsError> {
        rds::retained::find_retained_backup(self.account.clients.rds(), database).await
    }

    async fn list_snapshots(
        &self,
        place: Option<&CopyDestination>,
        which: SnapshotFilter<'_>,
    ) -> Result<Vec<Snapshot>, AwsError> {
        let clients = &self.account.clients;
        match place {
            Some(place) => {
                rds::snapshot_listing::list_snapshots(&clients.rds_at(place), which).await
            }
            None => rds::snapshot_listing::list_snapshots(clients.rds(), which).await,
        }
    }

    async fn get_snapshot_quotas(&self) -> Result<Quotas, AwsError> {
        rds::snapshot_listing::read_quotas(self.account.clients.rds()).await
    }

    async fn find_smallest_class(
        &self,
        engine: &str,
        version: &str,
        multi_az: bool,
    ) -> Result<Option<String>, AwsError> {
        let client = self.account.clients.rds();
        rds::drills::find_smallest_class(client, engine, version, multi_az).await
    }

    async fn is_snapshot_shared(&self, snapshot: &Arn) -> Result<bool, AwsError> {
        let clients = &self.account.clients;
        let vault = clients.vault_account();
        rds::sharing::is_shared(&clients.rds_of(snapshot), snapshot, vault).await
    }
}

impl<R> Caches for Aws<R> {
    async fn describe_caches(&self, arns: &[Arn]) -> Result<Vec<Database>, AwsError> {
        let clients = &self.account.clients;
        let mut caches = elasticache::caches::describe_caches(clients.elasticache(), arns).await?;
        if caches.len() <= MAX_TAG_LOOKUPS {
            for cache in &mut caches {
                cache.tags =
                    elasticache::caches::list_tags(clients.elasticache(), &cache.arn).await?;
            }
            return Ok(caches);
        }
        let kind = ResourceKind::DatabaseOrCache;
        let listing = tagging::list_tagged(clients.tagging(), kind, MANAGED).await?;
        let mut tags = tags_by_arn(listing);
        for cache in &mut caches {
            cache.tags = tags.remove(&cache.arn).unwrap_or_default();
        }
        Ok(caches)
    }

    async fn list_cache_snapshots(
        &self,
        which: SnapshotFilter<'_>,
    ) -> Result<Vec<Snapshot>, AwsError> {
        let clients = &self.account.clients;
        let mut snapshots =
            elasticache::snapshots::list_snapshots(clients.elasticache(), which).await?;
        if snapshots.is_empty() {
            return Ok(snapshots);
        }
        let mut tags = tags_by_arn(tagging::list_cache_snapshots(clients.tagging()).await?);
        let mut lookups = 0;
        for snapshot in &mut snapshots {
            snapshot.tags = tags.remove(&snapshot.arn).unwrap_or_default();
            if snapshot.tags.is_empty() && snapshot.has_own_name() && lookups < MAX_OWN_LOOKUPS {
                // The index may lack a snapshot.
                lookups += 1;
                let tags = elasticache::caches::list_tags(clients.elasticache(), &snapshot.arn);
                // One that can't be read stands in nobody's way.
                snapshot.tags = tags.await.unwrap_or_default();
            }
            name_source(snapshot);
        }
        if let SnapshotFilter::OfSource(cache) = which {
            snapshots.retain(|snapshot| snapshot.has_name_of(cache));
        }
        Ok(snapshots)
    }
}

/// Names the cache of a snapshot that Lamplighter took. One of a node names only the node, whose name may be any.
fn name_source(snapshot: &mut Snapshot) {
    let source = snapshot.tags.get(TARGET).map(Arn::new);
    let source = source.filter(|arn| arn.database_kind() == Some(snapshot.kind));
    if let Some(source) = source.filter(|_| snapshot.has_own_name()) {
        snapshot.database = source.display_name();
    }
}

/// Indexes tags by ARN, for resources whose own listing has no tags.
fn tags_by_arn(listing: Vec<Tagged>) -> BTreeMap<Arn, BTreeMap<String, String>> {
    listing
        .into_iter()
        .map(|resource| (resource.arn, resource.tags))
        .collect()
}
