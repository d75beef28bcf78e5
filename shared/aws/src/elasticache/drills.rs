//! Temporary caches of restore tests (drills).

use aws_sdk_elasticache::Client;
use aws_sdk_elasticache::types::Tag;

use crate::error::aws_error;
use crate::outcomes::database_deletion_outcome;
use lamplighter::AwsError;
use lamplighter::model::{Arn, DatabaseKind};
use lamplighter::plan::{DeleteRestoredDatabase, MarkVerified};
use lamplighter::policy::VERIFIED;

fn is_serverless(cache: &Arn) -> bool {
    cache.database_kind() == Some(DatabaseKind::ServerlessCache)
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
