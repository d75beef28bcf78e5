//! The edge to revisions, their images, and what ECS says of a service, call by call.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a failed expectation ends the test"
)]

use aws_sdk_ecr::operation::batch_get_image::BatchGetImageOutput;
use aws_sdk_ecs::operation::describe_services::DescribeServicesOutput;
use aws_sdk_ecs::operation::list_tasks::ListTasksOutput;
use aws_sdk_ecs::operation::stop_service_deployment::StopServiceDeploymentOutput;
use aws_sdk_ecs::operation::update_service::UpdateServiceOutput;
use aws_sdk_ecs::primitives::DateTime;
use aws_sdk_ecs::types::{Service, ServiceEvent, StopServiceDeploymentStopType};
use aws_smithy_mocks::{RuleMode, mock, mock_client};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use jiff::Timestamp;
use lamplighter::aws::Aws;
use lamplighter::cloud::{Cloud, Revisions};
use lamplighter::model::{Arn, Digest, LogStream, Repository};
use lamplighter::plan::{Action, GoBack};
use rstest::rstest;

fn aws(ecs: aws_sdk_ecs::Client, ecr: aws_sdk_ecr::Client) -> Aws<Revisions> {
    Aws::with_clients(ecs, ecr, mock_client!(aws_sdk_resourcegroupstagging, []))
}

fn answer(status: u16, body: &'static str) -> HttpResponse {
    HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::from(body))
}

fn web() -> Arn {
    Arn::new("arn:aws:ecs:us-east-1:123456789012:service/shop/web")
}

#[rstest]
#[case::active(200, r#"{"taskDefinition": {"taskDefinitionArn": "a", "status": "ACTIVE"}}"#, Ok(true))]
#[case::deregistered(200, r#"{"taskDefinition": {"taskDefinitionArn": "a", "status": "INACTIVE"}}"#, Ok(false))]
#[case::deleted(400, r#"{"__type": "ClientException", "message": "Unable to describe task definition."}"#, Ok(false))]
#[case::denied(400, r#"{"__type": "AccessDeniedException", "message": "no"}"#, Err("AccessDeniedException"))]
#[tokio::test]
async fn a_revision_is_active_or_not(
    #[case] status: u16,
    #[case] body: &'static str,
    #[case] expected: Result<bool, &str>,
) {
    let described =
        mock!(aws_sdk_ecs::Client::describe_task_definition).then_http_response(move || answer(status, body));
    let aws = aws(mock_client!(aws_sdk_ecs, [&described]), mock_client!(aws_sdk_ecr, []));
    let found = aws.is_active("shop-web:41").await.map_err(|error| error.code);
    assert_eq!(found, expected.map_err(str::to_owned));
}

#[tokio::test]
async fn what_ecs_says_is_the_newest_first_since_a_time_and_once() {
    let described = mock!(aws_sdk_ecs::Client::describe_services).then_output(|| {
        let event =
            |at: i64, text: &str| ServiceEvent::builder().created_at(DateTime::from_secs(at)).message(text).build();
        let events = vec![event(300, "unable to place a task"), event(200, "unable to place a task"), event(50, "old")];
        DescribeServicesOutput::builder().services(Service::builder().set_events(Some(events)).build()).build()
    });
    let aws = aws(mock_client!(aws_sdk_ecs, [&described]), mock_client!(aws_sdk_ecr, []));
    let said = aws.happened(&web(), Timestamp::from_second(100).unwrap()).await.unwrap();
    assert_eq!(said, ["unable to place a task"]);
}

#[tokio::test]
async fn an_image_is_asked_for_by_its_digest() {
    let asked = mock!(aws_sdk_ecr::Client::batch_get_image)
        .match_requests(|r| {
            r.image_ids()[0].image_digest() == Some("sha256:ab") && r.repository_name() == Some("shop/web")
        })
        .then_output(|| BatchGetImageOutput::builder().build());
    let aws = aws(mock_client!(aws_sdk_ecs, []), mock_client!(aws_sdk_ecr, [&asked]));
    let host = "123456789012.dkr.ecr.us-east-1.amazonaws.com".to_owned();
    let repository = Repository { host, name: "shop/web".into() };
    assert!(!aws.has_image(&repository, &Digest::new("sha256:ab")).await.unwrap());
}

#[tokio::test]
async fn going_back_changes_the_revision_and_nothing_else() {
    let updated = mock!(aws_sdk_ecs::Client::update_service)
        .match_requests(|r| {
            r.task_definition() == Some("shop-web:41")
                && r.desired_count().is_none()
                && r.deployment_configuration().is_none()
                && r.force_new_deployment().is_none()
        })
        .then_output(|| UpdateServiceOutput::builder().build());
    let aws = aws(mock_client!(aws_sdk_ecs, [&updated]), mock_client!(aws_sdk_ecr, []));
    let back = GoBack {
        service: web(),
        to: "shop-web:41".into(),
        stop: None,
        digest: Digest::new("sha256:ab"),
        tag: "RC_1.4.2".into(),
        reason: "it hung".into(),
    };
    aws.perform(&Action::GoBack(back)).await.unwrap();
    assert_eq!(updated.num_calls(), 1);
}

#[tokio::test]
async fn a_deployment_that_is_moving_is_taken_back_by_ecs() {
    let stopped = mock!(aws_sdk_ecs::Client::stop_service_deployment)
        .match_requests(|r| {
            r.service_deployment_arn() == Some("deployment-1")
                && r.stop_type() == Some(&StopServiceDeploymentStopType::Rollback)
        })
        .then_output(|| StopServiceDeploymentOutput::builder().build());
    let aws = aws(mock_client!(aws_sdk_ecs, [&stopped]), mock_client!(aws_sdk_ecr, []));
    let back = GoBack {
        service: web(),
        to: "shop-web:41".into(),
        stop: Some("deployment-1".into()),
        digest: Digest::new("sha256:ab"),
        tag: "RC_1.4.2".into(),
        reason: "it hung".into(),
    };
    aws.perform(&Action::GoBack(back)).await.unwrap();
    assert_eq!(stopped.num_calls(), 1);
}

#[tokio::test]
async fn the_newest_deployment_is_described_with_what_ran_before() {
    let listed = mock!(aws_sdk_ecs::Client::list_service_deployments).then_http_response(|| {
        answer(
            200,
            r#"{"serviceDeployments": [
                {"serviceDeploymentArn": "old", "createdAt": 100, "status": "ROLLBACK_IN_PROGRESS"},
                {"serviceDeploymentArn": "new", "createdAt": 200, "status": "IN_PROGRESS"}]}"#,
        )
    });
    let described = mock!(aws_sdk_ecs::Client::describe_service_deployments)
        .match_requests(|r| r.service_deployment_arns() == ["new"])
        .then_http_response(|| {
            answer(
                200,
                r#"{"serviceDeployments": [{"serviceDeploymentArn": "new", "status": "IN_PROGRESS",
                    "lifecycleStage": "A_STAGE_OF_NEXT_YEAR", "sourceServiceRevisions": [{"arn": "r1"}],
                    "targetServiceRevision": {"arn": "r2"}}]}"#,
            )
        });
    let revisions = mock!(aws_sdk_ecs::Client::describe_service_revisions)
        .match_requests(|r| r.service_revision_arns() == ["r1", "r2"])
        .then_http_response(|| {
            answer(
                200,
                r#"{"serviceRevisions": [
                    {"serviceRevisionArn": "r1", "taskDefinition": "shop-web:41", "loadBalancers": [{"targetGroupArn": "blue"}]},
                    {"serviceRevisionArn": "r2", "taskDefinition": "shop-web:42", "loadBalancers": [{"targetGroupArn": "blue"}],
                     "resolvedConfiguration": {"loadBalancers": [{"targetGroupArn": "green"}]}}]}"#,
            )
        });
    let ecs = mock_client!(aws_sdk_ecs, [&listed, &described, &revisions]);
    let found = aws(ecs, mock_client!(aws_sdk_ecr, [])).deployment(&web()).await.unwrap().unwrap();
    assert_eq!((found.arn.as_str(), found.stage.as_str(), found.is_moving()), ("new", "A_STAGE_OF_NEXT_YEAR", true));
    let from = found.from.unwrap();
    assert_eq!((from.task_definition.as_str(), from.target_groups), ("shop-web:41", vec!["blue".to_owned()]));
    assert_eq!((found.to.task_definition.as_str(), found.to.target_groups), ("shop-web:42", vec!["green".to_owned()]));
}

#[rstest]
#[case::several_that_ran_before(r#"[{"arn": "r1"}, {"arn": "r3"}]"#)]
#[case::the_first_one("[]")]
#[tokio::test]
async fn where_it_is_not_one_that_ran_before_nobody_says_which(#[case] sources: &'static str) {
    let listed = mock!(aws_sdk_ecs::Client::list_service_deployments)
        .then_http_response(|| answer(200, r#"{"serviceDeployments": [{"serviceDeploymentArn": "new"}]}"#));
    let described = mock!(aws_sdk_ecs::Client::describe_service_deployments).then_http_response(move || {
        let body = format!(
            r#"{{"serviceDeployments": [{{"sourceServiceRevisions": {sources}, "targetServiceRevision": {{"arn": "r2"}}}}]}}"#
        );
        HttpResponse::new(StatusCode::try_from(200).unwrap(), SdkBody::from(body))
    });
    let revisions = mock!(aws_sdk_ecs::Client::describe_service_revisions)
        .then_http_response(|| answer(200, r#"{"serviceRevisions": []}"#));
    let ecs = mock_client!(aws_sdk_ecs, [&listed, &described, &revisions]);
    let found = aws(ecs, mock_client!(aws_sdk_ecr, [])).deployment(&web()).await.unwrap().unwrap();
    assert_eq!(found.from, None);
}

#[tokio::test]
async fn tasks_of_a_service_are_those_that_run_and_those_that_stopped() {
    let listed = |status: &'static str, task: &'static str| {
        mock!(aws_sdk_ecs::Client::list_tasks)
            .match_requests(move |r| r.service_name() == Some("web") && r.desired_status().unwrap().as_str() == status)
            .then_output(move || ListTasksOutput::builder().task_arns(task).build())
    };
    let (stopped, running) = (listed("STOPPED", "task/1"), listed("RUNNING", "task/2"));
    let described = mock!(aws_sdk_ecs::Client::describe_tasks).then_http_response(|| {
        answer(
            200,
            r#"{"tasks": [{"taskArn": "task/1", "lastStatus": "STOPPED", "taskDefinitionArn": "shop-web:42", "stoppedAt": 100.5,
                "stoppedReason": "Essential container in task exited",
                "containers": [{"name": "web", "exitCode": 137, "reason": "OutOfMemoryError: Container killed due to memory usage"}]}]}"#,
        )
    });
    let ecs = mock_client!(aws_sdk_ecs, RuleMode::MatchAny, [&stopped, &running, &described]);
    let tasks = aws(ecs, mock_client!(aws_sdk_ecr, [])).tasks(&web()).await.unwrap();
    assert_eq!((tasks.len(), tasks[0].containers[0].exit_code), (2, Some(137)));
    assert_eq!(tasks[0].stopped_at, Some(Timestamp::from_millisecond(100_500).unwrap()));
}

#[rstest]
#[case::written(200, r#"{"events": [{"message": "one"}, {"message": "two"}]}"#, Ok(vec!["one", "two"]))]
#[case::nothing(400, r#"{"__type": "ResourceNotFoundException", "message": "no stream"}"#, Ok(vec![]))]
#[case::denied(400, r#"{"__type": "AccessDeniedException", "message": "no"}"#, Err("AccessDeniedException"))]
#[tokio::test]
async fn the_last_lines_are_the_newest_ones(
    #[case] status: u16,
    #[case] body: &'static str,
    #[case] expected: Result<Vec<&'static str>, &str>,
) {
    let read = mock!(aws_sdk_cloudwatchlogs::Client::get_log_events)
        .match_requests(|r| r.start_from_head() == Some(false) && r.limit() == Some(50))
        .then_http_response(move || answer(status, body));
    let aws = aws(mock_client!(aws_sdk_ecs, []), mock_client!(aws_sdk_ecr, []))
        .and_logs(mock_client!(aws_sdk_cloudwatchlogs, [&read]), mock_client!(aws_sdk_s3, []));
    let stream = LogStream { group: "/shop/web".into(), name: "ecs/web/1".into() };
    let found = aws.last_lines(&stream, 50).await.map_err(|error| error.code);
    assert_eq!(found, expected.map(|lines| lines.into_iter().map(str::to_owned).collect()).map_err(str::to_owned));
}
