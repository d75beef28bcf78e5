//! What the simulated AWS answers about databases, caches and their snapshots.

use jiff::Timestamp;
use lamplighter::AwsError;
use lamplighter::model::tag_keys::EXPIRED;
use lamplighter::model::{Arn, CopyDestination, Database, Quotas, Snapshot};
use lamplighter::ports::{Caches, Databases, SnapshotFilter, StoredCopies};

use super::{World, error};

impl Databases for World {
    async fn describe_databases(&self, arns: &[Arn]) -> Result<Vec<Database>, AwsError> {
        self.pages("DescribeDBInstances", "all", arns.len(), 100)
            .await?;
        let state = self.state();
        Ok(arns.iter().filter_map(|arn| state.described(arn)).collect())
    }

    async fn describe_members(&self, clusters: &[Arn]) -> Result<Vec<Database>, AwsError> {
        self.pages("DescribeDBInstances of clusters", "", clusters.len(), 100)
            .await?;
        let state = self.state();
        let names: Vec<String> = clusters.iter().map(Arn::display_name).collect();
        let members = state.databases.values().filter(|database| {
            let cluster = database.cluster.as_ref();
            cluster.is_some_and(|cluster| names.contains(cluster))
        });
        Ok(members
            .filter_map(|database| state.described(&database.arn))
            .collect())
    }

    async fn find_retained_backup(
        &self,
        database: &Database,
    ) -> Result<Option<Timestamp>, AwsError> {
        self.call("DescribeDBInstanceAutomatedBackups", &database.resource_id)
            .await?;
        Ok(self
            .state()
            .retained_backups
            .get(&database.resource_id)
            .copied())
    }

    async fn list_snapshots(
        &self,
        place: Option<&CopyDestination>,
        which: SnapshotFilter<'_>,
    ) -> Result<Vec<Snapshot>, AwsError> {
        let place = place.map_or("eu-west-1", |place| place.region().unwrap_or("vault"));
        if self.state().unreadable_regions.contains(place) {
            return Err(error(
                "DescribeDBSnapshots",
                "all",
                "AuthFailure",
                "the region is not enabled",
            ));
        }
        let mut found = self.state().snapshots_of(place, which);
        found.retain(|snapshot| snapshot.arn.service() == "rds");
        self.pages("DescribeDBSnapshots", "manual", found.len(), 100)
            .await?;
        Ok(found)
    }

    async fn get_snapshot_quotas(&self) -> Result<Quotas, AwsError> {
        self.call("DescribeAccountAttributes", "RDS").await?;
        Ok(self.state().quotas())
    }

    async fn find_smallest_class(
        &self,
        engine: &str,
        _: &str,
        multi_az: bool,
    ) -> Result<Option<String>, AwsError> {
        self.call("DescribeOrderableDBInstanceOptions", engine)
            .await?;
        Ok(Some(
            if multi_az {
                "db.c6gd.medium"
            } else {
                "db.t4g.medium"
            }
            .to_owned(),
        ))
    }

    async fn is_snapshot_shared(&self, snapshot: &Arn) -> Result<bool, AwsError> {
        self.call("DescribeDBSnapshotAttributes", &snapshot.display_name())
            .await?;
        Ok(self.state().shared.contains(snapshot))
    }
}

impl Caches for World {
    async fn describe_caches(&self, arns: &[Arn]) -> Result<Vec<Database>, AwsError> {
        self.pages("DescribeReplicationGroups", "all", arns.len(), 50)
            .await?;
        let state = self.state();
        Ok(arns.iter().filter_map(|arn| state.described(arn)).collect())
    }

    async fn list_cache_snapshots(
        &self,
        which: SnapshotFilter<'_>,
    ) -> Result<Vec<Snapshot>, AwsError> {
        let mut found = self.state().snapshots_of("eu-west-1", which);
        found.retain(|snapshot| snapshot.arn.service() == "elasticache");
        self.pages("DescribeSnapshots", "manual", found.len(), 50)
            .await?;
        Ok(found)
    }
}

/// The account of the vault, seen from within.
impl StoredCopies for World {
    async fn list_copies(&self) -> Result<Vec<Snapshot>, AwsError> {
        self.call("DescribeDBSnapshots in the vault", "all").await?;
        Ok(self.snapshots_in("vault"))
    }

    async fn is_copy_shared(&self, copy: &Arn) -> Result<bool, AwsError> {
        self.is_snapshot_shared(copy).await
    }

    async fn mark_expired(&self, copy: &Arn, at: Timestamp) -> Result<(), AwsError> {
        self.call("AddTagsToResource", copy.as_str()).await?;
        let mut state = self.state_mut();
        let copy = state.snapshots.get_mut(copy);
        copy.map(|copy| copy.tags.insert(EXPIRED.to_owned(), at.to_string()));
        Ok(())
    }

    async fn clear_mark(&self, copy: &Arn) -> Result<(), AwsError> {
        self.call("RemoveTagsFromResource", copy.as_str()).await?;
        let mut state = self.state_mut();
        let copy = state.snapshots.get_mut(copy);
        copy.map(|copy| copy.tags.remove(EXPIRED));
        Ok(())
    }

    async fn delete_copy(&self, copy: &Arn) -> Result<(), AwsError> {
        self.call("DeleteDBSnapshot", copy.as_str()).await?;
        self.state_mut().snapshots.remove(copy);
        Ok(())
    }
}
