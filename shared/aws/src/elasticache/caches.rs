//! Caches: replication groups and serverless caches.

use std::collections::BTreeMap;

use aws_sdk_elasticache::Client;
use aws_sdk_elasticache::types::{
    AutomaticFailoverStatus, MultiAzStatus, NodeGroup, ReplicationGroup, ServerlessCache,
};

use super::PAGE_SIZE;
use crate::error::aws_error;
use crate::timestamps::to_second;
use lamplighter::AwsError;
use lamplighter::model::{Arn, CacheSettings, Database, DatabaseKind, DatabaseSettings};

/// Describes the caches with these ARNs; missing ones are left out.
///
/// ElastiCache has no filter for several names, so several caches of a kind mean a full listing.
/// Sources: DescribeReplicationGroups, DescribeServerlessCaches.
pub async fn describe_caches(client: &Client, arns: &[Arn]) -> Result<Vec<Database>, AwsError> {
    let mut caches = Vec::new();
    let groups = names_of_kind(arns, DatabaseKind::ReplicationGroup);
    if !groups.is_empty() {
        caches.extend(describe_replication_groups(client, &groups).await?);
    }
    let serverless = names_of_kind(arns, DatabaseKind::ServerlessCache);
    if !serverless.is_empty() {
        caches.extend(describe_serverless_caches(client, &serverless).await?);
    }
    caches.retain(|cache| arns.contains(&cache.arn));
    Ok(caches)
}

fn names_of_kind(arns: &[Arn], kind: DatabaseKind) -> Vec<String> {
    arns.iter()
        .filter(|arn| arn.database_kind() == Some(kind))
        .map(Arn::display_name)
        .collect()
}

/// Returns the name to filter a listing by; `None` lists all caches.
fn only_name(names: &[String]) -> Option<String> {
    match names {
        [name] => Some(name.clone()),
        _ => None,
    }
}

async fn describe_replication_groups(
    client: &Client,
    names: &[String],
) -> Result<Vec<Database>, AwsError> {
    let request = client
        .describe_replication_groups()
        .set_replication_group_id(only_name(names))
        .max_records(PAGE_SIZE);
    let mut pages = request.into_paginator().send();
    let mut caches = Vec::new();
    while let Some(page) = pages.next().await {
        match page.map_err(|e| aws_error("DescribeReplicationGroups", "all", &e)) {
            Ok(page) => {
                let groups = page.replication_groups.unwrap_or_default();
                caches.extend(groups.into_iter().filter_map(convert_replication_group));
            }
            Err(error) if error.code.contains("NotFound") => break,
            Err(error) => return Err(error),
        }
    }
    Ok(caches)
}

async fn describe_serverless_caches(
    client: &Client,
    names: &[String],
) -> Result<Vec<Database>, AwsError> {
    let request = client
        .describe_serverless_caches()
        .set_serverless_cache_name(only_name(names))
        .max_results(PAGE_SIZE);
    let mut pages = request.into_paginator().send();
    let mut caches = Vec::new();
    while let Some(page) = pages.next().await {
        match page.map_err(|e| aws_error("DescribeServerlessCaches", "all", &e)) {
            Ok(page) => {
                let serverless = page.serverless_caches.unwrap_or_default();
                caches.extend(serverless.into_iter().filter_map(convert_serverless_cache));
            }
            Err(error) if error.code.contains("NotFound") => break,
            Err(error) => return Err(error),
        }
    }
    Ok(caches)
}

fn convert_replication_group(group: ReplicationGroup) -> Option<Database> {
    let has_cluster_mode = group.cluster_enabled.unwrap_or_default();
    let settings = convert_group_settings(&group);
    let snapshot_node = (!has_cluster_mode).then(|| find_snapshot_node(&group));
    let first = group
        .node_groups
        .and_then(|nodes| nodes.into_iter().next())
        .and_then(|node| node.primary_endpoint);
    let endpoint = group.configuration_endpoint.or(first);
    Some(Database {
        arn: Arn::new(group.arn?),
        identifier: group.replication_group_id?,
        nodes: group.member_clusters.unwrap_or_default(),
        snapshot_node: snapshot_node.flatten(),
        has_cluster_mode,
        settings,
        created_at: group.replication_group_create_time.and_then(to_second),
        engine: group.engine.unwrap_or_default(),
        status: group.status.unwrap_or_default(),
        port: endpoint.as_ref().and_then(|endpoint| endpoint.port),
        address: endpoint.and_then(|endpoint| endpoint.address),
        class: group.cache_node_type.unwrap_or_default(),
        encrypted: group.at_rest_encryption_enabled.unwrap_or_default(),
        ..Database::default()
    })
}

fn convert_group_settings(group: &ReplicationGroup) -> DatabaseSettings {
    let logs = group.log_delivery_configurations().iter();
    let logs = logs.filter_map(|log| Some(log.log_type.as_ref()?.as_str().to_owned()));
    let network_type = group.network_type.as_ref();
    DatabaseSettings {
        network_type: network_type.map(|network| network.as_str().to_owned()),
        cache: CacheSettings {
            nodes: count(group.member_clusters()),
            shards: count(group.node_groups()),
            has_failover: group.automatic_failover.as_ref().is_some_and(is_enabled),
            is_multi_az: group.multi_az.as_ref() == Some(&MultiAzStatus::Enabled),
            has_tls: group.transit_encryption_enabled.unwrap_or_default(),
            tls_mode: group
                .transit_encryption_mode
                .as_ref()
                .map(|mode| mode.as_str().to_owned()),
            has_auth_token: group.auth_token_enabled.unwrap_or_default(),
            major_version: None,
            kms_key: group.kms_key_id.clone(),
            user_groups: group.user_group_ids().to_vec(),
            log_deliveries: logs.collect(),
        },
        ..DatabaseSettings::default()
    }
}

fn is_enabled(failover: &AutomaticFailoverStatus) -> bool {
    matches!(
        failover,
        AutomaticFailoverStatus::Enabled | AutomaticFailoverStatus::Enabling
    )
}

fn count<T>(items: &[T]) -> u32 {
    u32::try_from(items.len()).unwrap_or(u32::MAX)
}

/// Returns the node whose backup costs its clients the least: a replica, else the only one.
/// Source: <https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/backups.html>
fn find_snapshot_node(group: &ReplicationGroup) -> Option<String> {
    let members = || {
        group
            .node_groups()
            .iter()
            .flat_map(NodeGroup::node_group_members)
    };
    let replica = members().find(|member| member.current_role() == Some("replica"));
    let node = replica.or_else(|| members().next());
    let node = node.and_then(|member| member.cache_cluster_id());
    node.or_else(|| group.member_clusters().first().map(String::as_str))
        .map(str::to_owned)
}

fn convert_serverless_cache(cache: ServerlessCache) -> Option<Database> {
    Some(Database {
        arn: Arn::new(cache.arn?),
        identifier: cache.serverless_cache_name?,
        engine: cache.engine.unwrap_or_default(),
        engine_version: cache.full_engine_version.unwrap_or_default(),
        status: cache.status.unwrap_or_default(),
        created_at: cache.create_time.and_then(to_second),
        encrypted: true,
        settings: DatabaseSettings {
            security_groups: cache.security_group_ids.unwrap_or_default(),
            cache: CacheSettings {
                major_version: cache.major_engine_version,
                kms_key: cache.kms_key_id,
                user_groups: cache.user_group_id.into_iter().collect(),
                ..CacheSettings::default()
            },
            ..DatabaseSettings::default()
        },
        subnets: cache.subnet_ids.unwrap_or_default(),
        port: cache.endpoint.as_ref().and_then(|endpoint| endpoint.port),
        address: cache.endpoint.and_then(|endpoint| endpoint.address),
        ..Database::default()
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
