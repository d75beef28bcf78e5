//! Manual snapshots: creation, copying and deletion.

use std::collections::BTreeMap;

use aws_sdk_rds::Client;
use aws_sdk_rds::types::Tag;

use super::sharing::is_cluster_snapshot;
use crate::error::aws_error;
use crate::outcomes::{creation_outcome, snapshot_deletion_outcome};
use lamplighter::AwsError;
use lamplighter::plan::{CopySnapshot, CreateSnapshot, DeleteSnapshot};

/// Creates a snapshot of an instance or a cluster.
///
/// Idempotent: an existing snapshot with that name is not an error.
pub async fn create_snapshot(client: &Client, backup: &CreateSnapshot) -> Result<String, AwsError> {
    let result = if backup.database.is_cluster() {
        create_cluster_snapshot(client, backup).await
    } else {
        create_instance_snapshot(client, backup).await
    };
    creation_outcome(result, &backup.identifier)
}

async fn create_cluster_snapshot(client: &Client, backup: &CreateSnapshot) -> Result<(), AwsError> {
    let request = client
        .create_db_cluster_snapshot()
        .db_cluster_identifier(backup.database.display_name())
        .db_cluster_snapshot_identifier(&backup.identifier)
        .set_tags(Some(build_tags(&backup.tags)));
    let answer = request.send().await;
    answer
        .map(drop)
        .map_err(|e| aws_error("CreateDBClusterSnapshot", &backup.identifier, &e))
}

async fn create_instance_snapshot(
    client: &Client,
    backup: &CreateSnapshot,
) -> Result<(), AwsError> {
    let request = client
        .create_db_snapshot()
        .db_instance_identifier(backup.database.display_name())
        .db_snapshot_identifier(&backup.identifier)
        .set_tags(Some(build_tags(&backup.tags)));
    let answer = request.send().await;
    answer
        .map(drop)
        .map_err(|e| aws_error("CreateDBSnapshot", &backup.identifier, &e))
}

/// Copies a snapshot from another region or a shared snapshot to the client's account and region.
///
/// Idempotent: an existing copy is not an error.
pub async fn copy_snapshot(client: &Client, copy: &CopySnapshot) -> Result<String, AwsError> {
    let name = copy.snapshot.display_name();
    let result = if is_cluster_snapshot(&copy.snapshot) {
        copy_cluster_snapshot(client, copy, &name).await
    } else {
        copy_instance_snapshot(client, copy, &name).await
    };
    match result {
        Ok(()) => Ok(format!("{name} is being copied to {}", copy.to)),
        Err(error) if error.code.contains("AlreadyExists") => {
            Ok(format!("{name} already exists in {}", copy.to))
        }
        Err(error) => Err(error),
    }
}

async fn copy_cluster_snapshot(
    client: &Client,
    copy: &CopySnapshot,
    name: &str,
) -> Result<(), AwsError> {
    let request = client
        .copy_db_cluster_snapshot()
        .target_db_cluster_snapshot_identifier(name)
        .source_db_cluster_snapshot_identifier(copy.snapshot.as_str())
        .set_kms_key_id(copy.key.clone())
        .copy_tags(false)
        .set_tags(Some(build_tags(&copy.tags)));
    let answer = request.send().await;
    answer
        .map(drop)
        .map_err(|e| aws_error("CopyDBClusterSnapshot", name, &e))
}

async fn copy_instance_snapshot(
    client: &Client,
    copy: &CopySnapshot,
    name: &str,
) -> Result<(), AwsError> {
    let request = client
        .copy_db_snapshot()
        .target_db_snapshot_identifier(name)
        .source_db_snapshot_identifier(copy.snapshot.as_str())
        .set_kms_key_id(copy.key.clone())
        .copy_tags(false)
        .set_tags(Some(build_tags(&copy.tags)));
    let answer = request.send().await;
    answer
        .map(drop)
        .map_err(|e| aws_error("CopyDBSnapshot", name, &e))
}

/// Deletes a snapshot.
///
/// Idempotent: a missing snapshot is not an error.
pub async fn delete_snapshot(
    client: &Client,
    expired: &DeleteSnapshot,
) -> Result<String, AwsError> {
    let name = expired.snapshot.display_name();
    let result = if is_cluster_snapshot(&expired.snapshot) {
        let answer = client
            .delete_db_cluster_snapshot()
            .db_cluster_snapshot_identifier(&name)
            .send()
            .await;
        answer
            .map(drop)
            .map_err(|e| aws_error("DeleteDBClusterSnapshot", &name, &e))
    } else {
        let answer = client
            .delete_db_snapshot()
            .db_snapshot_identifier(&name)
            .send()
            .await;
        answer
            .map(drop)
            .map_err(|e| aws_error("DeleteDBSnapshot", &name, &e))
    };
    snapshot_deletion_outcome(result, &name)
}

/// Builds the tags of a resource that Lamplighter creates.
pub fn build_tags(tags: &BTreeMap<String, String>) -> Vec<Tag> {
    tags.iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect()
}
