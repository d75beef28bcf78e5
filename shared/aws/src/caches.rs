//! Amazon ElastiCache: replication groups, serverless caches, and their manual snapshots.

use std::collections::BTreeMap;

use aws_sdk_elasticache::Client;
use aws_sdk_elasticache::types::{
    ReplicationGroup, ServerlessCache, ServerlessCacheSnapshot, Snapshot as GroupSnapshot, Tag,
};

use super::failure::failure;
use super::snapshots::{is_missing, time};
use lamplighter::AwsError;
use lamplighter::model::{Arn, Database, DatabaseKind, Snapshot};
use lamplighter::plan::{Backup, Expire, Remove, Restore, Verify};
use lamplighter::policy::VERIFIED;
use lamplighter::ports::cloud::Which;

/// The most that every listing here allows.
const PER_PAGE: i32 = 50;

/// The caches that exist. There is no filter for several names: one is asked for, or all are.
pub async fn caches(client: &Client, arns: &[Arn]) -> Result<Vec<Database>, AwsError> {
    let of = |kind| -> Vec<&Arn> {
        arns.iter()
            .filter(|arn| arn.database() == Some(kind))
            .collect()
    };
    let name_of = |arns: &[&Arn]| match arns {
        [one] => Some(one.name()),
        _ => None,
    };
    let mut found = Vec::new();
    let groups = of(DatabaseKind::ReplicationGroup);
    if !groups.is_empty() {
        let request = client
            .describe_replication_groups()
            .set_replication_group_id(name_of(&groups));
        let mut pages = request.max_records(PER_PAGE).into_paginator().send();
        while let Some(page) = pages.next().await {
            match page.map_err(|e| failure("DescribeReplicationGroups", "all", &e)) {
                Ok(page) => found.extend(
                    page.replication_groups
                        .unwrap_or_default()
                        .into_iter()
                        .filter_map(group),
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
        let mut pages = request.max_results(PER_PAGE).into_paginator().send();
        while let Some(page) = pages.next().await {
            match page.map_err(|e| failure("DescribeServerlessCaches", "all", &e)) {
                Ok(page) => {
                    found.extend(
                        page.serverless_caches
                            .unwrap_or_default()
                            .into_iter()
                            .filter_map(serverless_cache),
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

fn group(group: ReplicationGroup) -> Option<Database> {
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

fn serverless_cache(cache: ServerlessCache) -> Option<Database> {
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

/// Manual snapshots, without their tags.
pub async fn snapshots(client: &Client, which: Which<'_>) -> Result<Vec<Snapshot>, AwsError> {
    let (of_groups, of_serverless) = match which {
        Which::All => (true, true),
        Which::Of(arn) => {
            let kind = arn.database();
            (
                kind == Some(DatabaseKind::ReplicationGroup),
                kind == Some(DatabaseKind::ServerlessCache),
            )
        }
        Which::This(arn) => (
            arn.resource().starts_with("snapshot:"),
            arn.resource().starts_with("serverlesscachesnapshot:"),
        ),
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

async fn of_replication_groups(
    client: &Client,
    which: Which<'_>,
) -> Result<Vec<Snapshot>, AwsError> {
    let mut request = client
        .describe_snapshots()
        .snapshot_source("user")
        .max_records(PER_PAGE);
    request = match which {
        Which::All => request,
        Which::Of(arn) => request.replication_group_id(arn.name()),
        Which::This(arn) => request.snapshot_name(arn.name()),
    };
    let mut pages = request.into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        match page.map_err(|e| failure("DescribeSnapshots", "caches", &e)) {
            Ok(page) => found.extend(
                page.snapshots
                    .unwrap_or_default()
                    .into_iter()
                    .filter_map(of_group),
            ),
            Err(error) if error.code.contains("NotFound") => break,
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

async fn of_serverless_caches(
    client: &Client,
    which: Which<'_>,
) -> Result<Vec<Snapshot>, AwsError> {
    let mut request = client
        .describe_serverless_cache_snapshots()
        .max_results(PER_PAGE);
    request = match which {
        Which::All => request,
        Which::Of(arn) => request.serverless_cache_name(arn.name()),
        Which::This(arn) => request.serverless_cache_snapshot_name(arn.name()),
    };
    // Automatic ones are AWS's.
    let is_manual = |s: &ServerlessCacheSnapshot| {
        s.snapshot_type
            .as_deref()
            .is_none_or(|kind| !kind.starts_with("auto"))
    };
    let mut pages = request.into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        match page.map_err(|e| failure("DescribeServerlessCacheSnapshots", "caches", &e)) {
            Ok(page) => {
                let all = page
                    .serverless_cache_snapshots
                    .unwrap_or_default()
                    .into_iter();
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
        taken_at: nodes
            .into_iter()
            .filter_map(|node| node.snapshot_create_time.and_then(time))
            .min(),
        encrypted: snapshot.kms_key_id.is_some(),
        engine_version: snapshot.engine_version.unwrap_or_default(),
        subnet_group: snapshot.cache_subnet_group_name,
        parameter_group: snapshot.cache_parameter_group_name,
        ..Snapshot::default()
    })
}

fn of_serverless_cache(snapshot: ServerlessCacheSnapshot) -> Option<Snapshot> {
    let of = snapshot.serverless_cache_configuration;
    Some(Snapshot {
        arn: Arn::new(snapshot.arn?),
        identifier: snapshot.serverless_cache_snapshot_name?,
        database: of
            .and_then(|of| of.serverless_cache_name)
            .unwrap_or_default(),
        kind: DatabaseKind::ServerlessCache,
        status: snapshot.status.unwrap_or_default(),
        taken_at: snapshot.create_time.and_then(time),
        encrypted: true,
        ..Snapshot::default()
    })
}

/// The tags of a cache, now; none while it is made or changed, when AWS does not tell them.
pub async fn tags(client: &Client, cache: &Arn) -> Result<BTreeMap<String, String>, AwsError> {
    let answer = client
        .list_tags_for_resource()
        .resource_name(cache.as_str())
        .send()
        .await;
    let answer = match answer.map_err(|e| failure("ListTagsForResource", &cache.name(), &e)) {
        Ok(answer) => answer,
        Err(error) if error.is_not_now() || error.code.contains("NotFound") => {
            return Ok(BTreeMap::new());
        }
        Err(error) => return Err(error),
    };
    let tags = answer.tag_list.unwrap_or_default().into_iter();
    Ok(tags
        .filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default())))
        .collect())
}

/// Begins a restore. That it has begun already is as good.
pub async fn restore(client: &Client, restore: &Restore) -> Result<String, AwsError> {
    let into = &restore.into;
    let tags = restore
        .tags
        .iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect();
    let begun = if restore.source.database() == Some(DatabaseKind::ServerlessCache) {
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
            .map_err(|e| failure("CreateServerlessCache", into, &e))
    } else {
        let request = client
            .create_replication_group()
            .replication_group_id(into)
            .engine(&restore.engine);
        let request = request
            .replication_group_description("a drill of Lamplighter")
            .cache_node_type(&restore.class);
        let request = request
            .snapshot_name(restore.snapshot.name())
            .at_rest_encryption_enabled(restore.encrypted);
        let request = request.set_cache_subnet_group_name(restore.subnet_group.clone());
        let request = request.set_cache_parameter_group_name(restore.parameter_group.clone());
        // The primary of each shard is enough.
        let request = request
            .automatic_failover_enabled(false)
            .set_tags(Some(tags));
        let sent = request
            .security_group_ids(&restore.security_group)
            .send()
            .await;
        sent.map(drop)
            .map_err(|e| failure("CreateReplicationGroup", into, &e))
    };
    match begun {
        Ok(()) => Ok(format!("{into} is being made")),
        Err(error) if error.code.contains("AlreadyExists") => {
            Ok(format!("{into} is there already"))
        }
        Err(error) => Err(error),
    }
}

/// Deletes a throwaway cache without a last snapshot.
pub async fn remove(client: &Client, remove: &Remove) -> Result<String, AwsError> {
    let name = remove.database.name();
    let deleted = if remove.database.database() == Some(DatabaseKind::ServerlessCache) {
        let sent = client
            .delete_serverless_cache()
            .serverless_cache_name(&name)
            .send()
            .await;
        sent.map(drop)
            .map_err(|e| failure("DeleteServerlessCache", &name, &e))
    } else {
        let sent = client
            .delete_replication_group()
            .replication_group_id(&name)
            .send()
            .await;
        sent.map(drop)
            .map_err(|e| failure("DeleteReplicationGroup", &name, &e))
    };
    match deleted {
        Ok(()) => Ok(format!("{name} is being deleted")),
        Err(error) if error.code.contains("NotFound") => Ok(format!("{name} was gone already")),
        Err(error) => Err(error),
    }
}

pub async fn verify(client: &Client, verify: &Verify) -> Result<String, AwsError> {
    let (name, at) = (
        verify.snapshot.name(),
        verify.at.strftime("%FT%H:%MZ").to_string(),
    );
    let request = client
        .add_tags_to_resource()
        .resource_name(verify.snapshot.as_str());
    let sent = request
        .tags(Tag::builder().key(VERIFIED).value(at).build())
        .send()
        .await;
    sent.map_err(|e| failure("AddTagsToResource", &name, &e))?;
    Ok(format!("{name} is verified"))
}

/// Takes a snapshot. That it is there already is as good.
pub async fn take(client: &Client, backup: &Backup) -> Result<String, AwsError> {
    let (name, identifier) = (backup.database.name(), &backup.identifier);
    let tags: Vec<Tag> = backup
        .tags
        .iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect();
    let taken = if backup.database.database() == Some(DatabaseKind::ServerlessCache) {
        let request = client
            .create_serverless_cache_snapshot()
            .serverless_cache_name(name);
        let sent = request
            .serverless_cache_snapshot_name(identifier)
            .set_tags(Some(tags))
            .send()
            .await;
        sent.map(drop)
            .map_err(|e| failure("CreateServerlessCacheSnapshot", identifier, &e))
    } else {
        let request = client.create_snapshot().replication_group_id(name);
        let sent = request
            .snapshot_name(identifier)
            .set_tags(Some(tags))
            .send()
            .await;
        sent.map(drop)
            .map_err(|e| failure("CreateSnapshot", identifier, &e))
    };
    match taken {
        Ok(()) => Ok(format!("{identifier} is being made")),
        Err(error) if error.code.contains("AlreadyExists") => {
            Ok(format!("{identifier} is there already"))
        }
        Err(error) => Err(error),
    }
}

/// Deletes a snapshot. That it is gone already is as good.
pub async fn delete(client: &Client, expire: &Expire) -> Result<String, AwsError> {
    let name = expire.snapshot.name();
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
            .map_err(|e| failure("DeleteServerlessCacheSnapshot", &name, &e))
    } else {
        let sent = client.delete_snapshot().snapshot_name(&name).send().await;
        sent.map(drop)
            .map_err(|e| failure("DeleteSnapshot", &name, &e))
    };
    match deleted {
        Ok(()) => Ok(format!("{name} is deleted")),
        Err(error) if is_missing(&error) => Ok(format!("{name} was gone already")),
        Err(error) => Err(error),
    }
}
