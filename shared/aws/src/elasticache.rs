//! Amazon ElastiCache: replication groups, serverless caches and their manual snapshots.

use std::collections::BTreeMap;

use aws_sdk_elasticache::Client;
use aws_sdk_elasticache::types::{
    ReplicationGroup, ServerlessCache, ServerlessCacheSnapshot, Snapshot as GroupSnapshot, Tag,
};

use super::error::aws_error;
use super::snapshots::{is_snapshot_missing, to_timestamp};
use lamplighter::AwsError;
use lamplighter::model::{Arn, Database, DatabaseKind, Snapshot};
use lamplighter::plan::{
    CreateSnapshot, DeleteRestoredDatabase, DeleteSnapshot, MarkVerified, RestoreForDrill,
};
use lamplighter::policy::VERIFIED;
use lamplighter::ports::SnapshotFilter;

/// Maximum page size of every ElastiCache listing in this module.
const PAGE_SIZE: i32 = 50;

/// Describes the caches with these ARNs; missing ones are left out.
///
/// ElastiCache has no filter for several names, so several caches of a kind mean a full listing.
/// Sources: DescribeReplicationGroups, DescribeServerlessCaches.
pub async fn describe_caches(client: &Client, arns: &[Arn]) -> Result<Vec<Database>, AwsError> {
    let of = |kind| -> Vec<&Arn> {
        arns.iter()
            .filter(|arn| arn.database_kind() == Some(kind))
            .collect()
    };
    let name_of = |arns: &[&Arn]| match arns {
        [one] => Some(one.display_name()),
        _ => None,
    };
    let mut found = Vec::new();
    let groups = of(DatabaseKind::ReplicationGroup);
    if !groups.is_empty() {
        let request = client
            .describe_replication_groups()
            .set_replication_group_id(name_of(&groups));
        let mut pages = request.max_records(PAGE_SIZE).into_paginator().send();
        while let Some(page) = pages.next().await {
            match page.map_err(|e| aws_error("DescribeReplicationGroups", "all", &e)) {
                Ok(page) => found.extend(
                    page.replication_groups
                        .unwrap_or_default()
                        .into_iter()
                        .filter_map(convert_replication_group),
                ),
                Err(error) if error.code.contains("NotFound") => break,
                Err(error) => return Err(error),
            }
        }
    }
    let serverless = of(DatabaseKind::ServerlessCache);
    if !serverless.is_empty() {
        let request = client
            .describe_serverless_caches()
            .set_serverless_cache_name(name_of(&serverless));
        let mut pages = request.max_results(PAGE_SIZE).into_paginator().send();
        while let Some(page) = pages.next().await {
            match page.map_err(|e| aws_error("DescribeServerlessCaches", "all", &e)) {
                Ok(page) => {
                    found.extend(
                        page.serverless_caches
                            .unwrap_or_default()
                            .into_iter()
                            .filter_map(convert_serverless_cache),
                    );
                }
                Err(error) if error.code.contains("NotFound") => break,
                Err(error) => return Err(error),
            }
        }
    }
    found.retain(|cache| arns.contains(&cache.arn));
    Ok(found)
}

fn convert_replication_group(group: ReplicationGroup) -> Option<Database> {
    let first = group
        .node_groups
        .and_then(|nodes| nodes.into_iter().next())
        .and_then(|node| node.primary_endpoint);
    let endpoint = group.configuration_endpoint.or(first);
    Some(Database {
        arn: Arn::new(group.arn?),
        identifier: group.replication_group_id?,
        engine: group.engine.unwrap_or_default(),
        status: group.status.unwrap_or_default(),
        port: endpoint.as_ref().and_then(|endpoint| endpoint.port),
        address: endpoint.and_then(|endpoint| endpoint.address),
        class: group.cache_node_type.unwrap_or_default(),
        encrypted: group.at_rest_encryption_enabled.unwrap_or_default(),
        ..Database::default()
    })
}

fn convert_serverless_cache(cache: ServerlessCache) -> Option<Database> {
    Some(Database {
        arn: Arn::new(cache.arn?),
        identifier: cache.serverless_cache_name?,
        engine: cache.engine.unwrap_or_default(),
        engine_version: cache.full_engine_version.unwrap_or_default(),
        status: cache.status.unwrap_or_default(),
        encrypted: true,
        subnets: cache.subnet_ids.unwrap_or_default(),
        port: cache.endpoint.as_ref().and_then(|endpoint| endpoint.port),
        address: cache.endpoint.and_then(|endpoint| endpoint.address),
        ..Database::default()
    })
}

/// Lists manual snapshots without their tags.
///
/// Sources: DescribeSnapshots, DescribeServerlessCacheSnapshots.
pub async fn list_snapshots(
    client: &Client,
    which: SnapshotFilter<'_>,
) -> Result<Vec<Snapshot>, AwsError> {
    let (of_groups, of_serverless) = match which {
        SnapshotFilter::All => (true, true),
        SnapshotFilter::OfSource(arn) => {
            let kind = arn.database_kind();
            (
                kind == Some(DatabaseKind::ReplicationGroup),
                kind == Some(DatabaseKind::ServerlessCache),
            )
        }
        SnapshotFilter::ByArn(arn) => (
            arn.resource().starts_with("snapshot:"),
            arn.resource().starts_with("serverlesscachesnapshot:"),
        ),
    };
    let mut found = Vec::new();
    if of_groups {
        found.extend(list_group_snapshots(client, which).await?);
    }
    if of_serverless {
        found.extend(list_serverless_snapshots(client, which).await?);
    }
    Ok(found)
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
        SnapshotFilter::All => request,
        SnapshotFilter::OfSource(arn) => request.replication_group_id(arn.display_name()),
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
        SnapshotFilter::All => request,
        SnapshotFilter::OfSource(arn) => request.serverless_cache_name(arn.display_name()),
        SnapshotFilter::ByArn(arn) => request.serverless_cache_snapshot_name(arn.display_name()),
    };
    // AWS manages the automatic snapshots.
    let is_manual = |s: &ServerlessCacheSnapshot| {
        s.snapshot_type
            .as_deref()
            .is_none_or(|kind| !kind.starts_with("auto"))
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

fn convert_group_snapshot(snapshot: GroupSnapshot) -> Option<Snapshot> {
    let nodes = snapshot.node_snapshots.unwrap_or_default();
    Some(Snapshot {
        arn: Arn::new(snapshot.arn?),
        identifier: snapshot.snapshot_name?,
        // A cluster without a replication group is not a target of Lamplighter.
        database: snapshot.replication_group_id.unwrap_or_default(),
        kind: DatabaseKind::ReplicationGroup,
        status: snapshot.snapshot_status.unwrap_or_default(),
        // ElastiCache snapshots each shard separately, so the oldest time is the safe one.
        taken_at: nodes
            .into_iter()
            .filter_map(|node| node.snapshot_create_time.and_then(to_timestamp))
            .min(),
        encrypted: snapshot.kms_key_id.is_some(),
        engine_version: snapshot.engine_version.unwrap_or_default(),
        subnet_group: snapshot.cache_subnet_group_name,
        parameter_group: snapshot.cache_parameter_group_name,
        ..Snapshot::default()
    })
}

fn convert_serverless_snapshot(snapshot: ServerlessCacheSnapshot) -> Option<Snapshot> {
    let of = snapshot.serverless_cache_configuration;
    Some(Snapshot {
        arn: Arn::new(snapshot.arn?),
        identifier: snapshot.serverless_cache_snapshot_name?,
        database: of
            .and_then(|of| of.serverless_cache_name)
            .unwrap_or_default(),
        kind: DatabaseKind::ServerlessCache,
        status: snapshot.status.unwrap_or_default(),
        taken_at: snapshot.create_time.and_then(to_timestamp),
        encrypted: true,
        ..Snapshot::default()
    })
}

/// Lists the current tags of a cache.
///
/// While a cache is being created or modified, AWS does not return tags; the result is then empty.
pub async fn list_tags(client: &Client, cache: &Arn) -> Result<BTreeMap<String, String>, AwsError> {
    let answer = client
        .list_tags_for_resource()
        .resource_name(cache.as_str())
        .send()
        .await;
    let answer =
        match answer.map_err(|e| aws_error("ListTagsForResource", &cache.display_name(), &e)) {
            Ok(answer) => answer,
            Err(error) if error.is_transient_state() || error.code.contains("NotFound") => {
                return Ok(BTreeMap::new());
            }
            Err(error) => return Err(error),
        };
    let tags = answer.tag_list.unwrap_or_default().into_iter();
    Ok(tags
        .filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default())))
        .collect())
}

/// Starts the restore of a snapshot to a temporary cache.
///
/// Idempotent: an existing cache with that name is not an error.
pub async fn restore_cache(client: &Client, restore: &RestoreForDrill) -> Result<String, AwsError> {
    let into = &restore.into;
    let tags = restore
        .tags
        .iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect();
    let begun = if restore.source.database_kind() == Some(DatabaseKind::ServerlessCache) {
        let request = client
            .create_serverless_cache()
            .serverless_cache_name(into)
            .engine(&restore.engine);
        let request = request
            .snapshot_arns_to_restore(restore.snapshot.as_str())
            .set_tags(Some(tags));
        let request = request.set_subnet_ids(Some(restore.subnets.clone()));
        let sent = request
            .security_group_ids(&restore.security_group)
            .send()
            .await;
        sent.map(drop)
            .map_err(|e| aws_error("CreateServerlessCache", into, &e))
    } else {
        let request = client
            .create_replication_group()
            .replication_group_id(into)
            .engine(&restore.engine);
        let request = request
            .replication_group_description("a drill of Lamplighter")
            .cache_node_type(&restore.class);
        let request = request
            .snapshot_name(restore.snapshot.display_name())
            .at_rest_encryption_enabled(restore.encrypted);
        let request = request.set_cache_subnet_group_name(restore.subnet_group.clone());
        let request = request.set_cache_parameter_group_name(restore.parameter_group.clone());
        // A restore test needs only the primary of each shard.
        let request = request
            .automatic_failover_enabled(false)
            .set_tags(Some(tags));
        let sent = request
            .security_group_ids(&restore.security_group)
            .send()
            .await;
        sent.map(drop)
            .map_err(|e| aws_error("CreateReplicationGroup", into, &e))
    };
    match begun {
        Ok(()) => Ok(format!("{into} is being made")),
        Err(error) if error.code.contains("AlreadyExists") => {
            Ok(format!("{into} is there already"))
        }
        Err(error) => Err(error),
    }
}

/// Deletes a temporary cache without a final snapshot.
///
/// Idempotent: a missing cache is not an error.
pub async fn delete_cache(
    client: &Client,
    remove: &DeleteRestoredDatabase,
) -> Result<String, AwsError> {
    let name = remove.database.display_name();
    let deleted = if remove.database.database_kind() == Some(DatabaseKind::ServerlessCache) {
        let sent = client
            .delete_serverless_cache()
            .serverless_cache_name(&name)
            .send()
            .await;
        sent.map(drop)
            .map_err(|e| aws_error("DeleteServerlessCache", &name, &e))
    } else {
        let sent = client
            .delete_replication_group()
            .replication_group_id(&name)
            .send()
            .await;
        sent.map(drop)
            .map_err(|e| aws_error("DeleteReplicationGroup", &name, &e))
    };
    match deleted {
        Ok(()) => Ok(format!("{name} is being deleted")),
        Err(error) if error.code.contains("NotFound") => Ok(format!("{name} was gone already")),
        Err(error) => Err(error),
    }
}

pub async fn mark_verified(client: &Client, verify: &MarkVerified) -> Result<String, AwsError> {
    let (name, at) = (
        verify.snapshot.display_name(),
        verify.at.strftime("%FT%H:%MZ").to_string(),
    );
    let request = client
        .add_tags_to_resource()
        .resource_name(verify.snapshot.as_str());
    let sent = request
        .tags(Tag::builder().key(VERIFIED).value(at).build())
        .send()
        .await;
    sent.map_err(|e| aws_error("AddTagsToResource", &name, &e))?;
    Ok(format!("{name} is verified"))
}

/// Creates a snapshot of a cache.
///
/// Idempotent: an existing snapshot with that name is not an error.
pub async fn create_snapshot(client: &Client, backup: &CreateSnapshot) -> Result<String, AwsError> {
    let (name, identifier) = (backup.database.display_name(), &backup.identifier);
    let tags: Vec<Tag> = backup
        .tags
        .iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect();
    let taken = if backup.database.database_kind() == Some(DatabaseKind::ServerlessCache) {
        let request = client
            .create_serverless_cache_snapshot()
            .serverless_cache_name(name);
        let sent = request
            .serverless_cache_snapshot_name(identifier)
            .set_tags(Some(tags))
            .send()
            .await;
        sent.map(drop)
            .map_err(|e| aws_error("CreateServerlessCacheSnapshot", identifier, &e))
    } else {
        let request = client.create_snapshot().replication_group_id(name);
        let sent = request
            .snapshot_name(identifier)
            .set_tags(Some(tags))
            .send()
            .await;
        sent.map(drop)
            .map_err(|e| aws_error("CreateSnapshot", identifier, &e))
    };
    match taken {
        Ok(()) => Ok(format!("{identifier} is being made")),
        Err(error) if error.code.contains("AlreadyExists") => {
            Ok(format!("{identifier} is there already"))
        }
        Err(error) => Err(error),
    }
}

/// Deletes a snapshot.
///
/// Idempotent: a missing snapshot is not an error.
pub async fn delete_snapshot(client: &Client, expire: &DeleteSnapshot) -> Result<String, AwsError> {
    let name = expire.snapshot.display_name();
    let deleted = if expire
        .snapshot
        .resource()
        .starts_with("serverlesscachesnapshot:")
    {
        let sent = client
            .delete_serverless_cache_snapshot()
            .serverless_cache_snapshot_name(&name)
            .send()
            .await;
        sent.map(drop)
            .map_err(|e| aws_error("DeleteServerlessCacheSnapshot", &name, &e))
    } else {
        let sent = client.delete_snapshot().snapshot_name(&name).send().await;
        sent.map(drop)
            .map_err(|e| aws_error("DeleteSnapshot", &name, &e))
    };
    match deleted {
        Ok(()) => Ok(format!("{name} is deleted")),
        Err(error) if is_snapshot_missing(&error) => Ok(format!("{name} was gone already")),
        Err(error) => Err(error),
    }
}
