//! Amazon RDS: manual snapshots of instances and clusters, those of Aurora and DocumentDB included.

use std::collections::BTreeMap;

use aws_sdk_rds::Client;
use aws_sdk_rds::primitives::DateTime;
use aws_sdk_rds::types::{DbClusterSnapshot, DbSnapshot, Tag};
use jiff::Timestamp;

use super::failure::failure;
use lamplighter::AwsError;
use lamplighter::model::{Arn, DatabaseKind, Quota, Quotas, Snapshot};
use lamplighter::plan::{Backup, Copy, Expire};
use lamplighter::ports::cloud::Which;

/// The most one page may hold.
const PER_PAGE: i32 = 100;
const MANUAL: &str = "manual";

pub async fn snapshots(client: &Client, which: Which<'_>) -> Result<Vec<Snapshot>, AwsError> {
    let (instances, clusters) = match which {
        Which::All => (true, true),
        Which::Of(arn) => (
            arn.database() == Some(DatabaseKind::Instance),
            arn.is_cluster(),
        ),
        Which::This(arn) => (
            arn.resource().starts_with("snapshot:"),
            arn.resource().starts_with("cluster-snapshot:"),
        ),
    };
    let mut found = Vec::new();
    if instances {
        found.extend(of_instances(client, which).await?);
    }
    if clusters {
        found.extend(of_clusters(client, which).await?);
    }
    Ok(found)
}

async fn of_instances(client: &Client, which: Which<'_>) -> Result<Vec<Snapshot>, AwsError> {
    let mut request = client
        .describe_db_snapshots()
        .snapshot_type(MANUAL)
        .max_records(PER_PAGE);
    request = match which {
        Which::All => request,
        Which::Of(arn) => request.db_instance_identifier(arn.name()),
        Which::This(arn) => request.db_snapshot_identifier(arn.name()),
    };
    let mut pages = request.into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        match page.map_err(|e| failure("DescribeDBSnapshots", &about(which), &e)) {
            Ok(page) => found.extend(
                page.db_snapshots
                    .unwrap_or_default()
                    .into_iter()
                    .filter_map(instance),
            ),
            Err(error) if is_missing(&error) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

async fn of_clusters(client: &Client, which: Which<'_>) -> Result<Vec<Snapshot>, AwsError> {
    let mut request = client
        .describe_db_cluster_snapshots()
        .snapshot_type(MANUAL)
        .max_records(PER_PAGE);
    request = match which {
        Which::All => request,
        Which::Of(arn) => request.db_cluster_identifier(arn.name()),
        Which::This(arn) => request.db_cluster_snapshot_identifier(arn.name()),
    };
    let mut pages = request.into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        match page.map_err(|e| failure("DescribeDBClusterSnapshots", &about(which), &e)) {
            Ok(page) => found.extend(
                page.db_cluster_snapshots
                    .unwrap_or_default()
                    .into_iter()
                    .filter_map(cluster),
            ),
            Err(error) if is_missing(&error) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

fn about(which: Which<'_>) -> String {
    match which {
        Which::All => "all".to_owned(),
        Which::Of(arn) | Which::This(arn) => arn.name(),
    }
}

fn instance(snapshot: DbSnapshot) -> Option<Snapshot> {
    Some(Snapshot {
        arn: Arn::new(snapshot.db_snapshot_arn?),
        identifier: snapshot.db_snapshot_identifier?,
        database: snapshot.db_instance_identifier.unwrap_or_default(),
        kind: DatabaseKind::Instance,
        status: snapshot.status.unwrap_or_default(),
        // Of a copy the original's time counts.
        taken_at: snapshot
            .original_snapshot_create_time
            .or(snapshot.snapshot_create_time)
            .and_then(time),
        encrypted: snapshot.encrypted.unwrap_or_default(),
        resource_id: snapshot.dbi_resource_id.unwrap_or_default(),
        engine_version: snapshot.engine_version.unwrap_or_default(),
        allocated_gib: snapshot.allocated_storage.map(i32::unsigned_abs),
        tags: tags(snapshot.tag_list),
        ..Snapshot::default()
    })
}

fn cluster(snapshot: DbClusterSnapshot) -> Option<Snapshot> {
    Some(Snapshot {
        arn: Arn::new(snapshot.db_cluster_snapshot_arn?),
        identifier: snapshot.db_cluster_snapshot_identifier?,
        database: snapshot.db_cluster_identifier.unwrap_or_default(),
        kind: DatabaseKind::Cluster,
        status: snapshot.status.unwrap_or_default(),
        taken_at: snapshot.snapshot_create_time.and_then(time),
        encrypted: snapshot.storage_encrypted.unwrap_or_default(),
        resource_id: snapshot.db_cluster_resource_id.unwrap_or_default(),
        engine_version: snapshot.engine_version.unwrap_or_default(),
        tags: tags(snapshot.tag_list),
        ..Snapshot::default()
    })
}

pub(super) fn time(at: DateTime) -> Option<Timestamp> {
    Timestamp::from_second(at.secs()).ok()
}

fn tags(tags: Option<Vec<Tag>>) -> BTreeMap<String, String> {
    tags.unwrap_or_default()
        .into_iter()
        .filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default())))
        .collect()
}

pub async fn quotas(client: &Client) -> Result<Quotas, AwsError> {
    let answer = client.describe_account_attributes().send().await;
    let answer = answer.map_err(|e| failure("DescribeAccountAttributes", "RDS", &e))?;
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

/// Whether an account that is not the vault's may restore from a snapshot.
pub async fn is_shared(client: &Client, snapshot: &Arn, vault: &str) -> Result<bool, AwsError> {
    let name = snapshot.name();
    let accounts = if is_of_cluster(snapshot) {
        let answer = client
            .describe_db_cluster_snapshot_attributes()
            .db_cluster_snapshot_identifier(&name)
            .send()
            .await;
        answer
            .map_err(|e| failure("DescribeDBClusterSnapshotAttributes", &name, &e))
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
            .map_err(|e| failure("DescribeDBSnapshotAttributes", &name, &e))
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
        Err(error) if is_missing(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

fn is_of_cluster(snapshot: &Arn) -> bool {
    snapshot.resource().starts_with("cluster-snapshot:")
}

/// Takes a snapshot. That it is there already is as good.
pub async fn take(client: &Client, backup: &Backup) -> Result<String, AwsError> {
    let (name, identifier) = (backup.database.name(), &backup.identifier);
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
            .map_err(|e| failure("CreateDBClusterSnapshot", identifier, &e))
    } else {
        let request = client.create_db_snapshot().db_instance_identifier(name);
        let sent = request
            .db_snapshot_identifier(identifier)
            .set_tags(Some(tags))
            .send()
            .await;
        sent.map(drop)
            .map_err(|e| failure("CreateDBSnapshot", identifier, &e))
    };
    match taken {
        Ok(()) => Ok(format!("{identifier} is being made")),
        Err(error) if error.code.contains("AlreadyExists") => {
            Ok(format!("{identifier} is there already"))
        }
        Err(error) => Err(error),
    }
}

/// Lets another account copy a snapshot.
pub async fn share(client: &Client, snapshot: &Arn, account: &str) -> Result<(), AwsError> {
    let name = snapshot.name();
    if is_of_cluster(snapshot) {
        let request = client
            .modify_db_cluster_snapshot_attribute()
            .db_cluster_snapshot_identifier(&name);
        let sent = request
            .attribute_name("restore")
            .values_to_add(account)
            .send()
            .await;
        sent.map(drop)
            .map_err(|e| failure("ModifyDBClusterSnapshotAttribute", &name, &e))
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
            .map_err(|e| failure("ModifyDBSnapshotAttribute", &name, &e))
    }
}

/// Copies a snapshot of another region, or one that is shared, to the client's place. That the copy is there already is as good.
pub async fn copy(client: &Client, copy: &Copy) -> Result<String, AwsError> {
    let name = copy.snapshot.name();
    let tags: Vec<Tag> = copy
        .tags
        .iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect();
    let copied = if is_of_cluster(&copy.snapshot) {
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
            .map_err(|e| failure("CopyDBClusterSnapshot", &name, &e))
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
            .map_err(|e| failure("CopyDBSnapshot", &name, &e))
    };
    match copied {
        Ok(()) => Ok(format!("{name} is being copied to {}", copy.to)),
        Err(error) if error.code.contains("AlreadyExists") => {
            Ok(format!("{name} is in {} already", copy.to))
        }
        Err(error) => Err(error),
    }
}

/// Deletes a snapshot. That it is gone already is as good.
pub async fn delete(client: &Client, expire: &Expire) -> Result<String, AwsError> {
    let name = expire.snapshot.name();
    let deleted = if is_of_cluster(&expire.snapshot) {
        let sent = client
            .delete_db_cluster_snapshot()
            .db_cluster_snapshot_identifier(&name)
            .send()
            .await;
        sent.map(drop)
            .map_err(|e| failure("DeleteDBClusterSnapshot", &name, &e))
    } else {
        let sent = client
            .delete_db_snapshot()
            .db_snapshot_identifier(&name)
            .send()
            .await;
        sent.map(drop)
            .map_err(|e| failure("DeleteDBSnapshot", &name, &e))
    };
    match deleted {
        Ok(()) => Ok(format!("{name} is deleted")),
        Err(error) if is_missing(&error) => Ok(format!("{name} was gone already")),
        Err(error) => Err(error),
    }
}

/// `DBSnapshotNotFound`, `DBClusterSnapshotNotFoundFault`: codes with and without `Fault`.
pub(super) fn is_missing(error: &AwsError) -> bool {
    error.code.contains("SnapshotNotFound")
}
