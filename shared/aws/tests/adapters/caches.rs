//! Caches of ElastiCache and their snapshots, call by call.

use std::collections::BTreeMap;

use aws_sdk_elasticache::operation::create_replication_group::CreateReplicationGroupOutput;
use aws_sdk_elasticache::operation::create_snapshot::CreateSnapshotOutput;
use aws_sdk_elasticache::operation::describe_replication_groups::DescribeReplicationGroupsOutput;
use aws_sdk_elasticache::operation::describe_serverless_cache_snapshots::DescribeServerlessCacheSnapshotsOutput;
use aws_sdk_elasticache::operation::describe_snapshots::DescribeSnapshotsOutput;
use aws_sdk_elasticache::operation::list_tags_for_resource::ListTagsForResourceOutput;
use aws_sdk_elasticache::primitives::DateTime;
use aws_sdk_elasticache::types::{
    NodeGroup, NodeGroupMember, NodeSnapshot, ReplicationGroup, ServerlessCacheConfiguration,
    ServerlessCacheSnapshot, Snapshot,
};
use aws_sdk_resourcegroupstagging::operation::get_resources::GetResourcesOutput;
use aws_sdk_resourcegroupstagging::types::{ResourceTagMapping, Tag};
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use lamplighter::model::Arn;
use lamplighter::plan::{
    Action, BackupAction, CreateReplicationGroup, CreateSnapshot, DeleteSnapshot, DrillAction,
    Network, RestoreCall, RestoreForDrill,
};
use lamplighter::ports::capability::{BackupActions, DrillActions};
use lamplighter::ports::{Caches, Executor, SnapshotFilter};
use lamplighter_aws::Aws;
use rstest::rstest;

fn arn(resource: &str) -> Arn {
    Arn::new(format!(
        "arn:aws:elasticache:eu-west-1:123456789012:{resource}"
    ))
}

/// Everything that the tagging API lists carries these tags.
fn aws(
    elasticache: aws_sdk_elasticache::Client,
    tagged: &'static [(&str, &str, &str)],
) -> Aws<BackupActions> {
    let listing =
        mock!(aws_sdk_resourcegroupstagging::Client::get_resources).then_output(move || {
            let mapping = |(resource, key, value): &(&str, &str, &str)| {
                let tag = Tag::builder().key(*key).value(*value).build().unwrap();
                ResourceTagMapping::builder()
                    .resource_arn(arn(resource).as_str())
                    .tags(tag)
                    .build()
            };
            let mappings = tagged.iter().map(mapping).collect();
            GetResourcesOutput::builder()
                .set_resource_tag_mapping_list(Some(mappings))
                .build()
        });
    let aws = Aws::without_config().with_client(mock_client!(
        aws_sdk_resourcegroupstagging,
        RuleMode::MatchAny,
        [&listing]
    ));
    aws.with_client(elasticache)
}

fn refused(code: &'static str) -> HttpResponse {
    let body = format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>"
    );
    HttpResponse::new(StatusCode::try_from(400).unwrap(), SdkBody::from(body))
}

#[tokio::test]
async fn a_replication_group_has_the_tags_that_its_listing_lacks() {
    let groups = mock!(aws_sdk_elasticache::Client::describe_replication_groups)
        .match_requests(|r| r.replication_group_id() == Some("sessions"))
        .then_output(|| {
            let group = ReplicationGroup::builder()
                .replication_group_id("sessions")
                .status("available");
            let group = group
                .arn(arn("replicationgroup:sessions").as_str())
                .engine("valkey")
                .build();
            DescribeReplicationGroupsOutput::builder()
                .replication_groups(group)
                .build()
        });
    let tags = mock!(aws_sdk_elasticache::Client::list_tags_for_resource).then_output(|| {
        let tag = aws_sdk_elasticache::types::Tag::builder()
            .key("lamplighter:managed")
            .value("true")
            .build();
        ListTagsForResourceOutput::builder().tag_list(tag).build()
    });
    let aws = aws(
        mock_client!(aws_sdk_elasticache, RuleMode::MatchAny, [&groups, &tags]),
        &[],
    );
    let found = aws
        .describe_caches(&[arn("replicationgroup:sessions")])
        .await
        .unwrap();
    assert_eq!(
        (
            found.len(),
            found[0].engine.as_str(),
            found[0].status.as_str()
        ),
        (1, "valkey", "available")
    );
    assert_eq!(found[0].tags["lamplighter:managed"], "true");
}

#[tokio::test]
async fn a_replication_group_in_creation_has_no_tags() {
    let groups =
        mock!(aws_sdk_elasticache::Client::describe_replication_groups).then_output(|| {
            let group = ReplicationGroup::builder()
                .replication_group_id("sessions")
                .status("creating");
            let group = group.arn(arn("replicationgroup:sessions").as_str()).build();
            DescribeReplicationGroupsOutput::builder()
                .replication_groups(group)
                .build()
        });
    let tags = mock!(aws_sdk_elasticache::Client::list_tags_for_resource)
        .then_http_response(|| refused("InvalidReplicationGroupState"));
    let aws = aws(
        mock_client!(aws_sdk_elasticache, RuleMode::MatchAny, [&groups, &tags]),
        &[],
    );
    let found = aws
        .describe_caches(&[arn("replicationgroup:sessions")])
        .await
        .unwrap();
    assert_eq!((found.len(), found[0].tags.len()), (1, 0));
}

#[tokio::test]
async fn tags_of_many_caches_are_read_from_one_listing() {
    let groups = mock!(aws_sdk_elasticache::Client::describe_replication_groups)
        .match_requests(|r| r.replication_group_id().is_none())
        .then_output(|| {
            let group = |n: usize| {
                let arn = arn(&format!("replicationgroup:{n}"));
                ReplicationGroup::builder()
                    .replication_group_id(n.to_string())
                    .arn(arn.as_str())
                    .build()
            };
            DescribeReplicationGroupsOutput::builder()
                .set_replication_groups(Some((0..5).map(group).collect()))
                .build()
        });
    let aws = aws(
        mock_client!(aws_sdk_elasticache, [&groups]),
        &[("replicationgroup:3", "lamplighter:managed", "true")],
    );
    let asked: Vec<Arn> = (0..5)
        .map(|n| arn(&format!("replicationgroup:{n}")))
        .collect();
    let found = aws.describe_caches(&asked).await.unwrap();
    assert_eq!(
        found
            .iter()
            .map(|cache| cache.tags.len())
            .collect::<Vec<_>>(),
        [0, 0, 0, 1, 0]
    );
}

/// AWS refuses cluster mode without failover.
#[rstest]
#[case::without_cluster_mode(None, "8.0")]
#[case::cluster_mode(Some(3), "7.2")]
#[tokio::test]
async fn a_restored_group_is_isolated_with_one_node_per_shard(
    #[case] shards: Option<u32>,
    #[case] version: &'static str,
) {
    let made = mock!(aws_sdk_elasticache::Client::create_replication_group)
        .match_requests(move |r| {
            r.replication_group_id() == Some("lamplighter-drill-sessions")
                && r.snapshot_name() == Some("lamplighter-sessions-20261121-0300")
                && r.security_group_ids() == ["sg-1"]
                && (r.cache_subnet_group_name(), r.cache_node_type())
                    == (Some("private"), Some("cache.r7g.large"))
                && (
                    r.automatic_failover_enabled(),
                    r.at_rest_encryption_enabled(),
                ) == (Some(shards.is_some()), Some(true))
                && r.replicas_per_node_group() == shards.map(|_| 0)
                && r.num_node_groups() == shards.and_then(|n| i32::try_from(n).ok())
                && r.engine_version() == Some(version)
        })
        .then_output(|| CreateReplicationGroupOutput::builder().build());
    let elasticache = mock_client!(aws_sdk_elasticache, [&made]);
    let tagging = mock_client!(aws_sdk_resourcegroupstagging, []);
    let aws: Aws<DrillActions> = Aws::without_config()
        .with_client(tagging)
        .with_client(elasticache);
    let restore = RestoreForDrill {
        source: arn("replicationgroup:sessions"),
        snapshot: arn("snapshot:lamplighter-sessions-20261121-0300"),
        call: RestoreCall::ReplicationGroup(CreateReplicationGroup {
            name: "lamplighter-drill-sessions".into(),
            engine: "valkey".into(),
            engine_version: Some(version.into()),
            class: "cache.r7g.large".into(),
            network: Network {
                subnet_group: Some("private".into()),
                security_groups: vec!["sg-1".into()],
                ..Network::default()
            },
            shards,
            replicas: shards.map(|_| 0),
            has_failover: shards.is_some(),
            is_encrypted: true,
            ..CreateReplicationGroup::default()
        }),
    };
    assert_eq!(
        aws.execute(&Action::Drill(DrillAction::RestoreForDrill(restore)))
            .await
            .unwrap(),
        "lamplighter-drill-sessions is being created"
    );
}

#[tokio::test]
async fn a_deleted_group_is_left_out() {
    let gone = mock!(aws_sdk_elasticache::Client::describe_replication_groups)
        .then_http_response(|| refused("ReplicationGroupNotFoundFault"));
    let aws = aws(mock_client!(aws_sdk_elasticache, [&gone]), &[]);
    assert_eq!(
        aws.describe_caches(&[arn("replicationgroup:sessions")])
            .await
            .unwrap(),
        []
    );
}

/// Two pages of a group's snapshots, and one of a serverless cache beside an automatic one.
fn listings() -> [Rule; 3] {
    let page = |name: &str, at: &[i64], marker: Option<&str>| {
        let nodes = at.iter().map(|at| {
            NodeSnapshot::builder()
                .snapshot_create_time(DateTime::from_secs(*at))
                .build()
        });
        let snapshot = Snapshot::builder()
            .snapshot_name(name)
            .replication_group_id("sessions");
        let snapshot = snapshot
            .arn(arn(&format!("snapshot:{name}")).as_str())
            .snapshot_status("available");
        let snapshot = snapshot.set_node_snapshots(Some(nodes.collect())).build();
        DescribeSnapshotsOutput::builder()
            .snapshots(snapshot)
            .set_marker(marker.map(str::to_owned))
            .build()
    };
    let first = mock!(aws_sdk_elasticache::Client::describe_snapshots)
        .match_requests(|r| r.snapshot_source() == Some("user") && r.marker().is_none())
        .then_output(move || page("a", &[200, 100], Some("next")));
    let second = mock!(aws_sdk_elasticache::Client::describe_snapshots)
        .match_requests(|r| r.marker() == Some("next"))
        .then_output(move || page("b", &[], None));
    let serverless = mock!(aws_sdk_elasticache::Client::describe_serverless_cache_snapshots)
        .then_output(|| {
            let one = |name: &str, kind: &str| {
                let of = ServerlessCacheConfiguration::builder()
                    .serverless_cache_name("carts")
                    .build();
                let snapshot = ServerlessCacheSnapshot::builder()
                    .serverless_cache_snapshot_name(name)
                    .snapshot_type(kind);
                let snapshot =
                    snapshot.arn(arn(&format!("serverlesscachesnapshot:{name}")).as_str());
                snapshot
                    .serverless_cache_configuration(of)
                    .create_time(DateTime::from_secs(300))
                    .build()
            };
            let all = vec![one("c", "manual"), one("d", "automated")];
            DescribeServerlessCacheSnapshotsOutput::builder()
                .set_serverless_cache_snapshots(Some(all))
                .build()
        });
    [first, second, serverless]
}

#[tokio::test]
async fn all_pages_of_snapshots_have_tags_and_the_time_of_the_oldest_shard() {
    let [first, second, serverless] = listings();
    let client = mock_client!(
        aws_sdk_elasticache,
        RuleMode::MatchAny,
        [&first, &second, &serverless]
    );
    let aws = aws(
        client,
        &[("snapshot:a", "lamplighter:stack", "lamplighter")],
    );
    let found = aws.list_cache_snapshots(SnapshotFilter::All).await.unwrap();
    let seen: Vec<(&str, Option<i64>, usize)> = found
        .iter()
        .map(|s| {
            (
                s.identifier.as_str(),
                s.taken_at.map(jiff::Timestamp::as_second),
                s.tags.len(),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [("a", Some(100), 1), ("b", None, 0), ("c", Some(300), 0)]
    );
    assert!(found[0].has_name_of(&arn("replicationgroup:sessions")));
    assert!(
        found[2].has_name_of(&arn("serverlesscache:carts"))
            && !found[2].has_name_of(&arn("replicationgroup:carts"))
    );
}

#[rstest]
#[case::there_already(
    "SnapshotAlreadyExistsFault",
    Ok("lamplighter-sessions-20261121-0300 already exists")
)]
#[case::busy("InvalidReplicationGroupState", Err(true))]
#[case::busy_node("InvalidCacheClusterState", Err(true))]
#[case::enough_for_today("SnapshotQuotaExceededFault", Err(true))]
#[case::enough_serverless("ServerlessCacheSnapshotQuotaExceededFault", Err(true))]
#[case::not_possible("SnapshotFeatureNotSupportedFault", Err(false))]
#[tokio::test]
async fn rejections_of_a_cache_snapshot_have_their_code_unless_it_exists(
    #[case] code: &'static str,
    #[case] expected: Result<&str, bool>,
) {
    let refused = mock!(aws_sdk_elasticache::Client::create_snapshot)
        .then_http_response(move || refused(code));
    let aws = aws(mock_client!(aws_sdk_elasticache, [&refused]), &[]);
    let answer = aws
        .execute(&backup())
        .await
        .map_err(|error| error.is_transient_state());
    assert_eq!(answer, expected.map(str::to_owned));
}

/// A snapshot of a node doesn't name the group: its tag does, or else the number of the node.
#[tokio::test]
async fn snapshots_of_nodes_are_those_of_their_group() {
    let listed = mock!(aws_sdk_elasticache::Client::describe_snapshots)
        .match_requests(|r| r.replication_group_id().is_none())
        .then_output(|| {
            let of = |name: &str, node: &str| {
                let snapshot = Snapshot::builder()
                    .snapshot_name(name)
                    .cache_cluster_id(node);
                let arn = arn(&format!("snapshot:{name}"));
                snapshot.arn(arn.as_str()).build()
            };
            DescribeSnapshotsOutput::builder()
                .snapshots(of("by-hand", "sessions-002"))
                .snapshots(of("lamplighter-sessions-20261121-0300", "first"))
                .snapshots(of("of-another", "carts-001"))
                .snapshots(of("of-a-cluster", "alone"))
                .build()
        });
    // The index of tags lacks it.
    let tags = mock!(aws_sdk_elasticache::Client::list_tags_for_resource).then_output(|| {
        let tag = aws_sdk_elasticache::types::Tag::builder()
            .key("lamplighter:target")
            .value(arn("replicationgroup:sessions").as_str())
            .build();
        ListTagsForResourceOutput::builder().tag_list(tag).build()
    });
    let client = mock_client!(aws_sdk_elasticache, RuleMode::MatchAny, [&listed, &tags]);
    let aws = aws(client, &[]);
    let sessions = arn("replicationgroup:sessions");
    let found = aws
        .list_cache_snapshots(SnapshotFilter::OfSource(&sessions))
        .await;
    let names: Vec<String> = found.unwrap().into_iter().map(|s| s.identifier).collect();
    assert_eq!(names, ["by-hand", "lamplighter-sessions-20261121-0300"]);
}

#[tokio::test]
async fn a_group_without_cluster_mode_is_backed_up_by_one_of_its_nodes() {
    let taken = mock!(aws_sdk_elasticache::Client::create_snapshot)
        .match_requests(|r| {
            (r.cache_cluster_id(), r.replication_group_id()) == (Some("sessions-002"), None)
        })
        .then_output(|| CreateSnapshotOutput::builder().build());
    let aws = aws(mock_client!(aws_sdk_elasticache, [&taken]), &[]);
    let Action::Backup(BackupAction::CreateSnapshot(whole)) = backup() else {
        unreachable!("a snapshot")
    };
    let node = Some("sessions-002".to_owned());
    let of_node = BackupAction::CreateSnapshot(CreateSnapshot { node, ..whole });
    aws.execute(&Action::Backup(of_node)).await.unwrap();
}

/// A replica is asked, so that the primary has its memory for clients.
#[rstest]
#[case::replica(false, &["primary", "replica"], Some("sessions-002"))]
#[case::alone(false, &["primary"], Some("sessions-001"))]
#[case::cluster_mode(true, &["primary", "replica"], None)]
#[tokio::test]
async fn a_group_shows_the_node_for_its_backups(
    #[case] has_cluster_mode: bool,
    #[case] roles: &'static [&'static str],
    #[case] expected: Option<&str>,
) {
    let groups =
        mock!(aws_sdk_elasticache::Client::describe_replication_groups).then_output(move || {
            let member = |(role, n): (&&str, i32)| {
                NodeGroupMember::builder()
                    .cache_cluster_id(format!("sessions-{n:03}"))
                    .current_role(*role)
                    .build()
            };
            let members = roles.iter().zip(1..).map(member).collect();
            let shard = NodeGroup::builder()
                .set_node_group_members(Some(members))
                .build();
            let group = ReplicationGroup::builder()
                .replication_group_id("sessions")
                .cluster_enabled(has_cluster_mode)
                .node_groups(shard)
                .replication_group_create_time(DateTime::from_secs(100));
            let group = group.arn(arn("replicationgroup:sessions").as_str()).build();
            DescribeReplicationGroupsOutput::builder()
                .replication_groups(group)
                .build()
        });
    let tags = mock!(aws_sdk_elasticache::Client::list_tags_for_resource)
        .then_output(|| ListTagsForResourceOutput::builder().build());
    let client = mock_client!(aws_sdk_elasticache, RuleMode::MatchAny, [&groups, &tags]);
    let found = aws(client, &[])
        .describe_caches(&[arn("replicationgroup:sessions")])
        .await
        .unwrap();
    assert_eq!(found[0].snapshot_node.as_deref(), expected);
    assert_eq!(found[0].has_cluster_mode, has_cluster_mode);
    assert_eq!(found[0].created_at.unwrap().as_second(), 100);
}

fn backup() -> Action {
    let tags = BTreeMap::from([("lamplighter:stack".to_owned(), "lamplighter".to_owned())]);
    let identifier = "lamplighter-sessions-20261121-0300".to_owned();
    Action::Backup(BackupAction::CreateSnapshot(CreateSnapshot {
        database: arn("replicationgroup:sessions"),
        node: None,
        identifier,
        tags,
    }))
}

#[tokio::test]
async fn a_snapshot_of_a_cache_carries_its_tags() {
    let taken = mock!(aws_sdk_elasticache::Client::create_snapshot)
        .match_requests(|r| {
            r.replication_group_id() == Some("sessions")
                && r.tags()[0].value() == Some("lamplighter")
        })
        .then_output(|| CreateSnapshotOutput::builder().build());
    let aws = aws(mock_client!(aws_sdk_elasticache, [&taken]), &[]);
    assert_eq!(
        aws.execute(&backup()).await.unwrap(),
        "lamplighter-sessions-20261121-0300 is being created"
    );
}

#[tokio::test]
async fn a_missing_serverless_snapshot_counts_as_deleted() {
    let gone = mock!(aws_sdk_elasticache::Client::delete_serverless_cache_snapshot)
        .then_http_response(|| refused("ServerlessCacheSnapshotNotFoundFault"));
    let aws = aws(mock_client!(aws_sdk_elasticache, [&gone]), &[]);
    let expire = Action::Backup(BackupAction::DeleteSnapshot(DeleteSnapshot {
        snapshot: arn("serverlesscachesnapshot:c"),
    }));
    assert_eq!(aws.execute(&expire).await.unwrap(), "c was already deleted");
}
