//! Tasks, targets, container instances and CloudTrail, call by call.

use std::collections::BTreeMap;

use aws_sdk_ecs::operation::list_tasks::ListTasksOutput;
use aws_sdk_ecs::operation::stop_task::StopTaskOutput;
use aws_sdk_ecs::operation::update_service::UpdateServiceOutput;
use aws_smithy_mocks::{RuleMode, mock, mock_client};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use jiff::Timestamp;
use lamplighter::model::TaskSizes;
use lamplighter::model::{Arn, CapacityShare};
use lamplighter::plan::{
    Action, DrainInstance, HealingAction, IncreaseMemory, ReplaceTask, SwitchCapacityProvider,
};
use lamplighter::ports::capability::HealActions;
use lamplighter::ports::{
    ChangeHistory, Executor, Instances, LoadBalancing, TaskLifecycle, TaskOwner, Tasks,
};
use lamplighter_aws::Aws;
use rstest::rstest;

fn aws(ecs: aws_sdk_ecs::Client) -> Aws<HealActions> {
    Aws::without_config().with_client(ecs)
}

fn answer(status: u16, body: impl Into<String>) -> HttpResponse {
    HttpResponse::new(
        StatusCode::try_from(status).unwrap(),
        SdkBody::from(body.into()),
    )
}

fn web() -> Arn {
    Arn::new("arn:aws:ecs:us-east-1:123456789012:service/shop/web")
}

fn host() -> Arn {
    Arn::new("arn:aws:ecs:us-east-1:123456789012:container-instance/shop/0a1b")
}

/// ECS lists a hundred a page and describes a hundred a call.
#[tokio::test]
async fn a_thousand_stopped_tasks_are_read_in_ten_pages() {
    let page = |n: usize| {
        mock!(aws_sdk_ecs::Client::list_tasks)
            .match_requests(move |r| {
                let token = (n > 0).then(|| n.to_string());
                r.service_name() == Some("web")
                    && r.desired_status().unwrap().as_str() == "STOPPED"
                    && r.next_token() == token.as_deref()
            })
            .then_output(move || {
                let tasks = (0..100).map(|task| format!("task/{n}-{task}")).collect();
                let next = (n < 9).then(|| (n + 1).to_string());
                ListTasksOutput::builder()
                    .set_task_arns(Some(tasks))
                    .set_next_token(next)
                    .build()
            })
    };
    let pages: Vec<_> = (0..10).map(page).collect();
    let described = mock!(aws_sdk_ecs::Client::describe_tasks).match_requests(|r| r.tasks().len() == 100).then_http_response(|| {
        answer(
            200,
            r#"{"tasks": [{"taskArn": "task/1", "lastStatus": "STOPPED", "taskDefinitionArn": "shop-web:42", "stoppedAt": 100.5,
                "startedAt": 40, "stopCode": "EssentialContainerExited", "availabilityZone": "us-east-1b", "healthStatus": "UNKNOWN",
                "stoppedReason": "Essential container in task exited", "containerInstanceArn": "host",
                "attachments": [{"type": "ElasticNetworkInterface", "details": [{"name": "privateIPv4Address", "value": "10.0.1.2"}]}],
                "containers": [{"name": "web", "exitCode": 137, "networkBindings": [{"hostPort": 32768}],
                    "reason": "OutOfMemoryError: Container killed due to memory usage"}]}]}"#,
        )
    });
    let rules: Vec<_> = pages.iter().chain([&described]).collect();
    let ecs = mock_client!(aws_sdk_ecs, RuleMode::MatchAny, &rules);
    let tasks = aws(ecs)
        .list_tasks(TaskOwner::Service(&web()), TaskLifecycle::Stopped)
        .await
        .unwrap();
    assert_eq!((tasks.len(), described.num_calls()), (10, 10));
    let task = &tasks[0];
    assert_eq!(
        task.stopped_at,
        Some(Timestamp::from_millisecond(100_500).unwrap())
    );
    assert_eq!(
        (task.stop_code.as_str(), task.zone.as_str()),
        ("EssentialContainerExited", "us-east-1b")
    );
    assert_eq!(
        (task.address.as_deref(), task.instance.as_deref()),
        (Some("10.0.1.2"), Some("host"))
    );
    assert_eq!(
        (task.containers[0].exit_code, task.containers[0].ports[0]),
        (Some(137), 32_768)
    );
}

#[tokio::test]
async fn tasks_on_an_instance_are_listed_by_its_identifier() {
    let listed = mock!(aws_sdk_ecs::Client::list_tasks)
        .match_requests(|r| r.cluster() == Some("shop") && r.container_instance() == Some("0a1b"))
        .then_output(|| ListTasksOutput::builder().build());
    let ecs = mock_client!(aws_sdk_ecs, [&listed]);
    assert_eq!(
        aws(ecs)
            .list_tasks(TaskOwner::Instance(&host()), TaskLifecycle::Running)
            .await
            .unwrap(),
        []
    );
}

#[tokio::test]
async fn targets_are_described_per_group_and_a_deleted_group_has_none() {
    let target = |state: &str, why: &str| {
        format!(
            "<member><Target><Id>10.0.1.2</Id><Port>80</Port></Target><TargetHealth><State>{state}</State>{why}</TargetHealth></member>"
        )
    };
    let members = target("healthy", "")
        + &target(
            "unhealthy",
            "<Reason>Target.Timeout</Reason><Description>Request timed out</Description>",
        );
    let body = format!(
        "<DescribeTargetHealthResponse><DescribeTargetHealthResult><TargetHealthDescriptions>{members}\
         </TargetHealthDescriptions></DescribeTargetHealthResult></DescribeTargetHealthResponse>"
    );
    let known = mock!(aws_sdk_elasticloadbalancingv2::Client::describe_target_health)
        .match_requests(|r| r.target_group_arn() == Some("a"))
        .then_http_response(move || answer(200, body.clone()));
    let gone = mock!(aws_sdk_elasticloadbalancingv2::Client::describe_target_health)
        .match_requests(|r| r.target_group_arn() == Some("b"))
        .then_http_response(|| {
            answer(
                400,
                "<ErrorResponse><Error><Code>TargetGroupNotFound</Code><Message>gone</Message></Error></ErrorResponse>",
            )
        });
    let elb = mock_client!(
        aws_sdk_elasticloadbalancingv2,
        RuleMode::MatchAny,
        [&known, &gone]
    );
    let aws = aws(mock_client!(aws_sdk_ecs, [])).with_client(elb);
    let found = aws
        .describe_target_health(&["a".to_owned(), "b".to_owned()])
        .await
        .unwrap();
    let health: Vec<_> = found
        .iter()
        .map(|t| (t.id.as_str(), t.is_unhealthy(), t.description.as_str()))
        .collect();
    assert_eq!(
        health,
        [
            ("10.0.1.2", false, ""),
            ("10.0.1.2", true, "Request timed out")
        ]
    );
}

#[rstest]
#[case::known(
    200,
    r#"{"containerInstances": [{"containerInstanceArn": "h", "ec2InstanceId": "i-1", "status": "ACTIVE",
    "agentConnected": false, "tags": [{"key": "lamplighter:managed", "value": "true"}]}]}"#,
    1
)]
#[case::its_cluster_is_gone(400, r#"{"__type": "ClusterNotFoundException", "message": "gone"}"#, 0)]
#[tokio::test]
async fn instances_are_described_with_their_tags(
    #[case] status: u16,
    #[case] body: &'static str,
    #[case] known: usize,
) {
    let described = mock!(aws_sdk_ecs::Client::describe_container_instances)
        .match_requests(|r| r.cluster() == Some("shop") && r.include()[0].as_str() == "TAGS")
        .then_http_response(move || answer(status, body));
    let found = aws(mock_client!(aws_sdk_ecs, [&described]))
        .describe_instances(&[host()])
        .await
        .unwrap();
    assert_eq!(found.len(), known);
    assert!(
        found
            .iter()
            .all(|host| !host.agent_connected && host.tags.len() == 1 && host.ec2 == "i-1")
    );
}

#[rstest]
#[case::of_none("", None)]
#[case::of_one(
    "<member><InstanceId>i-1</InstanceId><AutoScalingGroupName>shop-hosts</AutoScalingGroupName>\
     <AvailabilityZone>a</AvailabilityZone><LifecycleState>InService</LifecycleState>\
     <HealthStatus>HEALTHY</HealthStatus><ProtectedFromScaleIn>false</ProtectedFromScaleIn></member>",
    Some("shop-hosts")
)]
#[tokio::test]
async fn the_auto_scaling_group_of_an_instance_is_found(
    #[case] members: &'static str,
    #[case] expected: Option<&str>,
) {
    let grouped = mock!(aws_sdk_autoscaling::Client::describe_auto_scaling_instances).then_http_response(move || {
        let inner = format!("<AutoScalingInstances>{members}</AutoScalingInstances>");
        let result = format!("<DescribeAutoScalingInstancesResult>{inner}</DescribeAutoScalingInstancesResult>");
        answer(200, format!("<DescribeAutoScalingInstancesResponse>{result}</DescribeAutoScalingInstancesResponse>"))
    });
    let aws = aws(mock_client!(aws_sdk_ecs, []))
        .with_client(mock_client!(aws_sdk_autoscaling, [&grouped]));
    assert_eq!(
        aws.find_auto_scaling_group("i-1").await.unwrap().as_deref(),
        expected
    );
}

#[rstest]
#[case::drained(r#"{"containerInstances": [{"status": "DRAINING"}]}"#, Ok(()))]
#[case::refused(r#"{"failures": [{"arn": "h", "reason": "MISSING"}]}"#, Err("MISSING"))]
#[tokio::test]
async fn an_instance_is_marked_unhealthy_and_drained(
    #[case] body: &'static str,
    #[case] expected: Result<(), &str>,
) {
    let drained = mock!(aws_sdk_ecs::Client::update_container_instances_state)
        .match_requests(|r| {
            r.container_instances() == ["0a1b"] && r.status().unwrap().as_str() == "DRAINING"
        })
        .then_http_response(move || answer(200, body));
    let unhealthy = mock!(aws_sdk_autoscaling::Client::set_instance_health)
        .match_requests(|r| {
            r.instance_id() == Some("i-1") && r.health_status() == Some("Unhealthy")
        })
        .then_http_response(|| {
            answer(
                200,
                "<SetInstanceHealthResponse></SetInstanceHealthResponse>",
            )
        });
    let aws = aws(mock_client!(aws_sdk_ecs, [&drained]))
        .with_client(mock_client!(aws_sdk_autoscaling, [&unhealthy]));
    let action = Action::Healing(HealingAction::DrainInstance(DrainInstance {
        instance: host(),
        ec2: "i-1".into(),
        has_group: true,
    }));
    let result = aws
        .execute(&action)
        .await
        .map(drop)
        .map_err(|error| error.code);
    assert_eq!(result, expected.map_err(str::to_owned));
    assert_eq!(unhealthy.num_calls(), 1);
}

/// ECS calls name no resource in CloudTrail's index, so that their requests are searched.
#[tokio::test]
async fn calls_about_a_service_are_found_by_its_name_in_the_request() {
    let event = |call: &str, service: &str| {
        let names = format!("\\\"cluster\\\":\\\"shop\\\",\\\"service\\\":\\\"{service}\\\"");
        let record = format!("{{\\\"requestParameters\\\":{{{names}}}}}");
        format!(
            r#"{{"EventName": "{call}", "ReadOnly": "false", "EventTime": 80, "Username": "terraform", "EventSource": "ecs.amazonaws.com", "CloudTrailEvent": "{record}"}}"#
        )
    };
    let page = format!(
        r#"{{"Events": [{}, {}, {}], "NextToken": "more"}}"#,
        event("UpdateService", "web"),
        event("UpdateService", "web-admin"),
        event(
            "DeleteService",
            "arn:aws:ecs:eu-west-1:123456789012:service/shop/web"
        ),
    );
    let pages = mock!(aws_sdk_cloudtrail::Client::lookup_events)
        .match_requests(|r| r.lookup_attributes()[0].attribute_value() == "false")
        .then_http_response(move || answer(200, &page));
    let client = mock_client!(aws_sdk_cloudtrail, RuleMode::MatchAny, [&pages]);
    let aws = aws(mock_client!(aws_sdk_ecs, [])).with_client(client);
    let found = aws
        .calls_about("ecs.amazonaws.com", &["shop", "web"], Timestamp::UNIX_EPOCH)
        .await
        .unwrap();
    let calls: Vec<&str> = found.iter().map(|call| call.call.as_str()).collect();
    let expected = ["UpdateService", "DeleteService"];
    // The paginator ends at a token that it has had.
    assert_eq!(calls, [expected, expected].concat());
    assert_eq!(pages.num_calls(), 2);
}

#[tokio::test]
async fn read_only_events_are_no_changes() {
    let looked = mock!(aws_sdk_cloudtrail::Client::lookup_events)
        .match_requests(|r| r.lookup_attributes()[0].attribute_value() == "arn:secret")
        .then_http_response(|| {
            answer(
                200,
                r#"{"Events": [{"EventName": "GetSecretValue", "ReadOnly": "true", "EventTime": 90, "Username": "ecs"},
                    {"EventName": "DeleteSecret", "ReadOnly": "false", "EventTime": 80, "Username": "mallory"}]}"#,
            )
        });
    let aws =
        aws(mock_client!(aws_sdk_ecs, [])).with_client(mock_client!(aws_sdk_cloudtrail, [&looked]));
    let found = aws
        .cloudtrail_events("arn:secret", Timestamp::UNIX_EPOCH)
        .await
        .unwrap();
    let found: Vec<_> = found
        .iter()
        .map(|change| {
            (
                change.call.as_str(),
                change.by.as_str(),
                change.at.as_second(),
            )
        })
        .collect();
    assert_eq!(found, [("DeleteSecret", "mallory", 80)]);
}

#[tokio::test]
async fn a_task_is_stopped_with_its_reason() {
    let stopped = mock!(aws_sdk_ecs::Client::stop_task)
        .match_requests(|r| {
            r.cluster() == Some("shop") && r.task() == Some("t") && r.reason() == Some("why")
        })
        .then_output(|| StopTaskOutput::builder().build());
    let replace = ReplaceTask {
        service: web(),
        task: "t".into(),
        reason: "why".into(),
    };
    aws(mock_client!(aws_sdk_ecs, [&stopped]))
        .execute(&Action::Healing(HealingAction::ReplaceTask(replace)))
        .await
        .unwrap();
    assert_eq!(stopped.num_calls(), 1);
}

#[tokio::test]
async fn a_capacity_switch_forces_a_deployment_and_keeps_the_count() {
    let updated = mock!(aws_sdk_ecs::Client::update_service)
        .match_requests(|r| {
            let item = &r.capacity_provider_strategy()[0];
            item.capacity_provider() == "FARGATE"
                && item.weight() == 1
                && r.force_new_deployment() == Some(true)
                && r.desired_count().is_none()
        })
        .then_output(|| UpdateServiceOutput::builder().build());
    let share = |provider: &str| {
        vec![CapacityShare {
            provider: provider.into(),
            weight: 1,
            base: 0,
        }]
    };
    let (from, to) = (share("FARGATE_SPOT"), share("FARGATE"));
    let moving = SwitchCapacityProvider {
        service: web(),
        from,
        to,
        restores: false,
        hours: 1,
        shifts: false,
    };
    aws(mock_client!(aws_sdk_ecs, [&updated]))
        .execute(&Action::Healing(HealingAction::SwitchCapacityProvider(
            moving,
        )))
        .await
        .unwrap();
    assert_eq!(updated.num_calls(), 1);
}

#[tokio::test]
async fn a_memory_increase_changes_nothing_else_of_the_revision() {
    let described = mock!(aws_sdk_ecs::Client::describe_task_definition).then_http_response(|| {
        answer(
            200,
            r#"{"taskDefinition": {"taskDefinitionArn": "arn:aws:ecs:us-east-1:123456789012:task-definition/shop-web:42",
                "family": "shop-web", "cpu": "256", "memory": "512", "containerDefinitions": [{"name": "web", "memory": 400, "kept": 1}]}}"#,
        )
    });
    let registered = mock!(aws_sdk_ecs::Client::register_task_definition).then_http_response(|| {
        answer(200, r#"{"taskDefinition": {"taskDefinitionArn": "arn:aws:ecs:us-east-1:123456789012:task-definition/shop-web:43"}}"#)
    });
    let updated = mock!(aws_sdk_ecs::Client::update_service)
        .match_requests(|r| {
            r.task_definition()
                .is_some_and(|arn| arn.ends_with("shop-web:43"))
        })
        .then_output(|| UpdateServiceOutput::builder().build());
    let ecs = mock_client!(aws_sdk_ecs, [&described, &registered, &updated]);
    let sizes = TaskSizes {
        cpu: None,
        memory: Some(1_024),
        containers: BTreeMap::from([("web".to_owned(), 500)]),
    };
    let enlarge = IncreaseMemory {
        service: web(),
        base: "shop-web:42".into(),
        sizes,
        tags: BTreeMap::new(),
        shifts: false,
    };
    let done = aws(ecs)
        .execute(&Action::Healing(HealingAction::IncreaseMemory(enlarge)))
        .await
        .unwrap();
    assert_eq!(done, "accepted of shop-web:43");
}
