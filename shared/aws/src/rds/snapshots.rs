//! Manual snapshots: creation, copying and deletion.

use std::collections::BTreeMap;

use aws_sdk_rds::Client;
use aws_sdk_rds::types::Tag;

use super::sharing::is_cluster_snapshot;
use super::snapshot_listing::list_snapshots;
use crate::error::aws_error;
use crate::outcomes::snapshot_deletion_outcome;
use lamplighter::AwsError;
use lamplighter::model::Arn;
use lamplighter::plan::{CopySnapshot, CreateSnapshot, DeleteSnapshot};
use lamplighter::policy::{STACK, TARGET};
use lamplighter::ports::SnapshotFilter;

/// The types of snapshots in their ARNs.
const INSTANCE: &str = "snapshot";
const CLUSTER: &str = "cluster-snapshot";

/// Creates a snapshot of an instance or a cluster.
///
/// Idempotent: an existing snapshot of the database with that name is not an error.
pub async fn create_snapshot(client: &Client, backup: &CreateSnapshot) -> Result<String, AwsError> {
    let name = &backup.identifier;
    let (result, kind) = if backup.database.is_cluster() {
        (create_cluster_snapshot(client, backup).await, CLUSTER)
    } else {
        (create_instance_snapshot(client, backup).await, INSTANCE)
    };
    Ok(
        match check_existing(client, result, kind, name, &backup.tags).await? {
            Requested::Now => format!("{name} is being created"),
            Requested::Before => format!("{name} already exists"),
        },
    )
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
/// Idempotent: an existing copy of a snapshot of the database with that name is not an error.
pub async fn copy_snapshot(client: &Client, copy: &CopySnapshot) -> Result<String, AwsError> {
    let name = &copy.identifier;
    let (result, kind) = if is_cluster_snapshot(&copy.snapshot) {
        (copy_cluster_snapshot(client, copy).await, CLUSTER)
    } else {
        (copy_instance_snapshot(client, copy).await, INSTANCE)
    };
    Ok(
        match check_existing(client, result, kind, name, &copy.tags).await? {
            Requested::Now => format!("{name} is being copied to {}", copy.to),
            Requested::Before => format!("{name} already exists in {}", copy.to),
        },
    )
}

/// When a snapshot was requested.
enum Requested {
    Now,
    /// An earlier request got through.
    Before,
}

/// Returns when a snapshot was requested. One that exists already and is another database's, or somebody else's, is an error.
async fn check_existing(
    client: &Client,
    result: Result<(), AwsError>,
    kind: &str,
    name: &str,
    tags: &BTreeMap<String, String>,
) -> Result<Requested, AwsError> {
    let mut error = match result {
        Ok(()) => return Ok(Requested::Now),
        Err(error) if error.code.contains("AlreadyExists") => error,
        Err(error) => return Err(error),
    };
    let arn = Arn::new(format!("arn:aws:rds:::{kind}:{name}"));
    let existing = list_snapshots(client, SnapshotFilter::ByArn(&arn)).await?;
    let is_own = existing.iter().any(|existing| {
        [STACK, TARGET]
            .iter()
            .all(|key| existing.tags.get(*key) == tags.get(*key))
    });
    if is_own {
        return Ok(Requested::Before);
    }
    "a snapshot that this stack did not take of this database has this name"
        .clone_into(&mut error.message);
    Err(error)
}

async fn copy_cluster_snapshot(client: &Client, copy: &CopySnapshot) -> Result<(), AwsError> {
    let name = &copy.identifier;
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

async fn copy_instance_snapshot(client: &Client, copy: &CopySnapshot) -> Result<(), AwsError> {
    let name = &copy.identifier;
    let request = client
        .copy_db_snapshot()
        .target_db_snapshot_identifier(name)
        .source_db_snapshot_identifier(copy.snapshot.as_str())
        .set_kms_key_id(copy.key.clone())
        .set_option_group_name(copy.option_group.clone())
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
