//! Restored databases and the tasks that check them, call by call.

use std::collections::BTreeMap;

use aws_sdk_ecs::operation::describe_tasks::DescribeTasksOutput;
use aws_sdk_ecs::operation::list_tasks::ListTasksOutput;
use aws_sdk_ecs::operation::run_task::RunTaskOutput;
use aws_sdk_ecs::types::{Container, DesiredStatus, Failure, LaunchType, Task};
use aws_sdk_rds::operation::describe_orderable_db_instance_options::DescribeOrderableDbInstanceOptionsOutput;
use aws_sdk_rds::operation::restore_db_cluster_from_snapshot::RestoreDbClusterFromSnapshotOutput;
use aws_sdk_rds::types::OrderableDbInstanceOption;
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use lamplighter::model::{Arn, Task as Probe, TaskContainer};
use lamplighter::plan::{
    Action, DrillAction, Network, RestoreCall, RestoreCluster, RestoreForDrill, RunCheckTask,
};
use lamplighter::ports::capability::DrillActions;
use lamplighter::ports::{Databases, Executor, Tasks};
use lamplighter_aws::Aws;
use rstest::rstest;

const TOKEN: &str = "lamplighter-drill/4b1d0c8ff6a7e9d2";

fn aws(ecs: aws_sdk_ecs::Client) -> Aws<DrillActions> {
    Aws::without_config().with_client(ecs)
}

fn with_rds(rds: aws_sdk_rds::Client) -> Aws<DrillActions> {
    aws(mock_client!(aws_sdk_ecs, [])).with_client(rds)
}

#[rstest]
#[case::multi_az("postgres", Some("db.c6gd.medium"), Some("io1"))]
#[case::aurora("aurora-postgresql", None, None)]
#[case::documents("docdb", None, None)]
#[tokio::test]
async fn a_cluster_is_restored_with_the_settings_of_its_kind(
    #[case] engine: &'static str,
    #[case] class: Option<&'static str>,
    #[case] storage_type: Option<&'static str>,
) {
    let restored = mock!(aws_sdk_rds::Client::restore_db_cluster_from_snapshot)
        .match_requests(move |r| {
            r.engine() == Some(engine)
                && r.db_cluster_instance_class() == class
                && r.storage_type() == storage_type
                && r.deletion_protection() == Some(false)
                && r.publicly_accessible() == class.map(|_| false)
                && r.enable_iam_database_authentication().is_none()
                && r.vpc_security_group_ids() == ["sg-1"]
        })
        .then_output(|| RestoreDbClusterFromSnapshotOutput::builder().build());
    let aws = with_rds(mock_client!(aws_sdk_rds, [&restored]));
    let restore = RestoreForDrill {
        source: Arn::new("arn:aws:rds:eu-west-1:123456789012:cluster:shop"),
        snapshot: Arn::new(
            "arn:aws:rds:eu-west-1:123456789012:cluster-snapshot:lamplighter-shop-20261121-0300",
        ),
        call: RestoreCall::Cluster(RestoreCluster {
            name: "lamplighter-drill-shop".into(),
            engine: engine.into(),
            class: class.map(str::to_owned),
            storage_type: storage_type.map(str::to_owned),
            network: Network {
                security_groups: vec!["sg-1".into()],
                is_public: class.map(|_| false),
                ..Network::default()
            },
            ..RestoreCluster::default()
        }),
    };
    assert_eq!(
        aws.execute(&Action::Drill(DrillAction::RestoreForDrill(restore)))
            .await
            .unwrap(),
        "lamplighter-drill-shop is being created"
    );
}

#[rstest]
#[case::instance(false, Some("db.t4g.medium"))]
#[case::cluster(true, Some("db.m6gd.large"))]
#[tokio::test]
async fn the_smallest_offered_class_is_found(#[case] multi_az: bool, #[case] class: Option<&str>) {
    // Everything is offered as an instance, and one class as a cluster.
    let offers = |class: &str| {
        let option = OrderableDbInstanceOption::builder()
            .supports_clusters(class == "db.m6gd.large")
            .build();
        DescribeOrderableDbInstanceOptionsOutput::builder()
            .orderable_db_instance_options(option)
            .build()
    };
    let of = |class: &'static str| {
        mock!(aws_sdk_rds::Client::describe_orderable_db_instance_options)
            .match_requests(move |r| r.db_instance_class() == Some(class))
            .then_output(move || offers(class))
    };
    let rules = [
        "db.t4g.medium",
        "db.c6gd.medium",
        "db.c6gd.large",
        "db.m6gd.large",
    ]
    .map(of);
    let client = mock_client!(
        aws_sdk_rds,
        RuleMode::MatchAny,
        [&rules[0], &rules[1], &rules[2], &rules[3]]
    );
    let found = with_rds(client)
        .find_smallest_class("postgres", "16.4", multi_az)
        .await
        .unwrap();
    assert_eq!(found.as_deref(), class);
}

/// With these tags.
fn tagged(tags: &'static str) -> Rule {
    mock!(aws_sdk_ecs::Client::describe_task_definition).then_http_response(move || {
        let body = r#"{"tags": TAGS, "taskDefinition": {
            "taskDefinitionArn": "arn:aws:ecs:eu-west-1:123456789012:task-definition/shop-db-check:3",
            "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"],
            "containerDefinitions": [{"name": "check", "image": "a"}, {"name": "proxy", "image": "b"}]}}"#;
        HttpResponse::new(StatusCode::try_from(200).unwrap(), SdkBody::from(body.replace("TAGS", tags)))
    })
}

fn definition() -> Rule {
    tagged(r#"[{"key": "lamplighter:managed", "value": "true"}]"#)
}

#[tokio::test]
async fn an_untagged_check_task_is_not_started() {
    let run = mock!(aws_sdk_ecs::Client::run_task).then_output(|| RunTaskOutput::builder().build());
    let aws = aws(mock_client!(
        aws_sdk_ecs,
        RuleMode::MatchAny,
        [&tagged("[]"), &run]
    ));
    let error = aws.execute(&probe()).await.unwrap_err().to_string();
    assert_eq!(
        error,
        "RunTask shop-db-check:3: NotManaged: the task definition is not tagged lamplighter:managed = true"
    );
    assert_eq!(run.num_calls(), 0);
}

fn probe() -> Action {
    Action::Drill(DrillAction::RunCheckTask(RunCheckTask {
        source: Arn::new("arn:aws:rds:eu-west-1:123456789012:db:orders"),
        cluster: "ops".into(),
        task_definition: "shop-db-check".into(),
        subnets: vec!["subnet-1".into()],
        security_group: "sg-1".into(),
        environment: BTreeMap::from([("DB_HOST".to_owned(), "drill.example.com".to_owned())]),
        tags: BTreeMap::from([("lamplighter:stack".to_owned(), "lamplighter".to_owned())]),
        token: TOKEN.into(),
    }))
}

#[tokio::test]
async fn a_check_task_has_its_token_and_the_endpoint_in_every_container() {
    let run = mock!(aws_sdk_ecs::Client::run_task)
        .match_requests(|r| {
            let vpc = r
                .network_configuration()
                .unwrap()
                .awsvpc_configuration()
                .unwrap();
            let containers = r.overrides().unwrap().container_overrides();
            r.client_token() == Some(TOKEN)
                && r.started_by() == Some(TOKEN)
                && r.launch_type() == Some(&LaunchType::Fargate)
                && r.task_definition()
                    == Some("arn:aws:ecs:eu-west-1:123456789012:task-definition/shop-db-check:3")
                && (vpc.subnets(), vpc.security_groups())
                    == (&["subnet-1".to_owned()], &["sg-1".to_owned()])
                && containers.len() == 2
                && containers
                    .iter()
                    .all(|one| one.environment()[0].value() == Some("drill.example.com"))
        })
        .then_output(|| {
            RunTaskOutput::builder()
                .tasks(Task::builder().task_arn("t-1").build())
                .build()
        });
    let aws = aws(mock_client!(
        aws_sdk_ecs,
        RuleMode::MatchAny,
        [&definition(), &run]
    ));
    assert_eq!(aws.execute(&probe()).await.unwrap(), "t-1");
}

#[tokio::test]
async fn a_failure_in_the_response_of_ecs_is_an_error() {
    let run = mock!(aws_sdk_ecs::Client::run_task).then_output(|| {
        let refusal = Failure::builder()
            .reason("RESOURCE:ENI")
            .detail("no address is left")
            .build();
        RunTaskOutput::builder().failures(refusal).build()
    });
    let aws = aws(mock_client!(
        aws_sdk_ecs,
        RuleMode::MatchAny,
        [&definition(), &run]
    ));
    let error = aws.execute(&probe()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "RunTask shop-db-check:3: RESOURCE:ENI: no address is left"
    );
}

#[tokio::test]
async fn a_stopped_check_task_is_found_by_its_token() {
    let running = mock!(aws_sdk_ecs::Client::list_tasks)
        .match_requests(|r| {
            r.started_by() == Some(TOKEN) && r.desired_status() == Some(&DesiredStatus::Running)
        })
        .then_output(|| ListTasksOutput::builder().build());
    let stopped = mock!(aws_sdk_ecs::Client::list_tasks)
        .match_requests(|r| r.desired_status() == Some(&DesiredStatus::Stopped))
        .then_output(|| ListTasksOutput::builder().task_arns("t-1").build());
    let described = mock!(aws_sdk_ecs::Client::describe_tasks).then_output(|| {
        let container = Container::builder().name("check").exit_code(3).build();
        let task = Task::builder()
            .task_arn("t-1")
            .last_status("STOPPED")
            .containers(container)
            .build();
        DescribeTasksOutput::builder().tasks(task).build()
    });
    let aws = aws(mock_client!(
        aws_sdk_ecs,
        RuleMode::MatchAny,
        [&running, &stopped, &described]
    ));
    let probe = aws.find_started_task("ops", TOKEN).await.unwrap().unwrap();
    assert!(probe.is_stopped());
    assert_eq!(
        probe.describe_failure().unwrap(),
        "ended with exit code 3 in the container check"
    );
}

#[rstest]
#[case::passed(&[("a", Some(0), ""), ("b", Some(0), "")], "", None)]
#[case::killed(&[("a", Some(137), "OutOfMemoryError")], "", Some("ended with exit code 137 in the container a (OutOfMemoryError)"))]
#[case::no_image(&[("a", None, "")], "CannotPullContainerError", Some("never ran the container a (CannotPullContainerError)"))]
#[case::nothing_ran(&[], "no capacity", Some("never ran (no capacity)"))]
fn a_failed_check_task_is_described(
    #[case] containers: &[(&str, Option<i32>, &str)],
    #[case] reason: &str,
    #[case] failure: Option<&str>,
) {
    let of = |(name, exit_code, reason): &(&str, Option<i32>, &str)| TaskContainer {
        image_digest: None,
        name: (*name).into(),
        exit_code: *exit_code,
        reason: (*reason).into(),
        ports: Vec::new(),
    };
    let containers = containers.iter().map(of).collect();
    let probe = Probe {
        status: "STOPPED".into(),
        reason: reason.into(),
        containers,
        ..Probe::default()
    };
    assert_eq!(probe.describe_failure().as_deref(), failure);
}
