//! Temporary databases of restore tests (drills).

use aws_sdk_rds::Client;
use aws_sdk_rds::types::Tag;

use super::snapshots::build_tags;
use crate::error::aws_error;
use crate::outcomes::{creation_outcome, database_deletion_outcome};
use lamplighter::AwsError;
use lamplighter::plan::{DeleteRestoredDatabase, MarkVerified, RestoreForDrill, RestorePart};
use lamplighter::policy::VERIFIED;

/// Instance classes from small to large. Availability differs by engine version and region.
const INSTANCE_CLASSES: [&str; 4] = [
    "db.t4g.medium",
    "db.t3.medium",
    "db.t4g.large",
    "db.t3.large",
];

/// Instance classes of Multi-AZ DB clusters, all with local disks.
const MULTI_AZ_CLUSTER_CLASSES: [&str; 5] = [
    "db.c6gd.medium",
    "db.c6gd.large",
    "db.m6gd.large",
    "db.m5d.large",
    "db.r6gd.large",
];

/// Returns the smallest instance class that RDS offers for an engine version, or `None`.
pub async fn find_smallest_class(
    client: &Client,
    engine: &str,
    version: &str,
    multi_az: bool,
) -> Result<Option<String>, AwsError> {
    let classes: &[&str] = if multi_az {
        &MULTI_AZ_CLUSTER_CLASSES
    } else {
        &INSTANCE_CLASSES
    };
    for class in classes.iter().copied() {
        let request = client
            .describe_orderable_db_instance_options()
            .engine(engine)
            .engine_version(version);
        let answer = request
            .db_instance_class(class)
            .max_records(20)
            .send()
            .await;
        let answer =
            answer.map_err(|e| aws_error("DescribeOrderableDBInstanceOptions", engine, &e))?;
        let options = answer.orderable_db_instance_options.unwrap_or_default();
        if options
            .iter()
            .any(|option| !multi_az || option.supports_clusters == Some(true))
        {
            return Ok(Some(class.to_owned()));
        }
    }
    Ok(None)
}

/// Starts the restore of a snapshot to a temporary database.
///
/// Idempotent: an existing database with that name is not an error.
pub async fn restore_database(
    client: &Client,
    restore: &RestoreForDrill,
) -> Result<String, AwsError> {
    let result = match restore.part {
        RestorePart::Instance => restore_instance(client, restore).await,
        RestorePart::Cluster => restore_cluster(client, restore).await,
        RestorePart::Member => create_cluster_member(client, restore).await,
    };
    creation_outcome(result, &restore.into)
}

async fn restore_instance(client: &Client, restore: &RestoreForDrill) -> Result<(), AwsError> {
    let request = client
        .restore_db_instance_from_db_snapshot()
        .db_instance_identifier(&restore.into)
        .db_snapshot_identifier(restore.snapshot.display_name())
        .db_instance_class(&restore.class)
        .set_db_subnet_group_name(restore.subnet_group.clone())
        .set_db_parameter_group_name(restore.parameter_group.clone())
        .vpc_security_group_ids(&restore.security_group)
        .multi_az(false)
        .publicly_accessible(false)
        .deletion_protection(false)
        .auto_minor_version_upgrade(false)
        .set_tags(Some(build_tags(&restore.tags)));
    let answer = request.send().await;
    answer
        .map(drop)
        .map_err(|e| aws_error("RestoreDBInstanceFromDBSnapshot", &restore.into, &e))
}

/// Returns the setting that keeps a temporary database from the public. DocumentDB and Neptune don't have it, and never are.
fn hide(engine: &str) -> Option<bool> {
    (!["docdb", "neptune"].contains(&engine)).then_some(false)
}

async fn restore_cluster(client: &Client, restore: &RestoreForDrill) -> Result<(), AwsError> {
    let request = client
        .restore_db_cluster_from_snapshot()
        .db_cluster_identifier(&restore.into)
        .snapshot_identifier(restore.snapshot.display_name())
        .engine(&restore.engine)
        .set_engine_version(restore.engine_version.clone())
        .set_db_subnet_group_name(restore.subnet_group.clone())
        // Without it, RDS uses the default group instead of the one of the source.
        .set_db_cluster_parameter_group_name(restore.parameter_group.clone())
        .vpc_security_group_ids(&restore.security_group)
        .deletion_protection(false)
        .set_publicly_accessible(hide(&restore.engine))
        // Only a Multi-AZ DB cluster has a class, a storage type and IOPS.
        .set_db_cluster_instance_class((!restore.class.is_empty()).then(|| restore.class.clone()))
        .set_storage_type(restore.storage_type.clone())
        .set_iops(restore.iops)
        .set_tags(Some(build_tags(&restore.tags)));
    let answer = request.send().await;
    answer
        .map(drop)
        .map_err(|e| aws_error("RestoreDBClusterFromSnapshot", &restore.into, &e))
}

async fn create_cluster_member(client: &Client, restore: &RestoreForDrill) -> Result<(), AwsError> {
    let cluster = restore.into.strip_suffix("-1").unwrap_or(&restore.into);
    let request = client
        .create_db_instance()
        .db_instance_identifier(&restore.into)
        .db_cluster_identifier(cluster)
        .engine(&restore.engine)
        .db_instance_class(&restore.class)
        .set_publicly_accessible(hide(&restore.engine))
        .set_tags(Some(build_tags(&restore.tags)));
    request
        .send()
        .await
        .map(drop)
        .map_err(|e| aws_error("CreateDBInstance", &restore.into, &e))
}

/// Deletes a temporary database without a final snapshot.
///
/// By default, RDS deletes its automated backups too.
/// Idempotent: a missing database is not an error.
pub async fn delete_database(
    client: &Client,
    removal: &DeleteRestoredDatabase,
) -> Result<String, AwsError> {
    let name = removal.database.display_name();
    let result = if removal.database.is_cluster() {
        let request = client
            .delete_db_cluster()
            .db_cluster_identifier(&name)
            .skip_final_snapshot(true);
        let answer = request.send().await;
        answer
            .map(drop)
            .map_err(|e| aws_error("DeleteDBCluster", &name, &e))
    } else {
        let request = client
            .delete_db_instance()
            .db_instance_identifier(&name)
            .skip_final_snapshot(true);
        let answer = request.send().await;
        answer
            .map(drop)
            .map_err(|e| aws_error("DeleteDBInstance", &name, &e))
    };
    database_deletion_outcome(result, &name)
}

/// Tags a snapshot with the time of its successful drill.
pub async fn mark_verified(client: &Client, verified: &MarkVerified) -> Result<String, AwsError> {
    let tag = Tag::builder()
        .key(VERIFIED)
        .value(verified.at.strftime("%FT%H:%MZ").to_string())
        .build();
    let request = client
        .add_tags_to_resource()
        .resource_name(verified.snapshot.as_str())
        .tags(tag);
    request
        .send()
        .await
        .map_err(|e| aws_error("AddTagsToResource", &verified.snapshot.display_name(), &e))?;
    Ok(format!("{} is verified", verified.snapshot.display_name()))
}
