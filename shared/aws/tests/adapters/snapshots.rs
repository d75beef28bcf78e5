//! Snapshots of databases, call by call.

use std::collections::BTreeMap;

use aws_sdk_rds::operation::create_db_cluster_snapshot::CreateDbClusterSnapshotOutput;
use aws_sdk_rds::operation::create_db_snapshot::CreateDbSnapshotOutput;
use aws_sdk_rds::operation::delete_db_snapshot::DeleteDbSnapshotOutput;
use aws_sdk_rds::operation::describe_account_attributes::DescribeAccountAttributesOutput;
use aws_sdk_rds::operation::describe_db_cluster_snapshots::DescribeDbClusterSnapshotsOutput;
use aws_sdk_rds::operation::describe_db_snapshot_attributes::DescribeDbSnapshotAttributesOutput;
use aws_sdk_rds::operation::describe_db_snapshots::DescribeDbSnapshotsOutput;
use aws_sdk_rds::types::{
    AccountQuota, DbClusterSnapshot, DbSnapshot, DbSnapshotAttribute, DbSnapshotAttributesResult,
    Tag,
};
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use lamplighter::model::{Arn, DatabaseKind, Quota};
use lamplighter::plan::{Action, BackupAction, CreateSnapshot, DeleteSnapshot};
use lamplighter::ports::capability::BackupActions;
use lamplighter::ports::{Databases, Executor, SnapshotFilter};
use lamplighter_aws::Aws;
use rstest::rstest;

fn aws(rds: aws_sdk_rds::Client) -> Aws<BackupActions> {
    let aws = Aws::without_config();
    aws.with_client(rds)
}

/// In the region of the mocked client.
fn arn(resource: &str) -> Arn {
    Arn::new(format!("arn:aws:rds:us-east-1:123456789012:{resource}"))
}

fn refused(code: &'static str) -> HttpResponse {
    let body = format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>"
    );
    HttpResponse::new(StatusCode::try_from(400).unwrap(), SdkBody::from(body))
}

fn backup(resource: &str) -> Action {
    let tags = BTreeMap::from([("lamplighter:stack".to_owned(), "lamplighter".to_owned())]);
    Action::Backup(BackupAction::CreateSnapshot(CreateSnapshot {
        database: arn(resource),
        node: None,
        identifier: "lamplighter-orders-20261121-0300".into(),
        tags,
    }))
}

#[tokio::test]
async fn all_pages_of_instance_and_cluster_snapshots_are_read() {
    let page = |n: usize| {
        let one = |n: usize| {
            let tag = Tag::builder()
                .key("lamplighter:stack")
                .value("lamplighter")
                .build();
            let name = format!("s{n}");
            let arn = arn(&format!("snapshot:{name}"));
            DbSnapshot::builder()
                .db_snapshot_identifier(name)
                .db_snapshot_arn(arn.as_str())
                .tag_list(tag)
                .build()
        };
        let snapshots = (n * 100..n * 100 + 100).map(one).collect();
        let marker = (n < 9).then(|| (n + 1).to_string());
        DescribeDbSnapshotsOutput::builder()
            .set_db_snapshots(Some(snapshots))
            .set_marker(marker)
            .build()
    };
    let pages: Vec<_> = (0..10)
        .map(|n: usize| {
            mock!(aws_sdk_rds::Client::describe_db_snapshots)
                .match_requests(move |r| {
                    let is_asked =
                        r.snapshot_type() == Some("manual") && r.max_records() == Some(100);
                    is_asked && r.marker().map_or(0, |marker| marker.parse().unwrap()) == n
                })
                .then_output(move || page(n))
        })
        .collect();
    let clusters = mock!(aws_sdk_rds::Client::describe_db_cluster_snapshots).then_output(|| {
        let one = DbClusterSnapshot::builder()
            .db_cluster_snapshot_identifier("c")
            .status("available");
        let one = one
            .db_cluster_snapshot_arn(arn("cluster-snapshot:c").as_str())
            .db_cluster_identifier("shop")
            .build();
        DescribeDbClusterSnapshotsOutput::builder()
            .db_cluster_snapshots(one)
            .build()
    });
    let rules: Vec<&_> = pages.iter().chain([&clusters]).collect();
    let rds = mock_client!(aws_sdk_rds, RuleMode::MatchAny, rules);
    let found = aws(rds)
        .list_snapshots(None, SnapshotFilter::All)
        .await
        .unwrap();
    assert_eq!(found.len(), 1_001);
    assert_eq!(found[0].tags["lamplighter:stack"], "lamplighter");
    assert!(found[1_000].has_name_of(&arn("cluster:shop")));
}

#[rstest]
#[case::instance("db:orders", "DBSnapshotAlreadyExists")]
#[case::cluster("cluster:orders", "DBClusterSnapshotAlreadyExistsFault")]
#[tokio::test]
async fn an_existing_snapshot_is_no_error(
    #[case] resource: &'static str,
    #[case] code: &'static str,
) {
    let instance =
        mock!(aws_sdk_rds::Client::create_db_snapshot).then_http_response(move || refused(code));
    let cluster = mock!(aws_sdk_rds::Client::create_db_cluster_snapshot)
        .then_http_response(move || refused(code));
    for (stack, is_own) in [("lamplighter", true), ("another", false)] {
        let listed = list_existing(stack);
        let rules = [&instance, &cluster, &listed[0], &listed[1]];
        let rds = mock_client!(aws_sdk_rds, RuleMode::MatchAny, rules);
        let answer = aws(rds).execute(&backup(resource)).await;
        if is_own {
            assert_eq!(
                answer.unwrap(),
                "lamplighter-orders-20261121-0300 already exists"
            );
        } else {
            let error = answer.unwrap_err();
            assert_eq!(error.code, code);
            assert!(
                error.message.contains("did not take of this database"),
                "{error}"
            );
        }
    }
}

/// The snapshot whose name is in use, with the tag of a stack.
fn list_existing(stack: &'static str) -> [Rule; 2] {
    const NAME: &str = "lamplighter-orders-20261121-0300";
    let tag = move || Tag::builder().key("lamplighter:stack").value(stack).build();
    let instance = mock!(aws_sdk_rds::Client::describe_db_snapshots)
        .match_requests(|r| r.db_snapshot_identifier() == Some(NAME))
        .then_output(move || {
            let one = DbSnapshot::builder()
                .db_snapshot_identifier(NAME)
                .db_snapshot_arn(arn("snapshot:x").as_str());
            DescribeDbSnapshotsOutput::builder()
                .db_snapshots(one.tag_list(tag()).build())
                .build()
        });
    let cluster = mock!(aws_sdk_rds::Client::describe_db_cluster_snapshots)
        .match_requests(|r| r.db_cluster_snapshot_identifier() == Some(NAME))
        .then_output(move || {
            let one = DbClusterSnapshot::builder()
                .db_cluster_snapshot_identifier(NAME)
                .db_cluster_snapshot_arn(arn("cluster-snapshot:x").as_str());
            DescribeDbClusterSnapshotsOutput::builder()
                .db_cluster_snapshots(one.tag_list(tag()).build())
                .build()
        });
    [instance, cluster]
}

/// Snapshots keep the name that the database had: a renamed one is found by its resource ID.
#[tokio::test]
async fn snapshots_are_listed_by_resource_id() {
    let instance = mock!(aws_sdk_rds::Client::describe_db_snapshots)
        .match_requests(|r| r.dbi_resource_id() == Some("db-1"))
        .then_output(|| DescribeDbSnapshotsOutput::builder().build());
    let cluster = mock!(aws_sdk_rds::Client::describe_db_cluster_snapshots)
        .match_requests(|r| r.db_cluster_resource_id() == Some("cluster-1"))
        .then_output(|| DescribeDbClusterSnapshotsOutput::builder().build());
    let aws = aws(mock_client!(
        aws_sdk_rds,
        RuleMode::MatchAny,
        [&instance, &cluster]
    ));
    for (kind, id) in [
        (DatabaseKind::Instance, "db-1"),
        (DatabaseKind::Cluster, "cluster-1"),
    ] {
        let filter = SnapshotFilter::OfResource(kind, id);
        assert!(aws.list_snapshots(None, filter).await.unwrap().is_empty());
    }
    assert_eq!((instance.num_calls(), cluster.num_calls()), (1, 1));
}

#[tokio::test]
async fn a_cluster_snapshot_is_one_snapshot_with_the_tags() {
    let cluster = mock!(aws_sdk_rds::Client::create_db_cluster_snapshot)
        .match_requests(|r| r.db_cluster_identifier() == Some("shop") && r.tags().len() == 1)
        .then_output(|| CreateDbClusterSnapshotOutput::builder().build());
    let rds = mock_client!(aws_sdk_rds, RuleMode::MatchAny, [&cluster]);
    aws(rds).execute(&backup("cluster:shop")).await.unwrap();
    let instance = mock!(aws_sdk_rds::Client::create_db_snapshot)
        .match_requests(|r| r.db_instance_identifier() == Some("orders") && r.tags().len() == 1)
        .then_output(|| CreateDbSnapshotOutput::builder().build());
    let rds = mock_client!(aws_sdk_rds, RuleMode::MatchAny, [&instance]);
    aws(rds).execute(&backup("db:orders")).await.unwrap();
}

#[rstest]
#[case::state("InvalidDBInstanceState")]
#[case::quota("SnapshotQuotaExceeded")]
#[case::denied("AccessDenied")]
#[tokio::test]
async fn a_rejected_snapshot_is_an_error_with_its_code(#[case] code: &'static str) {
    let rule =
        mock!(aws_sdk_rds::Client::create_db_snapshot).then_http_response(move || refused(code));
    let rds = mock_client!(aws_sdk_rds, RuleMode::MatchAny, [&rule]);
    let error = aws(rds).execute(&backup("db:orders")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("CreateDBSnapshot lamplighter-orders-20261121-0300: {code}: no")
    );
}

#[tokio::test]
async fn a_missing_snapshot_counts_as_deleted_but_one_in_use_is_an_error() {
    let gone = mock!(aws_sdk_rds::Client::delete_db_snapshot)
        .match_requests(|r| r.db_snapshot_identifier() == Some("gone"))
        .then_http_response(|| refused("DBSnapshotNotFound"));
    let busy = mock!(aws_sdk_rds::Client::delete_db_snapshot)
        .match_requests(|r| r.db_snapshot_identifier() == Some("busy"))
        .then_http_response(|| refused("InvalidDBSnapshotState"));
    let old = mock!(aws_sdk_rds::Client::delete_db_snapshot)
        .match_requests(|r| r.db_snapshot_identifier() == Some("old"))
        .then_output(|| DeleteDbSnapshotOutput::builder().build());
    let aws = aws(mock_client!(
        aws_sdk_rds,
        RuleMode::MatchAny,
        [&gone, &busy, &old]
    ));
    let expire = |name: &str| {
        Action::Backup(BackupAction::DeleteSnapshot(DeleteSnapshot {
            snapshot: arn(&format!("snapshot:{name}")),
        }))
    };
    assert_eq!(
        aws.execute(&expire("gone")).await.unwrap(),
        "gone was already deleted"
    );
    assert_eq!(aws.execute(&expire("old")).await.unwrap(), "old is deleted");
    let error = aws.execute(&expire("busy")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "DeleteDBSnapshot busy: InvalidDBSnapshotState: no"
    );
}

#[tokio::test]
async fn quotas_and_shares_are_read() {
    let quotas = mock!(aws_sdk_rds::Client::describe_account_attributes).then_output(|| {
        let quota = |name: &str, used| {
            AccountQuota::builder()
                .account_quota_name(name)
                .used(used)
                .max(100)
                .build()
        };
        let answer = DescribeAccountAttributesOutput::builder();
        answer
            .account_quotas(quota("ManualSnapshots", 81))
            .account_quotas(quota("ManualClusterSnapshots", 3))
            .build()
    });
    let shared = mock!(aws_sdk_rds::Client::describe_db_snapshot_attributes)
        .match_requests(|r| r.db_snapshot_identifier() == Some("shared"))
        .then_output(|| {
            let restore = DbSnapshotAttribute::builder()
                .attribute_name("restore")
                .attribute_values("210987654321")
                .build();
            let result = DbSnapshotAttributesResult::builder()
                .db_snapshot_attributes(restore)
                .build();
            DescribeDbSnapshotAttributesOutput::builder()
                .db_snapshot_attributes_result(result)
                .build()
        });
    let gone = mock!(aws_sdk_rds::Client::describe_db_snapshot_attributes)
        .match_requests(|r| r.db_snapshot_identifier() == Some("gone"))
        .then_http_response(|| refused("DBSnapshotNotFound"));
    let aws = aws(mock_client!(
        aws_sdk_rds,
        RuleMode::MatchAny,
        [&quotas, &shared, &gone]
    ));
    let read = aws.get_snapshot_quotas().await.unwrap();
    assert_eq!(
        (read.instances, read.clusters),
        (Quota { used: 81, max: 100 }, Quota { used: 3, max: 100 })
    );
    assert!(
        aws.is_snapshot_shared(&arn("snapshot:shared"))
            .await
            .unwrap()
    );
    assert!(!aws.is_snapshot_shared(&arn("snapshot:gone")).await.unwrap());
    // With the vault alone it is not.
    let with_vault = aws.with_vault("arn:aws:iam::210987654321:role/vault", "lamplighter");
    assert!(
        !with_vault
            .is_snapshot_shared(&arn("snapshot:shared"))
            .await
            .unwrap()
    );
}
