//! Amazon ElastiCache: replication groups, serverless caches, and their manual snapshots.

use aws_sdk_elasticache::Client;
use aws_sdk_elasticache::primitives::DateTime;
use aws_sdk_elasticache::types::{
    ReplicationGroup, ServerlessCache, ServerlessCacheSnapshot, Snapshot as GroupSnapshot, Tag,
};
use jiff::Timestamp;

use super::failure::failure;
use super::snapshots::is_missing;
use crate::AwsError;
use crate::cloud::Which;
use crate::model::{Arn, Database, DatabaseKind, Snapshot};
use crate::plan::{Backup, Expire};

/// The most that every listing here allows.
const PER_PAGE: i32 = 50;

/// The caches that exist. There is no filter for several names: one is asked for, or all are.
pub async fn caches(client: &Client, arns: &[Arn]) -> Result<Vec<Database>, AwsError> {
    let of = |kind| -> Vec<&Arn> { arns.iter().filter(|arn| arn.database() == Some(kind)).collect() };
    let name_of = |arns: &[&Arn]| match arns {
        [one] => Some(one.name()),
        _ => None,
    };
    let mut found = Vec::new();
    let groups = of(DatabaseKind::ReplicationGroup);
    if !groups.is_empty() {
        let request = client.describe_replication_groups().set_replication_group_id(name_of(&groups));
        let mut pages = request.max_records(PER_PAGE).into_paginator().send();
        while let Some(page) = pages.next().await {
            match page.map_err(|e| failure("DescribeReplicationGroups", "all", &e)) {
                Ok(page) => found.extend(page.replication_groups.unwrap_or_default().into_iter().filter_map(group)),
                Err(error) if error.code.contains("NotFound") => break,
                Err(error) => return Err(error),
            }
        }
    }
    let serverless = of(DatabaseKind::ServerlessCache);
    if !serverless.is_empty() {
        let request = client.describe_serverless_caches().set_serverless_cache_name(name_of(&serverless));
        let mut pages = request.max_results(PER_PAGE).into_paginator().send();
        while let Some(page) = pages.next().await {
            match page.map_err(|e| failure("DescribeServerlessCaches", "all", &e)) {
                Ok(page) => {
                    found.extend(page.serverless_caches.unwrap_or_default().into_iter().filter_map(serverless_cache));
                }
                Err(error) if error.code.contains("NotFound") => break,
                Err(error) => return Err(error),
            }
        }
    }
    found.retain(|cache| arns.contains(&cache.arn));
    Ok(found)
}

fn group(group: ReplicationGroup) -> Option<Database> {
    Some(Database {
        arn: Arn::new(group.arn?),
        identifier: group.replication_group_id?,
        engine: group.engine.unwrap_or_default(),
        status: group.status.unwrap_or_default(),
        class: group.cache_node_type.unwrap_or_default(),
        encrypted: group.at_rest_encryption_enabled.unwrap_or_default(),
        ..Database::default()
    })
}

fn serverless_cache(cache: ServerlessCache) -> Option<Database> {
    Some(Database {
        arn: Arn::new(cache.arn?),
        identifier: cache.serverless_cache_name?,
        engine: cache.engine.unwrap_or_default(),
        engine_version: cache.full_engine_version.unwrap_or_default(),
        status: cache.status.unwrap_or_default(),
        encrypted: true,
        ..Database::default()
    })
}

/// Manual snapshots, without their tags.
pub async fn snapshots(client: &Client, which: Which<'_>) -> Result<Vec<Snapshot>, AwsError> {
    let (of_groups, of_serverless) = match which {
        Which::All => (true, true),
        Which::Of(arn) => {
            let kind = arn.database();
            (kind == Some(DatabaseKind::ReplicationGroup), kind == Some(DatabaseKind::ServerlessCache))
        }
        Which::This(arn) => {
            (arn.resource().starts_with("snapshot:"), arn.resource().starts_with("serverlesscachesnapshot:"))
        }
    };
    let mut found = Vec::new();
    if of_groups {
        found.extend(of_replication_groups(client, which).await?);
    }
    if of_serverless {
        found.extend(of_serverless_caches(client, which).await?);
    }
    Ok(found)
}

async fn of_replication_groups(client: &Client, which: Which<'_>) -> Result<Vec<Snapshot>, AwsError> {
    let mut request = client.describe_snapshots().snapshot_source("user").max_records(PER_PAGE);
    request = match which {
        Which::All => request,
        Which::Of(arn) => request.replication_group_id(arn.name()),
        Which::This(arn) => request.snapshot_name(arn.name()),
    };
    let mut pages = request.into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        match page.map_err(|e| failure("DescribeSnapshots", "caches", &e)) {
            Ok(page) => found.extend(page.snapshots.unwrap_or_default().into_iter().filter_map(of_group)),
            Err(error) if error.code.contains("NotFound") => break,
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

async fn of_serverless_caches(client: &Client, which: Which<'_>) -> Result<Vec<Snapshot>, AwsError> {
    let mut request = client.describe_serverless_cache_snapshots().max_results(PER_PAGE);
    request = match which {
        Which::All => request,
        Which::Of(arn) => request.serverless_cache_name(arn.name()),
        Which::This(arn) => request.serverless_cache_snapshot_name(arn.name()),
    };
    // Automatic ones are AWS's.
    let is_manual =
        |s: &ServerlessCacheSnapshot| s.snapshot_type.as_deref().is_none_or(|kind| !kind.starts_with("auto"));
    let mut pages = request.into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        match page.map_err(|e| failure("DescribeServerlessCacheSnapshots", "caches", &e)) {
            Ok(page) => {
                let all = page.serverless_cache_snapshots.unwrap_or_default().into_iter();
                found.extend(all.filter(is_manual).filter_map(of_serverless_cache));
            }
            Err(error) if error.code.contains("NotFound") => break,
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

fn of_group(snapshot: GroupSnapshot) -> Option<Snapshot> {
    let nodes = snapshot.node_snapshots.unwrap_or_default();
    Some(Snapshot {
        arn: Arn::new(snapshot.arn?),
        identifier: snapshot.snapshot_name?,
        // That of a cluster without a replication group is of no target of ours.
        database: snapshot.replication_group_id.unwrap_or_default(),
        kind: DatabaseKind::ReplicationGroup,
        status: snapshot.snapshot_status.unwrap_or_default(),
        // Each shard is taken by itself: the oldest says what is certain.
        taken_at: nodes.into_iter().filter_map(|node| node.snapshot_create_time.and_then(time)).min(),
        encrypted: snapshot.kms_key_id.is_some(),
        engine_version: snapshot.engine_version.unwrap_or_default(),
        ..Snapshot::default()
    })
}

fn of_serverless_cache(snapshot: ServerlessCacheSnapshot) -> Option<Snapshot> {
    let of = snapshot.serverless_cache_configuration;
    Some(Snapshot {
        arn: Arn::new(snapshot.arn?),
        identifier: snapshot.serverless_cache_snapshot_name?,
        database: of.and_then(|of| of.serverless_cache_name).unwrap_or_default(),
        kind: DatabaseKind::ServerlessCache,
        status: snapshot.status.unwrap_or_default(),
        taken_at: snapshot.create_time.and_then(time),
        encrypted: true,
        ..Snapshot::default()
    })
}

fn time(at: DateTime) -> Option<Timestamp> {
    Timestamp::from_second(at.secs()).ok()
}

/// Takes a snapshot. That it is there already is as good.
pub async fn take(client: &Client, backup: &Backup) -> Result<String, AwsError> {
    let (name, identifier) = (backup.database.name(), &backup.identifier);
    let tags: Vec<Tag> = backup.tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    let taken = if backup.database.database() == Some(DatabaseKind::ServerlessCache) {
        let request = client.create_serverless_cache_snapshot().serverless_cache_name(name);
        let sent = request.serverless_cache_snapshot_name(identifier).set_tags(Some(tags)).send().await;
        sent.map(drop).map_err(|e| failure("CreateServerlessCacheSnapshot", identifier, &e))
    } else {
        let request = client.create_snapshot().replication_group_id(name);
        let sent = request.snapshot_name(identifier).set_tags(Some(tags)).send().await;
        sent.map(drop).map_err(|e| failure("CreateSnapshot", identifier, &e))
    };
    match taken {
        Ok(()) => Ok(format!("{identifier} is being made")),
        Err(error) if error.code.contains("AlreadyExists") => Ok(format!("{identifier} is there already")),
        Err(error) => Err(error),
    }
}

/// Deletes a snapshot. That it is gone already is as good.
pub async fn delete(client: &Client, expire: &Expire) -> Result<String, AwsError> {
    let name = expire.snapshot.name();
    let deleted = if expire.snapshot.resource().starts_with("serverlesscachesnapshot:") {
        let sent = client.delete_serverless_cache_snapshot().serverless_cache_snapshot_name(&name).send().await;
        sent.map(drop).map_err(|e| failure("DeleteServerlessCacheSnapshot", &name, &e))
    } else {
        let sent = client.delete_snapshot().snapshot_name(&name).send().await;
        sent.map(drop).map_err(|e| failure("DeleteSnapshot", &name, &e))
    };
    match deleted {
        Ok(()) => Ok(format!("{name} is deleted")),
        Err(error) if is_missing(&error) => Ok(format!("{name} was gone already")),
        Err(error) => Err(error),
    }
}
