//! Manual snapshots: listing, creation and deletion.

use std::collections::BTreeMap;

use aws_sdk_elasticache::Client;
use aws_sdk_elasticache::types::{ServerlessCacheSnapshot, Snapshot as GroupSnapshot, Tag};

use super::PAGE_SIZE;
use crate::error::aws_error;
use crate::outcomes::{creation_outcome, snapshot_deletion_outcome};
use crate::timestamps::to_second;
use lamplighter::AwsError;
use lamplighter::model::{Arn, DatabaseKind, Snapshot};
use lamplighter::plan::{CreateSnapshot, DeleteSnapshot};
use lamplighter::ports::SnapshotFilter;

/// Lists manual snapshots without their tags.
///
/// Sources: DescribeSnapshots, DescribeServerlessCacheSnapshots.
pub async fn list_snapshots(
    client: &Client,
    which: SnapshotFilter<'_>,
) -> Result<Vec<Snapshot>, AwsError> {
    let mut snapshots = Vec::new();
    if may_match(which, DatabaseKind::ReplicationGroup) {
        snapshots.extend(list_group_snapshots(client, which).await?);
    }
    if may_match(which, DatabaseKind::ServerlessCache) {
        snapshots.extend(list_serverless_snapshots(client, which).await?);
    }
    Ok(snapshots)
}

/// Reports whether a filter may match snapshots of caches of this kind.
fn may_match(which: SnapshotFilter<'_>, kind: DatabaseKind) -> bool {
    match which {
        SnapshotFilter::All => true,
        SnapshotFilter::OfSource(cache) => cache.database_kind() == Some(kind),
        SnapshotFilter::OfResource(of, _) => of == kind,
        SnapshotFilter::ByArn(snapshot) => snapshot_kind(snapshot) == Some(kind),
    }
}

fn snapshot_kind(snapshot: &Arn) -> Option<DatabaseKind> {
    if is_serverless_snapshot(snapshot) {
        return Some(DatabaseKind::ServerlessCache);
    }
    let is_of_group = snapshot.resource().starts_with("snapshot:");
    is_of_group.then_some(DatabaseKind::ReplicationGroup)
}

fn is_serverless_snapshot(snapshot: &Arn) -> bool {
    snapshot.resource().starts_with("serverlesscachesnapshot:")
}

async fn list_group_snapshots(
    client: &Client,
    which: SnapshotFilter<'_>,
) -> Result<Vec<Snapshot>, AwsError> {
    let mut request = client
        .describe_snapshots()
        .snapshot_source("user")
        .max_records(PAGE_SIZE);
    request = match which {
        // A snapshot of a node doesn't name the group.
        SnapshotFilter::All | SnapshotFilter::OfSource(_) | SnapshotFilter::OfResource(..) => {
            request
        }
        SnapshotFilter::ByArn(arn) => request.snapshot_name(arn.display_name()),
    };
    let mut pages = request.into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        match page.map_err(|e| aws_error("DescribeSnapshots", "caches", &e)) {
            Ok(page) => found.extend(
                page.snapshots
                    .unwrap_or_default()
                    .into_iter()
                    .filter_map(convert_group_snapshot),
            ),
            Err(error) if error.code.contains("NotFound") => break,
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

async fn list_serverless_snapshots(
    client: &Client,
    which: SnapshotFilter<'_>,
) -> Result<Vec<Snapshot>, AwsError> {
    let mut request = client
        .describe_serverless_cache_snapshots()
        .max_results(PAGE_SIZE);
    request = match which {
        SnapshotFilter::All | SnapshotFilter::OfResource(..) => request,
        SnapshotFilter::OfSource(arn) => request.serverless_cache_name(arn.display_name()),
        SnapshotFilter::ByArn(arn) => request.serverless_cache_snapshot_name(arn.display_name()),
    };
    let mut pages = request.into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        match page.map_err(|e| aws_error("DescribeServerlessCacheSnapshots", "caches", &e)) {
            Ok(page) => {
                let all = page
                    .serverless_cache_snapshots
                    .unwrap_or_default()
                    .into_iter();
                found.extend(
                    all.filter(is_manual)
                        .filter_map(convert_serverless_snapshot),
                );
            }
            Err(error) if error.code.contains("NotFound") => break,
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// Reports whether a snapshot is manual. AWS manages the automatic ones.
fn is_manual(snapshot: &ServerlessCacheSnapshot) -> bool {
    snapshot
        .snapshot_type
        .as_deref()
        .is_none_or(|kind| !kind.starts_with("auto"))
}

fn convert_group_snapshot(snapshot: GroupSnapshot) -> Option<Snapshot> {
    let group = snapshot.replication_group_id.filter(|id| !id.is_empty());
    let node = snapshot.cache_cluster_id.unwrap_or_default();
    let nodes = snapshot.node_snapshots.unwrap_or_default();
    let shards = snapshot.num_node_groups.and_then(|n| u32::try_from(n).ok());
    Some(Snapshot {
        arn: Arn::new(snapshot.arn?),
        identifier: snapshot.snapshot_name?,
        database: group.unwrap_or_else(|| find_group(&node).to_owned()),
        shards: shards.or_else(|| u32::try_from(nodes.len()).ok()),
        kind: DatabaseKind::ReplicationGroup,
        status: snapshot.snapshot_status.unwrap_or_default(),
        // ElastiCache snapshots each shard separately, so the oldest time is the safe one.
        taken_at: nodes
            .into_iter()
            .filter_map(|node| node.snapshot_create_time.and_then(to_second))
            .min(),
        encrypted: snapshot.kms_key_id.is_some(),
        engine_version: snapshot.engine_version.unwrap_or_default(),
        subnet_group: snapshot.cache_subnet_group_name,
        parameter_group: snapshot.cache_parameter_group_name,
        ..Snapshot::default()
    })
}

/// Returns the group that a node belongs to: AWS numbers the nodes of `sessions` as `sessions-001`.
fn find_group(node: &str) -> &str {
    match node.rsplit_once('-') {
        Some((group, number))
            if number.len() == 3 && number.bytes().all(|b| b.is_ascii_digit()) =>
        {
            group
        }
        // A cluster without a replication group is not a target of Lamplighter.
        Some(_) | None => "",
    }
}

fn convert_serverless_snapshot(snapshot: ServerlessCacheSnapshot) -> Option<Snapshot> {
    let configuration = snapshot.serverless_cache_configuration;
    let version = configuration
        .as_ref()
        .and_then(|cache| cache.major_engine_version.clone());
    Some(Snapshot {
        engine_version: version.unwrap_or_default(),
        arn: Arn::new(snapshot.arn?),
        identifier: snapshot.serverless_cache_snapshot_name?,
        database: configuration
            .and_then(|cache| cache.serverless_cache_name)
            .unwrap_or_default(),
        kind: DatabaseKind::ServerlessCache,
        status: snapshot.status.unwrap_or_default(),
        taken_at: snapshot.create_time.and_then(to_second),
        encrypted: true,
        ..Snapshot::default()
    })
}

/// Creates a snapshot of a cache.
///
/// Idempotent: an existing snapshot with that name is not an error.
pub async fn create_snapshot(client: &Client, backup: &CreateSnapshot) -> Result<String, AwsError> {
    let result = if backup.database.database_kind() == Some(DatabaseKind::ServerlessCache) {
        create_serverless_snapshot(client, backup).await
    } else {
        create_group_snapshot(client, backup).await
    };
    creation_outcome(result, &backup.identifier)
}

async fn create_serverless_snapshot(
    client: &Client,
    backup: &CreateSnapshot,
) -> Result<(), AwsError> {
    let request = client
        .create_serverless_cache_snapshot()
        .serverless_cache_name(backup.database.display_name())
        .serverless_cache_snapshot_name(&backup.identifier)
        .set_tags(Some(build_tags(&backup.tags)));
    let answer = request.send().await;
    answer
        .map(drop)
        .map_err(|e| aws_error("CreateServerlessCacheSnapshot", &backup.identifier, &e))
}

async fn create_group_snapshot(client: &Client, backup: &CreateSnapshot) -> Result<(), AwsError> {
    // AWS refuses a group without cluster mode, and takes the snapshot of one of its nodes.
    let request = match &backup.node {
        Some(node) => client.create_snapshot().cache_cluster_id(node),
        None => client
            .create_snapshot()
            .replication_group_id(backup.database.display_name()),
    };
    let request = request
        .snapshot_name(&backup.identifier)
        .set_tags(Some(build_tags(&backup.tags)));
    let answer = request.send().await;
    answer
        .map(drop)
        .map_err(|e| aws_error("CreateSnapshot", &backup.identifier, &e))
}

/// Deletes a snapshot.
///
/// Idempotent: a missing snapshot is not an error.
pub async fn delete_snapshot(
    client: &Client,
    expired: &DeleteSnapshot,
) -> Result<String, AwsError> {
    let name = expired.snapshot.display_name();
    let result = if is_serverless_snapshot(&expired.snapshot) {
        let answer = client
            .delete_serverless_cache_snapshot()
            .serverless_cache_snapshot_name(&name)
            .send()
            .await;
        answer
            .map(drop)
            .map_err(|e| aws_error("DeleteServerlessCacheSnapshot", &name, &e))
    } else {
        let answer = client.delete_snapshot().snapshot_name(&name).send().await;
        answer
            .map(drop)
            .map_err(|e| aws_error("DeleteSnapshot", &name, &e))
    };
    snapshot_deletion_outcome(result, &name)
}

/// Builds the tags of a resource that Lamplighter creates.
pub fn build_tags(tags: &BTreeMap<String, String>) -> Vec<Tag> {
    tags.iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect()
}
