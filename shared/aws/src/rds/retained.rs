//! Automated backups that were retained when their database was deleted.

use aws_sdk_rds::Client;
use aws_sdk_rds::types::RestoreWindow;
use jiff::Timestamp;

use crate::error::aws_error;
use crate::timestamps::to_second;
use lamplighter::AwsError;
use lamplighter::model::Database;

/// Returns the latest time to which the retained automated backups of a deleted database reach; `None` if there are none.
///
/// Sources: DescribeDBInstanceAutomatedBackups, DescribeDBClusterAutomatedBackups.
pub async fn find_retained_backup(
    client: &Client,
    database: &Database,
) -> Result<Option<Timestamp>, AwsError> {
    let latest = if database.is_cluster {
        find_of_cluster(client, &database.resource_id).await
    } else {
        find_of_instance(client, &database.resource_id).await
    };
    match latest {
        Err(error) if error.code.contains("NotFound") => Ok(None),
        latest => latest,
    }
}

async fn find_of_instance(client: &Client, id: &str) -> Result<Option<Timestamp>, AwsError> {
    let request = client
        .describe_db_instance_automated_backups()
        .dbi_resource_id(id);
    let answer = request.send().await;
    let answer = answer.map_err(|e| aws_error("DescribeDBInstanceAutomatedBackups", id, &e))?;
    let backups = answer.db_instance_automated_backups.unwrap_or_default();
    let backups = backups.into_iter();
    Ok(find_latest(
        backups.map(|backup| (backup.status, backup.restore_window)),
    ))
}

async fn find_of_cluster(client: &Client, id: &str) -> Result<Option<Timestamp>, AwsError> {
    let request = client
        .describe_db_cluster_automated_backups()
        .db_cluster_resource_id(id);
    let answer = request.send().await;
    let answer = answer.map_err(|e| aws_error("DescribeDBClusterAutomatedBackups", id, &e))?;
    let backups = answer.db_cluster_automated_backups.unwrap_or_default();
    let backups = backups.into_iter();
    Ok(find_latest(
        backups.map(|backup| (backup.status, backup.restore_window)),
    ))
}

/// Returns the latest time of those that stay. Those of a database that is being deleted may go with it.
fn find_latest(
    backups: impl Iterator<Item = (Option<String>, Option<RestoreWindow>)>,
) -> Option<Timestamp> {
    backups
        .filter(|(status, _)| status.as_deref() == Some("retained"))
        .filter_map(|(_, window)| window?.latest_time.and_then(to_second))
        .max()
}
