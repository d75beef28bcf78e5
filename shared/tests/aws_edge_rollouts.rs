//! The edge to revisions, their images, and what ECS says of a service, call by call.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a failed expectation ends the test"
)]

use aws_sdk_ecr::operation::batch_get_image::BatchGetImageOutput;
use aws_sdk_ecs::operation::describe_services::DescribeServicesOutput;
use aws_sdk_ecs::operation::update_service::UpdateServiceOutput;
use aws_sdk_ecs::primitives::DateTime;
use aws_sdk_ecs::types::{Service, ServiceEvent};
use aws_smithy_mocks::{mock, mock_client};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use jiff::Timestamp;
use lamplighter::aws::Aws;
use lamplighter::cloud::{Cloud, Revisions};
use lamplighter::model::{Arn, Digest, Repository};
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
        digest: Digest::new("sha256:ab"),
        tag: "RC_1.4.2".into(),
        reason: "it hung".into(),
    };
    aws.perform(&Action::GoBack(back)).await.unwrap();
    assert_eq!(updated.num_calls(), 1);
}
