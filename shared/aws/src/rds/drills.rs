//! Temporary databases of restore tests (drills).

use aws_sdk_rds::Client;
use aws_sdk_rds::types::Tag;

use crate::error::aws_error;
use crate::outcomes::database_deletion_outcome;
use lamplighter::AwsError;
use lamplighter::plan::{DeleteRestoredDatabase, MarkVerified};
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
