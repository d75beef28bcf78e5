//! Amazon RDS: manual snapshots of instances and clusters, including Aurora and DocumentDB.

use std::collections::BTreeMap;

use aws_sdk_rds::Client;
use aws_sdk_rds::primitives::DateTime;
use aws_sdk_rds::types::{DbClusterSnapshot, DbSnapshot, Tag};
use jiff::Timestamp;

use super::error::aws_error;
use lamplighter::AwsError;
use lamplighter::model::{Arn, DatabaseKind, Quota, Quotas, Snapshot};
use lamplighter::plan::{CopySnapshot, CreateSnapshot, DeleteSnapshot};
use lamplighter::ports::SnapshotFilter;

/// Maximum page size of the snapshot listings.
const PAGE_SIZE: i32 = 100;
const MANUAL: &str = "manual";

pub async fn list_snapshots(
    client: &Client,
    which: SnapshotFilter<'_>,
) -> Result<Vec<Snapshot>, AwsError> {
    let (instances, clusters) = match which {
        SnapshotFilter::All => (true, true),
        SnapshotFilter::OfSource(arn) => (
            arn.database_kind() == Some(DatabaseKind::Instance),
            arn.is_cluster(),
        ),
        SnapshotFilter::ByArn(arn) => (
            arn.resource().starts_with("snapshot:"),
            arn.resource().starts_with("cluster-snapshot:"),
        ),
    };
    let mut found = Vec::new();
    if instances {
        found.extend(list_instance_snapshots(client, which).await?);
    }
    if clusters {
        found.extend(list_cluster_snapshots(client, which).await?);
    }
    Ok(found)
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
    }
}

fn convert_instance_snapshot(snapshot: DbSnapshot) -> Option<Snapshot> {
    Some(Snapshot {
        arn: Arn::new(snapshot.db_snapshot_arn?),
        identifier: snapshot.db_snapshot_identifier?,
        database: snapshot.db_instance_identifier.unwrap_or_default(),
        kind: DatabaseKind::Instance,
        status: snapshot.status.unwrap_or_default(),
        // The time of a copy is that of the original snapshot.
        taken_at: snapshot
            .original_snapshot_create_time
            .or(snapshot.snapshot_create_time)
            .and_then(to_timestamp),
        encrypted: snapshot.encrypted.unwrap_or_default(),
        resource_id: snapshot.dbi_resource_id.unwrap_or_default(),
        engine_version: snapshot.engine_version.unwrap_or_default(),
        allocated_gib: snapshot.allocated_storage.map(i32::unsigned_abs),
        tags: convert_tags(snapshot.tag_list),
        ..Snapshot::default()
    })
}

fn convert_cluster_snapshot(snapshot: DbClusterSnapshot) -> Option<Snapshot> {
    Some(Snapshot {
        arn: Arn::new(snapshot.db_cluster_snapshot_arn?),
        identifier: snapshot.db_cluster_snapshot_identifier?,
        database: snapshot.db_cluster_identifier.unwrap_or_default(),
        kind: DatabaseKind::Cluster,
        status: snapshot.status.unwrap_or_default(),
        taken_at: snapshot.snapshot_create_time.and_then(to_timestamp),
        encrypted: snapshot.storage_encrypted.unwrap_or_default(),
        resource_id: snapshot.db_cluster_resource_id.unwrap_or_default(),
        engine_version: snapshot.engine_version.unwrap_or_default(),
        tags: convert_tags(snapshot.tag_list),
        ..Snapshot::default()
    })
}

pub(super) fn to_timestamp(at: DateTime) -> Option<Timestamp> {
    Timestamp::from_second(at.secs()).ok()
}

fn convert_tags(tags: Option<Vec<Tag>>) -> BTreeMap<String, String> {
    tags.unwrap_or_default()
        .into_iter()
        .filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default())))
        .collect()
}

pub async fn read_quotas(client: &Client) -> Result<Quotas, AwsError> {
    let answer = client.describe_account_attributes().send().await;
    let answer = answer.map_err(|e| aws_error("DescribeAccountAttributes", "RDS", &e))?;
    let all = answer.account_quotas.unwrap_or_default();
    let of = |name: &str| {
        let quota = all
            .iter()
            .find(|quota| quota.account_quota_name.as_deref() == Some(name));
        let number = |n: Option<i64>| n.and_then(|n| u32::try_from(n).ok()).unwrap_or_default();
        quota.map_or(Quota::default(), |quota| Quota {
            used: number(quota.used),
            max: number(quota.max),
        })
    };
    Ok(Quotas {
        instances: of("ManualSnapshots"),
        clusters: of("ManualClusterSnapshots"),
    })
}

/// Reports whether an account other than the vault may restore a snapshot.
///
/// Sources: DescribeDBSnapshotAttributes, DescribeDBClusterSnapshotAttributes.
pub async fn is_shared(client: &Client, snapshot: &Arn, vault: &str) -> Result<bool, AwsError> {
    let name = snapshot.display_name();
    let accounts = if is_cluster_snapshot(snapshot) {
        let answer = client
            .describe_db_cluster_snapshot_attributes()
            .db_cluster_snapshot_identifier(&name)
            .send()
            .await;
        answer
            .map_err(|e| aws_error("DescribeDBClusterSnapshotAttributes", &name, &e))
            .map(|answer| {
                let all = answer
                    .db_cluster_snapshot_attributes_result
                    .and_then(|r| r.db_cluster_snapshot_attributes);
                let all = all.unwrap_or_default().into_iter();
                all.filter(|a| a.attribute_name.as_deref() == Some("restore"))
                    .filter_map(|a| a.attribute_values)
                    .flatten()
                    .collect::<Vec<String>>()
            })
    } else {
        let answer = client
            .describe_db_snapshot_attributes()
            .db_snapshot_identifier(&name)
            .send()
            .await;
        answer
            .map_err(|e| aws_error("DescribeDBSnapshotAttributes", &name, &e))
            .map(|answer| {
                let all = answer
                    .db_snapshot_attributes_result
                    .and_then(|r| r.db_snapshot_attributes)
                    .unwrap_or_default();
                let all = all.into_iter();
                all.filter(|a| a.attribute_name.as_deref() == Some("restore"))
                    .filter_map(|a| a.attribute_values)
                    .flatten()
                    .collect::<Vec<String>>()
            })
    };
    match accounts {
        Ok(accounts) => Ok(accounts.iter().any(|account| account != vault)),
        Err(error) if is_snapshot_missing(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

fn is_cluster_snapshot(snapshot: &Arn) -> bool {
    snapshot.resource().starts_with("cluster-snapshot:")
}

/// Creates a snapshot of an instance or a cluster.
///
/// Idempotent: an existing snapshot with that name is not an error.
pub async fn create_snapshot(client: &Client, backup: &CreateSnapshot) -> Result<String, AwsError> {
    let (name, identifier) = (backup.database.display_name(), &backup.identifier);
    let tags: Vec<Tag> = backup
        .tags
        .iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect();
    let taken = if backup.database.is_cluster() {
        let request = client
            .create_db_cluster_snapshot()
            .db_cluster_identifier(name);
        let sent = request
            .db_cluster_snapshot_identifier(identifier)
            .set_tags(Some(tags))
            .send()
            .await;
        sent.map(drop)
            .map_err(|e| aws_error("CreateDBClusterSnapshot", identifier, &e))
    } else {
        let request = client.create_db_snapshot().db_instance_identifier(name);
        let sent = request
            .db_snapshot_identifier(identifier)
            .set_tags(Some(tags))
            .send()
            .await;
        sent.map(drop)
            .map_err(|e| aws_error("CreateDBSnapshot", identifier, &e))
    };
    match taken {
        Ok(()) => Ok(format!("{identifier} is being made")),
        Err(error) if error.code.contains("AlreadyExists") => {
            Ok(format!("{identifier} is there already"))
        }
        Err(error) => Err(error),
    }
}

/// Shares a snapshot with another account, which may then copy it.
pub async fn share_snapshot(
    client: &Client,
    snapshot: &Arn,
    account: &str,
) -> Result<(), AwsError> {
    let name = snapshot.display_name();
    if is_cluster_snapshot(snapshot) {
        let request = client
            .modify_db_cluster_snapshot_attribute()
            .db_cluster_snapshot_identifier(&name);
        let sent = request
            .attribute_name("restore")
            .values_to_add(account)
            .send()
            .await;
        sent.map(drop)
            .map_err(|e| aws_error("ModifyDBClusterSnapshotAttribute", &name, &e))
    } else {
        let request = client
            .modify_db_snapshot_attribute()
            .db_snapshot_identifier(&name);
        let sent = request
            .attribute_name("restore")
            .values_to_add(account)
            .send()
            .await;
        sent.map(drop)
            .map_err(|e| aws_error("ModifyDBSnapshotAttribute", &name, &e))
    }
}

/// Copies a snapshot from another region or a shared snapshot to the client's account and region.
///
/// Idempotent: an existing copy is not an error.
pub async fn copy_snapshot(client: &Client, copy: &CopySnapshot) -> Result<String, AwsError> {
    let name = copy.snapshot.display_name();
    let tags: Vec<Tag> = copy
        .tags
        .iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect();
    let copied = if is_cluster_snapshot(&copy.snapshot) {
        let request = client
            .copy_db_cluster_snapshot()
            .target_db_cluster_snapshot_identifier(&name);
        let request = request.source_db_cluster_snapshot_identifier(copy.snapshot.as_str());
        let sent = request
            .set_kms_key_id(copy.key.clone())
            .copy_tags(false)
            .set_tags(Some(tags))
            .send()
            .await;
        sent.map(drop)
            .map_err(|e| aws_error("CopyDBClusterSnapshot", &name, &e))
    } else {
        let request = client
            .copy_db_snapshot()
            .target_db_snapshot_identifier(&name);
        let request = request.source_db_snapshot_identifier(copy.snapshot.as_str());
        let sent = request
            .set_kms_key_id(copy.key.clone())
            .copy_tags(false)
            .set_tags(Some(tags))
            .send()
            .await;
        sent.map(drop)
            .map_err(|e| aws_error("CopyDBSnapshot", &name, &e))
    };
    match copied {
        Ok(()) => Ok(format!("{name} is being copied to {}", copy.to)),
        Err(error) if error.code.contains("AlreadyExists") => {
            Ok(format!("{name} is in {} already", copy.to))
        }
        Err(error) => Err(error),
    }
}

/// Deletes a snapshot.
///
/// Idempotent: a missing snapshot is not an error.
pub async fn delete_snapshot(client: &Client, expire: &DeleteSnapshot) -> Result<String, AwsError> {
    let name = expire.snapshot.display_name();
    let deleted = if is_cluster_snapshot(&expire.snapshot) {
        let sent = client
            .delete_db_cluster_snapshot()
            .db_cluster_snapshot_identifier(&name)
            .send()
            .await;
        sent.map(drop)
            .map_err(|e| aws_error("DeleteDBClusterSnapshot", &name, &e))
    } else {
        let sent = client
            .delete_db_snapshot()
            .db_snapshot_identifier(&name)
            .send()
            .await;
        sent.map(drop)
            .map_err(|e| aws_error("DeleteDBSnapshot", &name, &e))
    };
    match deleted {
        Ok(()) => Ok(format!("{name} is deleted")),
        Err(error) if is_snapshot_missing(&error) => Ok(format!("{name} was gone already")),
        Err(error) => Err(error),
    }
}

/// Reports whether an error means that a snapshot does not exist.
///
/// Codes come with and without `Fault`: `DBSnapshotNotFound`, `DBClusterSnapshotNotFoundFault`.
pub(super) fn is_snapshot_missing(error: &AwsError) -> bool {
    error.code.contains("SnapshotNotFound")
}
