//! Temporary caches of restore tests (drills).

use aws_sdk_elasticache::Client;
use aws_sdk_elasticache::types::Tag;

use super::snapshots::build_tags;
use crate::error::aws_error;
use crate::outcomes::{creation_outcome, database_deletion_outcome};
use lamplighter::AwsError;
use lamplighter::model::{Arn, DatabaseKind};
use lamplighter::plan::{DeleteRestoredDatabase, MarkVerified, RestoreForDrill};
use lamplighter::policy::VERIFIED;

/// Starts the restore of a snapshot to a temporary cache.
///
/// Idempotent: an existing cache with that name is not an error.
pub async fn restore_cache(client: &Client, restore: &RestoreForDrill) -> Result<String, AwsError> {
    let result = if is_serverless(&restore.source) {
        restore_serverless_cache(client, restore).await
    } else {
        restore_replication_group(client, restore).await
    };
    creation_outcome(result, &restore.into)
}

fn is_serverless(cache: &Arn) -> bool {
    cache.database_kind() == Some(DatabaseKind::ServerlessCache)
}

async fn restore_serverless_cache(
    client: &Client,
    restore: &RestoreForDrill,
) -> Result<(), AwsError> {
    let request = client
        .create_serverless_cache()
        .serverless_cache_name(&restore.into)
        .engine(&restore.engine)
        .snapshot_arns_to_restore(restore.snapshot.as_str())
        .set_tags(Some(build_tags(&restore.tags)))
        .set_subnet_ids(Some(restore.subnets.clone()))
        .security_group_ids(&restore.security_group);
    let answer = request.send().await;
    answer
        .map(drop)
        .map_err(|e| aws_error("CreateServerlessCache", &restore.into, &e))
}

async fn restore_replication_group(
    client: &Client,
    restore: &RestoreForDrill,
) -> Result<(), AwsError> {
    let request = client
        .create_replication_group()
        .replication_group_id(&restore.into)
        .engine(&restore.engine)
        .replication_group_description("Temporary: a restore test by Lamplighter")
        .cache_node_type(&restore.class)
        .snapshot_name(restore.snapshot.display_name())
        .at_rest_encryption_enabled(restore.encrypted)
        .set_cache_subnet_group_name(restore.subnet_group.clone())
        .set_cache_parameter_group_name(restore.parameter_group.clone())
        .set_engine_version(restore.engine_version.as_deref().map(shorten_version))
        .set_data_tiering_enabled(restore.class.contains(".r6gd.").then_some(true))
        // AWS requires failover in cluster mode. A restore test needs only the primary of each shard.
        .automatic_failover_enabled(restore.shards.is_some())
        .set_num_node_groups(restore.shards.and_then(|n| i32::try_from(n).ok()))
        .set_replicas_per_node_group(restore.shards.map(|_| 0))
        .set_tags(Some(build_tags(&restore.tags)))
        .security_group_ids(&restore.security_group);
    let answer = request.send().await;
    answer
        .map(drop)
        .map_err(|e| aws_error("CreateReplicationGroup", &restore.into, &e))
}

/// Returns the version as AWS takes it: a snapshot has `7.0.7`, and a group is created with `7.0`; up to Redis 5 with all three parts.
/// Source: <https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/supported-engine-versions.html>
fn shorten_version(version: &str) -> String {
    let parts: Vec<&str> = version.split('.').collect();
    match parts.as_slice() {
        [major, minor, _, ..] if major.parse::<u32>().is_ok_and(|major| major >= 6) => {
            format!("{major}.{minor}")
        }
        _ => version.to_owned(),
    }
}

/// Deletes a temporary cache without a final snapshot.
///
/// Idempotent: a missing cache is not an error.
pub async fn delete_cache(
    client: &Client,
    removal: &DeleteRestoredDatabase,
) -> Result<String, AwsError> {
    let name = removal.database.display_name();
    let result = if is_serverless(&removal.database) {
        let answer = client
            .delete_serverless_cache()
            .serverless_cache_name(&name)
            .send()
            .await;
        answer
            .map(drop)
            .map_err(|e| aws_error("DeleteServerlessCache", &name, &e))
    } else {
        let answer = client
            .delete_replication_group()
            .replication_group_id(&name)
            .send()
            .await;
        answer
            .map(drop)
            .map_err(|e| aws_error("DeleteReplicationGroup", &name, &e))
    };
    database_deletion_outcome(result, &name)
}

/// Tags a snapshot with the time of its successful drill.
pub async fn mark_verified(client: &Client, verified: &MarkVerified) -> Result<String, AwsError> {
    let name = verified.snapshot.display_name();
    let time = verified.at.strftime("%FT%H:%MZ").to_string();
    let request = client
        .add_tags_to_resource()
        .resource_name(verified.snapshot.as_str())
        .tags(Tag::builder().key(VERIFIED).value(time).build());
    let answer = request.send().await;
    answer.map_err(|e| aws_error("AddTagsToResource", &name, &e))?;
    Ok(format!("{name} is verified"))
}
