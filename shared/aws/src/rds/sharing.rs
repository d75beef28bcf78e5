//! The sharing of manual snapshots with other accounts.

use aws_sdk_rds::Client;

use crate::error::aws_error;
use crate::outcomes::is_snapshot_missing;
use lamplighter::AwsError;
use lamplighter::model::Arn;

/// The attribute of a snapshot that lists the accounts that may restore it.
const RESTORE: &str = "restore";

/// Reports whether an account other than the vault may restore a snapshot.
///
/// Sources: DescribeDBSnapshotAttributes, DescribeDBClusterSnapshotAttributes.
pub async fn is_shared(client: &Client, snapshot: &Arn, vault: &str) -> Result<bool, AwsError> {
    let accounts = if is_cluster_snapshot(snapshot) {
        list_cluster_snapshot_accounts(client, snapshot).await
    } else {
        list_instance_snapshot_accounts(client, snapshot).await
    };
    match accounts {
        Ok(accounts) => Ok(accounts.iter().any(|account| account != vault)),
        Err(error) if is_snapshot_missing(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

async fn list_cluster_snapshot_accounts(
    client: &Client,
    snapshot: &Arn,
) -> Result<Vec<String>, AwsError> {
    let name = snapshot.display_name();
    let answer = client
        .describe_db_cluster_snapshot_attributes()
        .db_cluster_snapshot_identifier(&name)
        .send()
        .await
        .map_err(|e| aws_error("DescribeDBClusterSnapshotAttributes", &name, &e))?;
    let attributes = answer
        .db_cluster_snapshot_attributes_result
        .and_then(|result| result.db_cluster_snapshot_attributes)
        .unwrap_or_default();
    Ok(attributes
        .into_iter()
        .filter(|attribute| attribute.attribute_name.as_deref() == Some(RESTORE))
        .flat_map(|attribute| attribute.attribute_values.unwrap_or_default())
        .collect())
}

async fn list_instance_snapshot_accounts(
    client: &Client,
    snapshot: &Arn,
) -> Result<Vec<String>, AwsError> {
    let name = snapshot.display_name();
    let answer = client
        .describe_db_snapshot_attributes()
        .db_snapshot_identifier(&name)
        .send()
        .await
        .map_err(|e| aws_error("DescribeDBSnapshotAttributes", &name, &e))?;
    let attributes = answer
        .db_snapshot_attributes_result
        .and_then(|result| result.db_snapshot_attributes)
        .unwrap_or_default();
    Ok(attributes
        .into_iter()
        .filter(|attribute| attribute.attribute_name.as_deref() == Some(RESTORE))
        .flat_map(|attribute| attribute.attribute_values.unwrap_or_default())
        .collect())
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
            .attribute_name(RESTORE)
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
            .attribute_name(RESTORE)
            .values_to_add(account)
            .send()
            .await;
        sent.map(drop)
            .map_err(|e| aws_error("ModifyDBSnapshotAttribute", &name, &e))
    }
}

/// Reports whether this is the ARN of a snapshot of a cluster.
pub fn is_cluster_snapshot(snapshot: &Arn) -> bool {
    snapshot.resource().starts_with("cluster-snapshot:")
}
