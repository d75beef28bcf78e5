//! Manual snapshots: their listing and their quotas.

use std::collections::BTreeMap;

use aws_sdk_rds::Client;
use aws_sdk_rds::types::{AccountQuota, DbClusterSnapshot, DbSnapshot, Tag};

use super::sharing::is_cluster_snapshot;
use crate::error::aws_error;
use crate::outcomes::is_snapshot_missing;
use crate::timestamps::to_second;
use lamplighter::AwsError;
use lamplighter::model::{Arn, DatabaseKind, Quota, Quotas, Snapshot};
use lamplighter::ports::SnapshotFilter;

/// Maximum page size of the snapshot listings.
const PAGE_SIZE: i32 = 100;
const MANUAL: &str = "manual";

/// Lists manual snapshots of instances and clusters with their tags.
///
/// Sources: DescribeDBSnapshots, DescribeDBClusterSnapshots.
pub async fn list_snapshots(
    client: &Client,
    which: SnapshotFilter<'_>,
) -> Result<Vec<Snapshot>, AwsError> {
    let mut snapshots = Vec::new();
    if may_match(which, DatabaseKind::Instance) {
        snapshots.extend(list_instance_snapshots(client, which).await?);
    }
    if may_match(which, DatabaseKind::Cluster) {
        snapshots.extend(list_cluster_snapshots(client, which).await?);
    }
    Ok(snapshots)
}

/// Reports whether a filter may match snapshots of databases of this kind.
fn may_match(which: SnapshotFilter<'_>, kind: DatabaseKind) -> bool {
    match which {
        SnapshotFilter::All => true,
        SnapshotFilter::OfSource(database) => database.database_kind() == Some(kind),
        SnapshotFilter::OfResource(of, _) => of == kind,
        SnapshotFilter::ByArn(snapshot) => snapshot_kind(snapshot) == Some(kind),
    }
}

fn snapshot_kind(snapshot: &Arn) -> Option<DatabaseKind> {
    if is_cluster_snapshot(snapshot) {
        return Some(DatabaseKind::Cluster);
    }
    let is_of_instance = snapshot.resource().starts_with("snapshot:");
    is_of_instance.then_some(DatabaseKind::Instance)
}

async fn list_instance_snapshots(
    client: &Client,
    which: SnapshotFilter<'_>,
) -> Result<Vec<Snapshot>, AwsError> {
    let mut request = client
        .describe_db_snapshots()
        .snapshot_type(MANUAL)
        .max_records(PAGE_SIZE);
    request = match which {
        SnapshotFilter::All => request,
        SnapshotFilter::OfSource(arn) => request.db_instance_identifier(arn.display_name()),
        SnapshotFilter::OfResource(_, id) => request.dbi_resource_id(id),
        SnapshotFilter::ByArn(arn) => request.db_snapshot_identifier(arn.display_name()),
    };
    let mut pages = request.into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        match page.map_err(|e| aws_error("DescribeDBSnapshots", &describe_scope(which), &e)) {
            Ok(page) => found.extend(
                page.db_snapshots
                    .unwrap_or_default()
                    .into_iter()
                    .filter_map(convert_instance_snapshot),
            ),
            Err(error) if is_snapshot_missing(&error) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

async fn list_cluster_snapshots(
    client: &Client,
    which: SnapshotFilter<'_>,
) -> Result<Vec<Snapshot>, AwsError> {
    let mut request = client
        .describe_db_cluster_snapshots()
        .snapshot_type(MANUAL)
        .max_records(PAGE_SIZE);
    request = match which {
        SnapshotFilter::All => request,
        SnapshotFilter::OfSource(arn) => request.db_cluster_identifier(arn.display_name()),
        SnapshotFilter::OfResource(_, id) => request.db_cluster_resource_id(id),
        SnapshotFilter::ByArn(arn) => request.db_cluster_snapshot_identifier(arn.display_name()),
    };
    let mut pages = request.into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        match page.map_err(|e| aws_error("DescribeDBClusterSnapshots", &describe_scope(which), &e))
        {
            Ok(page) => found.extend(
                page.db_cluster_snapshots
                    .unwrap_or_default()
                    .into_iter()
                    .filter_map(convert_cluster_snapshot),
            ),
            Err(error) if is_snapshot_missing(&error) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

fn describe_scope(which: SnapshotFilter<'_>) -> String {
    match which {
        SnapshotFilter::All => "all".to_owned(),
        SnapshotFilter::OfSource(arn) | SnapshotFilter::ByArn(arn) => arn.display_name(),
        SnapshotFilter::OfResource(_, id) => id.to_owned(),
    }
}

fn convert_instance_snapshot(snapshot: DbSnapshot) -> Option<Snapshot> {
    let converted = Snapshot {
        arn: Arn::new(snapshot.db_snapshot_arn?),
        identifier: snapshot.db_snapshot_identifier?,
        database: snapshot.db_instance_identifier.unwrap_or_default(),
        kind: DatabaseKind::Instance,
        status: snapshot.status.unwrap_or_default(),
        // The time of a copy is that of the original snapshot.
        taken_at: snapshot
            .original_snapshot_create_time
            .or(snapshot.snapshot_create_time)
            .and_then(to_second),
        made_at: snapshot.snapshot_create_time.and_then(to_second),
        copied_from: snapshot.source_db_snapshot_identifier.map(Arn::new),
        encrypted: snapshot.encrypted.unwrap_or_default(),
        resource_id: snapshot.dbi_resource_id.unwrap_or_default(),
        engine_version: snapshot.engine_version.unwrap_or_default(),
        allocated_gib: snapshot.allocated_storage.map(i32::unsigned_abs),
        tags: convert_tags(snapshot.tag_list),
        ..Snapshot::default()
    };
    Some(converted.with_time_of_data())
}

fn convert_cluster_snapshot(snapshot: DbClusterSnapshot) -> Option<Snapshot> {
    let converted = Snapshot {
        arn: Arn::new(snapshot.db_cluster_snapshot_arn?),
        identifier: snapshot.db_cluster_snapshot_identifier?,
        database: snapshot.db_cluster_identifier.unwrap_or_default(),
        kind: DatabaseKind::Cluster,
        status: snapshot.status.unwrap_or_default(),
        taken_at: snapshot.snapshot_create_time.and_then(to_second),
        made_at: snapshot.snapshot_create_time.and_then(to_second),
        copied_from: snapshot.source_db_cluster_snapshot_arn.map(Arn::new),
        encrypted: snapshot.storage_encrypted.unwrap_or_default(),
        resource_id: snapshot.db_cluster_resource_id.unwrap_or_default(),
        engine_version: snapshot.engine_version.unwrap_or_default(),
        tags: convert_tags(snapshot.tag_list),
        ..Snapshot::default()
    };
    Some(converted.with_time_of_data())
}

fn convert_tags(tags: Option<Vec<Tag>>) -> BTreeMap<String, String> {
    tags.unwrap_or_default()
        .into_iter()
        .filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default())))
        .collect()
}

/// Reads the quotas of manual snapshots. Source: DescribeAccountAttributes.
pub async fn read_quotas(client: &Client) -> Result<Quotas, AwsError> {
    let answer = client.describe_account_attributes().send().await;
    let answer = answer.map_err(|e| aws_error("DescribeAccountAttributes", "RDS", &e))?;
    Ok(Quotas {
        instances: find_quota(answer.account_quotas(), "ManualSnapshots"),
        clusters: find_quota(answer.account_quotas(), "ManualClusterSnapshots"),
    })
}

fn find_quota(quotas: &[AccountQuota], name: &str) -> Quota {
    let quota = quotas
        .iter()
        .find(|quota| quota.account_quota_name.as_deref() == Some(name));
    quota.map_or(Quota::default(), |quota| Quota {
        used: convert_count(quota.used),
        max: convert_count(quota.max),
    })
}

fn convert_count(count: Option<i64>) -> u32 {
    count
        .and_then(|count| u32::try_from(count).ok())
        .unwrap_or_default()
}
