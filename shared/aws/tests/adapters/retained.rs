//! Automated backups that are left of a deleted database, call by call.

use aws_sdk_rds::error::ErrorMetadata;
use aws_sdk_rds::operation::describe_db_cluster_automated_backups::DescribeDbClusterAutomatedBackupsOutput;
use aws_sdk_rds::operation::describe_db_instance_automated_backups::{
    DescribeDBInstanceAutomatedBackupsError, DescribeDbInstanceAutomatedBackupsOutput,
};
use aws_sdk_rds::types::{DbClusterAutomatedBackup, DbInstanceAutomatedBackup, RestoreWindow};
use aws_smithy_mocks::{mock, mock_client};
use aws_smithy_types::DateTime;
use jiff::Timestamp;
use lamplighter::model::Database;
use lamplighter::ports::Databases;
use lamplighter::ports::capability::DrillActions;
use lamplighter_aws::Aws;

const LATEST: i64 = 1_795_233_600;

fn window() -> RestoreWindow {
    RestoreWindow::builder()
        .latest_time(DateTime::from_secs(LATEST))
        .build()
}

fn deleted(is_cluster: bool) -> Database {
    Database {
        resource_id: "db-ORDERS".into(),
        is_cluster,
        ..Database::default()
    }
}

async fn find(rds: aws_sdk_rds::Client, is_cluster: bool) -> Option<Timestamp> {
    let aws: Aws<DrillActions> = Aws::without_config().with_client(rds);
    aws.find_retained_backup(&deleted(is_cluster))
        .await
        .unwrap()
}

#[tokio::test]
async fn those_of_an_instance_and_of_a_cluster_are_found_by_its_resource_id() {
    let instance = mock!(aws_sdk_rds::Client::describe_db_instance_automated_backups)
        .match_requests(|r| r.dbi_resource_id() == Some("db-ORDERS"))
        .then_output(|| {
            let backup = DbInstanceAutomatedBackup::builder()
                .status("retained")
                .restore_window(window());
            DescribeDbInstanceAutomatedBackupsOutput::builder()
                .db_instance_automated_backups(backup.build())
                .build()
        });
    let cluster = mock!(aws_sdk_rds::Client::describe_db_cluster_automated_backups)
        .match_requests(|r| r.db_cluster_resource_id() == Some("db-ORDERS"))
        .then_output(|| {
            let backup = DbClusterAutomatedBackup::builder()
                .status("retained")
                .restore_window(window());
            DescribeDbClusterAutomatedBackupsOutput::builder()
                .db_cluster_automated_backups(backup.build())
                .build()
        });
    let latest = Timestamp::from_second(LATEST).ok();
    assert_eq!(
        find(mock_client!(aws_sdk_rds, [&instance]), false).await,
        latest
    );
    assert_eq!(
        find(mock_client!(aws_sdk_rds, [&cluster]), true).await,
        latest
    );
}

#[tokio::test]
async fn a_database_of_which_nothing_is_left_is_no_error() {
    let none =
        mock!(aws_sdk_rds::Client::describe_db_instance_automated_backups).then_error(|| {
            let code = ErrorMetadata::builder().code("DBInstanceAutomatedBackupNotFound");
            DescribeDBInstanceAutomatedBackupsError::generic(code.build())
        });
    assert_eq!(find(mock_client!(aws_sdk_rds, [&none]), false).await, None);
}
