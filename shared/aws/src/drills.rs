//! Amazon RDS: databases that are restored to prove a backup, and deleted again.

use aws_sdk_rds::Client;
use aws_sdk_rds::types::Tag;

use super::failure::failure;
use lamplighter::AwsError;
use lamplighter::plan::{Remove, Restore, RestorePart, Verify};
use lamplighter::policy::VERIFIED;

/// From small to large; which of them an engine runs on differs by version and region.
const CLASSES: [&str; 4] = [
    "db.t4g.medium",
    "db.t3.medium",
    "db.t4g.large",
    "db.t3.large",
];

/// Of Multi-AZ DB clusters, which have disks of their own.
const MULTI_AZ: [&str; 5] = [
    "db.c6gd.medium",
    "db.c6gd.large",
    "db.m6gd.large",
    "db.m5d.large",
    "db.r6gd.large",
];

pub async fn smallest_class(
    client: &Client,
    engine: &str,
    version: &str,
    multi_az: bool,
) -> Result<Option<String>, AwsError> {
    let classes: &[&str] = if multi_az { &MULTI_AZ } else { &CLASSES };
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
            answer.map_err(|e| failure("DescribeOrderableDBInstanceOptions", engine, &e))?;
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

fn tags(restore: &Restore) -> Vec<Tag> {
    restore
        .tags
        .iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect()
}

/// Begins a restore. That it has begun already is as good.
pub async fn restore(client: &Client, restore: &Restore) -> Result<String, AwsError> {
    let begun = match restore.part {
        RestorePart::Instance => instance(client, restore).await,
        RestorePart::Cluster => cluster(client, restore).await,
        RestorePart::Member => member(client, restore).await,
    };
    match begun {
        Ok(()) => Ok(format!("{} is being made", restore.into)),
        Err(error) if error.code.contains("AlreadyExists") => {
            Ok(format!("{} is there already", restore.into))
        }
        Err(error) => Err(error),
    }
}

async fn instance(client: &Client, restore: &Restore) -> Result<(), AwsError> {
    let request = client
        .restore_db_instance_from_db_snapshot()
        .db_instance_identifier(&restore.into)
        .db_snapshot_identifier(restore.snapshot.name())
        .db_instance_class(&restore.class)
        .set_db_subnet_group_name(restore.subnet_group.clone())
        .set_db_parameter_group_name(restore.parameter_group.clone())
        .vpc_security_group_ids(&restore.security_group)
        .multi_az(false)
        .publicly_accessible(false)
        .deletion_protection(false)
        .auto_minor_version_upgrade(false)
        .set_tags(Some(tags(restore)));
    let sent = request.send().await;
    sent.map(drop)
        .map_err(|e| failure("RestoreDBInstanceFromDBSnapshot", &restore.into, &e))
}

async fn cluster(client: &Client, restore: &Restore) -> Result<(), AwsError> {
    let request = client
        .restore_db_cluster_from_snapshot()
        .db_cluster_identifier(&restore.into)
        .snapshot_identifier(restore.snapshot.name())
        .engine(&restore.engine)
        .set_engine_version(restore.engine_version.clone())
        .set_db_subnet_group_name(restore.subnet_group.clone())
        // Otherwise it gets the default one, which is not what the source runs with.
        .set_db_cluster_parameter_group_name(restore.parameter_group.clone())
        .vpc_security_group_ids(&restore.security_group)
        .deletion_protection(false)
        // Of a Multi-AZ DB cluster; others have none of these.
        .set_db_cluster_instance_class((!restore.class.is_empty()).then(|| restore.class.clone()))
        .set_storage_type(restore.storage_type.clone())
        .set_iops(restore.iops)
        .set_tags(Some(tags(restore)));
    let sent = request.send().await;
    sent.map(drop)
        .map_err(|e| failure("RestoreDBClusterFromSnapshot", &restore.into, &e))
}

async fn member(client: &Client, restore: &Restore) -> Result<(), AwsError> {
    let cluster = restore.into.strip_suffix("-1").unwrap_or(&restore.into);
    let request = client
        .create_db_instance()
        .db_instance_identifier(&restore.into)
        .db_cluster_identifier(cluster)
        .engine(&restore.engine)
        .db_instance_class(&restore.class)
        .publicly_accessible(false)
        .set_tags(Some(tags(restore)));
    request
        .send()
        .await
        .map(drop)
        .map_err(|e| failure("CreateDBInstance", &restore.into, &e))
}

/// Deletes a throwaway database without a last snapshot; its automated backups go with it, as is the default.
pub async fn remove(client: &Client, remove: &Remove) -> Result<String, AwsError> {
    let name = remove.database.name();
    let deleted = if remove.database.is_cluster() {
        let request = client
            .delete_db_cluster()
            .db_cluster_identifier(&name)
            .skip_final_snapshot(true);
        let sent = request.send().await;
        sent.map(drop)
            .map_err(|e| failure("DeleteDBCluster", &name, &e))
    } else {
        let request = client
            .delete_db_instance()
            .db_instance_identifier(&name)
            .skip_final_snapshot(true);
        let sent = request.send().await;
        sent.map(drop)
            .map_err(|e| failure("DeleteDBInstance", &name, &e))
    };
    match deleted {
        Ok(()) => Ok(format!("{name} is being deleted")),
        Err(error) if error.code.contains("NotFound") => Ok(format!("{name} was gone already")),
        Err(error) => Err(error),
    }
}

pub async fn verify(client: &Client, verify: &Verify) -> Result<String, AwsError> {
    let tag = Tag::builder()
        .key(VERIFIED)
        .value(verify.at.strftime("%FT%H:%MZ").to_string())
        .build();
    let request = client
        .add_tags_to_resource()
        .resource_name(verify.snapshot.as_str())
        .tags(tag);
    request
        .send()
        .await
        .map_err(|e| failure("AddTagsToResource", &verify.snapshot.name(), &e))?;
    Ok(format!("{} is verified", verify.snapshot.name()))
}
