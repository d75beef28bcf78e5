//! What holds for every call: pages, batches, retries, and errors with their reason.

use std::time::Duration;

use aws_sdk_ecs::operation::describe_services::DescribeServicesOutput;
use aws_sdk_ecs::operation::update_service::UpdateServiceOutput;
use aws_sdk_resourcegroupstagging::operation::get_resources::GetResourcesOutput;
use aws_sdk_resourcegroupstagging::types::{ResourceTagMapping, Tag};
use aws_smithy_mocks::{RuleMode, mock, mock_client};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::RetryConfig;
use lamplighter::model::Arn;
use lamplighter::plan::{Action, ReleaseAction, RestartTasks};
use lamplighter::ports::{Executor, ResourceKind, Services, TaggedResources};
use lamplighter_aws::Aws;
use rstest::rstest;

use crate::responses::{now, refused, service};

/// Three attempts, without the wait.
fn quickly() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(3)
        .with_initial_backoff(Duration::from_millis(1))
}

fn ecs_adapter(ecs: aws_sdk_ecs::Client) -> Aws {
    Aws::without_config().with_client(ecs)
}

fn tagging_adapter(tagging: aws_sdk_resourcegroupstagging::Client) -> Aws {
    Aws::without_config().with_client(tagging)
}

fn restart_tasks() -> Action {
    Action::Release(ReleaseAction::RestartTasks(RestartTasks {
        service: service(1),
        since: now(),
        shifts: false,
        heals: false,
    }))
}

fn page(of: std::ops::Range<usize>, token: &str) -> GetResourcesOutput {
    let tag = Tag::builder()
        .key("lamplighter:deploy")
        .value("tag=latest")
        .build()
        .unwrap();
    let mapping = |n| {
        ResourceTagMapping::builder()
            .resource_arn(service(n).as_str())
            .tags(tag.clone())
            .build()
    };
    GetResourcesOutput::builder()
        .set_resource_tag_mapping_list(Some(of.map(mapping).collect()))
        .pagination_token(token)
        .build()
}

#[tokio::test]
async fn all_pages_of_tagged_services_are_read() {
    let first = mock!(aws_sdk_resourcegroupstagging::Client::get_resources)
        .match_requests(|r| {
            r.pagination_token().is_none() && r.resource_type_filters() == ["ecs:service"]
        })
        .then_output(|| page(0..100, "next"));
    let second = mock!(aws_sdk_resourcegroupstagging::Client::get_resources)
        .match_requests(|r| r.pagination_token() == Some("next"))
        .then_output(|| page(100..101, ""));
    let tagging = mock_client!(
        aws_sdk_resourcegroupstagging,
        RuleMode::MatchAny,
        [&first, &second]
    );
    let services = tagging_adapter(tagging)
        .list_tagged(ResourceKind::Service, "lamplighter:deploy")
        .await
        .unwrap();
    assert_eq!(services.len(), 101);
    assert_eq!(services[100].arn, service(100));
}

#[tokio::test]
async fn an_unreadable_page_is_an_error_and_not_the_end_of_the_list() {
    let first = mock!(aws_sdk_resourcegroupstagging::Client::get_resources)
        .match_requests(|r| r.pagination_token().is_none())
        .then_output(|| page(0..100, "next"));
    let second = mock!(aws_sdk_resourcegroupstagging::Client::get_resources)
        .match_requests(|r| r.pagination_token() == Some("next"))
        .then_http_response(|| refused(400, "PaginationTokenExpiredException", "expired"));
    let tagging = mock_client!(
        aws_sdk_resourcegroupstagging,
        RuleMode::MatchAny,
        [&first, &second]
    );
    let error = tagging_adapter(tagging)
        .list_tagged(ResourceKind::Service, "lamplighter:deploy")
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "GetResources lamplighter:deploy: PaginationTokenExpiredException: expired"
    );
}

#[tokio::test]
async fn services_are_described_ten_at_a_time() {
    let rule = mock!(aws_sdk_ecs::Client::describe_services)
        .match_requests(|r| r.cluster() == Some("shop") && r.services().len() <= 10)
        .then_output(|| DescribeServicesOutput::builder().build());
    let ecs = mock_client!(aws_sdk_ecs, RuleMode::MatchAny, [&rule]);
    let arns: Vec<Arn> = (0..25).map(service).collect();
    ecs_adapter(ecs).describe_services(&arns).await.unwrap();
    assert_eq!(rule.num_calls(), 3);
}

#[tokio::test]
async fn a_throttled_call_is_retried() {
    let rule = mock!(aws_sdk_ecs::Client::update_service)
        .sequence()
        .http_response(|| refused(400, "ThrottlingException", "Rate exceeded"))
        .times(2)
        .output(|| UpdateServiceOutput::builder().build())
        .build();
    let ecs = mock_client!(aws_sdk_ecs, RuleMode::Sequential, [&rule], |c| c
        .retry_config(quickly()));
    let restart = restart_tasks();
    ecs_adapter(ecs).execute(&restart).await.unwrap();
    assert_eq!(rule.num_calls(), 3);
}

#[rstest]
#[case(400, "ThrottlingException", "Rate exceeded", 3)]
#[case(
    400,
    "AccessDeniedException",
    "not authorized to perform: ecs:UpdateService",
    1
)]
#[case(400, "ServiceNotActiveException", "Service was not ACTIVE.", 1)]
#[case(400, "ServiceNotFoundException", "Service not found.", 1)]
#[case(400, "ClusterNotFoundException", "Cluster not found.", 1)]
#[case(
    400,
    "InvalidParameterException",
    "Unable to Start a service that is still Draining.",
    1
)]
#[case(400, "ClientException", "TaskDefinition is inactive", 1)]
// The outcome is unknown, so a forced deployment is not repeated.
#[case(500, "ServerException", "Service Unavailable", 1)]
#[tokio::test]
async fn an_error_has_the_call_the_target_the_code_and_the_message(
    #[case] status: u16,
    #[case] code: &'static str,
    #[case] message: &'static str,
    #[case] attempts: usize,
) {
    let rule = mock!(aws_sdk_ecs::Client::update_service)
        .sequence()
        .http_response(move || refused(status, code, message))
        .repeatedly()
        .build();
    let ecs = mock_client!(aws_sdk_ecs, RuleMode::MatchAny, [&rule], |c| c
        .retry_config(quickly()));
    let restart = restart_tasks();
    let error = ecs_adapter(ecs).execute(&restart).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("UpdateService shop/web1: {code}: {message}")
    );
    assert_eq!(rule.num_calls(), attempts);
}

#[tokio::test]
async fn a_response_that_is_not_json_is_an_error_with_its_status() {
    let rule = mock!(aws_sdk_ecs::Client::update_service).then_http_response(|| {
        HttpResponse::new(StatusCode::try_from(503).unwrap(), SdkBody::from("<html>"))
    });
    let ecs = mock_client!(aws_sdk_ecs, RuleMode::MatchAny, [&rule], |c| c
        .retry_config(RetryConfig::disabled()));
    let restart = restart_tasks();
    let error = ecs_adapter(ecs).execute(&restart).await.unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("UpdateService shop/web1: HTTP503: "),
        "{error}"
    );
}
