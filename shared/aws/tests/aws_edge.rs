//! The edge to AWS, one call at a time: pages, batches, throttling, and every error in words.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a failed expectation ends the test"
)]

use std::time::Duration;

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsOutput;
use aws_sdk_dynamodb::operation::update_item::UpdateItemOutput;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_ecr::operation::batch_get_image::BatchGetImageOutput;
use aws_sdk_ecs::operation::describe_services::DescribeServicesOutput;
use aws_sdk_ecs::operation::update_service::UpdateServiceOutput;
use aws_sdk_resourcegroupstagging::operation::get_resources::GetResourcesOutput;
use aws_sdk_resourcegroupstagging::types::{ResourceTagMapping, Tag};
use aws_sdk_sqs::operation::send_message_batch::SendMessageBatchOutput;
use aws_sdk_sqs::types::BatchResultErrorEntry;
use aws_smithy_mocks::{RuleMode, mock, mock_client};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::RetryConfig;
use jiff::Timestamp;
use lamplighter::model::{Arn, Digest, ImageScan, Repository};
use lamplighter::notify::{Message, Notification, Outbox};
use lamplighter::plan::{Action, ReleaseAction, RestartTasks};
use lamplighter::ports::ledger::{Lease, Ledger, LedgerError, Record, RecordKind};
use lamplighter::ports::{Executor, Images, Services, TaggedResources};
use lamplighter::state::TargetState;
use lamplighter_aws::{Aws, DynamoLedger, NotificationQueue};
use rstest::rstest;
use serde_json::json;

fn refused(status: u16, code: &str, message: &str) -> HttpResponse {
    let body = json!({"__type": code, "message": message}).to_string();
    let mut response =
        HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::from(body));
    response
        .headers_mut()
        .insert("content-type", "application/x-amz-json-1.1");
    response
}

/// Three attempts, without the wait.
fn quickly() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(3)
        .with_initial_backoff(Duration::from_millis(1))
}

fn service(n: usize) -> Arn {
    Arn::new(format!(
        "arn:aws:ecs:eu-west-1:123456789012:service/shop/web{n}"
    ))
}

fn now() -> Timestamp {
    "2026-11-21T03:00:00Z".parse().unwrap()
}

/// An AWS in which nothing but what a test names may be called.
fn aws(
    ecs: Option<aws_sdk_ecs::Client>,
    ecr: Option<aws_sdk_ecr::Client>,
    tagging: Option<aws_sdk_resourcegroupstagging::Client>,
) -> Aws {
    Aws::from_clients(
        ecs.unwrap_or_else(|| mock_client!(aws_sdk_ecs, [])),
        ecr.unwrap_or_else(|| mock_client!(aws_sdk_ecr, [])),
        tagging.unwrap_or_else(|| mock_client!(aws_sdk_resourcegroupstagging, [])),
    )
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
    let services = aws(None, None, Some(tagging))
        .list_tagged(
            lamplighter::ports::ResourceKind::Service,
            "lamplighter:deploy",
        )
        .await
        .unwrap();
    assert_eq!(services.len(), 101);
    assert_eq!(services[100].arn, service(100));
}

#[tokio::test]
async fn a_page_that_cannot_be_read_is_never_taken_for_the_end() {
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
    let error = aws(None, None, Some(tagging))
        .list_tagged(
            lamplighter::ports::ResourceKind::Service,
            "lamplighter:deploy",
        )
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
    aws(Some(ecs), None, None)
        .describe_services(&arns)
        .await
        .unwrap();
    assert_eq!(rule.num_calls(), 3);
}

#[tokio::test]
async fn a_throttled_call_is_made_again() {
    let rule = mock!(aws_sdk_ecs::Client::update_service)
        .sequence()
        .http_response(|| refused(400, "ThrottlingException", "Rate exceeded"))
        .times(2)
        .output(|| UpdateServiceOutput::builder().build())
        .build();
    let ecs = mock_client!(aws_sdk_ecs, RuleMode::Sequential, [&rule], |c| c
        .retry_config(quickly()));
    let redeploy = Action::Release(ReleaseAction::RestartTasks(RestartTasks {
        service: service(1),
        since: now(),
        shifts: false,
        heals: false,
    }));
    aws(Some(ecs), None, None).execute(&redeploy).await.unwrap();
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
// Nobody knows what became of it, so a forced deployment is not asked for again.
#[case(500, "ServerException", "Service Unavailable", 1)]
#[tokio::test]
async fn an_error_names_the_call_the_target_the_code_and_the_reason(
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
    let redeploy = Action::Release(ReleaseAction::RestartTasks(RestartTasks {
        service: service(1),
        since: now(),
        shifts: false,
        heals: false,
    }));
    let error = aws(Some(ecs), None, None)
        .execute(&redeploy)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("UpdateService shop/web1: {code}: {message}")
    );
    assert_eq!(rule.num_calls(), attempts);
}

#[tokio::test]
async fn an_answer_that_is_no_json_is_an_error_with_its_status() {
    let rule = mock!(aws_sdk_ecs::Client::update_service).then_http_response(|| {
        HttpResponse::new(StatusCode::try_from(503).unwrap(), SdkBody::from("<html>"))
    });
    let ecs = mock_client!(aws_sdk_ecs, RuleMode::MatchAny, [&rule], |c| c
        .retry_config(RetryConfig::disabled()));
    let redeploy = Action::Release(ReleaseAction::RestartTasks(RestartTasks {
        service: service(1),
        since: now(),
        shifts: false,
        heals: false,
    }));
    let error = aws(Some(ecs), None, None)
        .execute(&redeploy)
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("UpdateService shop/web1: HTTP503: "),
        "{error}"
    );
}

/// In the region of the mocked client.
fn repository() -> Repository {
    Repository {
        host: "210987654321.dkr.ecr.us-east-1.amazonaws.com".into(),
        name: "shop/web".into(),
    }
}

#[tokio::test]
async fn a_missing_tag_is_no_error_and_a_missing_repository_is() {
    let rule = mock!(aws_sdk_ecr::Client::batch_get_image)
        .match_requests(|r| r.registry_id() == Some("210987654321"))
        .then_output(|| BatchGetImageOutput::builder().build());
    let ecr = mock_client!(aws_sdk_ecr, RuleMode::MatchAny, [&rule]);
    assert_eq!(
        aws(None, Some(ecr), None)
            .find_image(&repository(), "RC_1.0.0")
            .await,
        Ok(None)
    );

    let rule = mock!(aws_sdk_ecr::Client::batch_get_image).then_http_response(|| {
        refused(
            400,
            "RepositoryNotFoundException",
            "does not exist in the registry",
        )
    });
    let ecr = mock_client!(aws_sdk_ecr, RuleMode::MatchAny, [&rule]);
    let error = aws(None, Some(ecr), None)
        .find_image(&repository(), "RC_1.0.0")
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "BatchGetImage shop/web: RepositoryNotFoundException: does not exist in the registry"
    );
}

#[tokio::test]
async fn an_image_that_was_never_scanned_is_not_clean() {
    let rule = mock!(aws_sdk_ecr::Client::describe_image_scan_findings)
        .then_http_response(|| refused(400, "ScanNotFoundException", "no scan"));
    let ecr = mock_client!(aws_sdk_ecr, RuleMode::MatchAny, [&rule]);
    let scan = aws(None, Some(ecr), None)
        .image_scan(&repository(), &Digest::new("sha256:ab"))
        .await
        .unwrap();
    assert!(matches!(scan, ImageScan::Unavailable(why) if why.contains("never scanned")));
}

fn lease() -> Lease {
    Lease {
        target: service(1),
        fence: 7,
        until: now(),
        state: TargetState::default(),
    }
}

fn record() -> Record {
    Record {
        at: now(),
        kind: RecordKind::Intent,
        event_id: "e1".into(),
        operation: "deploy".into(),
        target: service(1),
        reason: "because".into(),
        observed: "ab12".into(),
        plan: None,
        outcomes: Vec::new(),
        mode: "act".into(),
        notified: Vec::new(),
        version: "0.1.0".into(),
    }
}

#[tokio::test]
async fn a_lease_comes_with_its_fence_and_the_memory() {
    let memory = json!({"quarantined": {"sha256:ab": "5xx"}}).to_string();
    let rule = mock!(aws_sdk_dynamodb::Client::update_item)
        .match_requests(|r| {
            r.condition_expression()
                == Some("attribute_not_exists(holder) OR lease_until < :now OR holder = :holder")
        })
        .then_output(move || {
            UpdateItemOutput::builder()
                .attributes("fence", AttributeValue::N("7".into()))
                .attributes("memory", AttributeValue::S(memory.clone()))
                .build()
        });
    let client = mock_client!(aws_sdk_dynamodb, RuleMode::MatchAny, [&rule]);
    let lease = DynamoLedger::with_client(client, "ledger")
        .acquire_lease(&service(1), "me", now(), now())
        .await
        .unwrap();
    assert_eq!(lease.fence, 7);
    assert_eq!(
        lease.state.releases.quarantined[&Digest::new("sha256:ab")],
        "5xx"
    );
}

#[tokio::test]
async fn a_held_target_names_its_holder() {
    let body = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException", "message": "The conditional request failed",
        "Item": {"holder": {"S": "request-1"}, "lease_until": {"N": "1795230060000"}}
    });
    let rule = mock!(aws_sdk_dynamodb::Client::update_item).then_http_response(move || {
        let mut response = HttpResponse::new(
            StatusCode::try_from(400).unwrap(),
            SdkBody::from(body.to_string()),
        );
        response
            .headers_mut()
            .insert("content-type", "application/x-amz-json-1.0");
        response
    });
    let client = mock_client!(aws_sdk_dynamodb, RuleMode::MatchAny, [&rule]);
    let busy = DynamoLedger::with_client(client, "ledger")
        .acquire_lease(&service(1), "me", now(), now())
        .await;
    let expected = LedgerError::Busy {
        holder: "request-1".into(),
        until: "2026-11-21T03:01:00Z".into(),
    };
    assert_eq!(busy, Err(expected));
}

#[tokio::test]
async fn a_memory_that_cannot_be_read_is_not_overwritten() {
    let rule = mock!(aws_sdk_dynamodb::Client::update_item).then_output(|| {
        UpdateItemOutput::builder()
            .attributes("memory", AttributeValue::S("{".into()))
            .build()
    });
    let client = mock_client!(aws_sdk_dynamodb, RuleMode::MatchAny, [&rule]);
    let error = DynamoLedger::with_client(client, "ledger")
        .acquire_lease(&service(1), "me", now(), now())
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("UpdateItem shop/web1: UnreadableMemory: "),
        "{error}"
    );
}

#[tokio::test]
async fn an_intent_is_one_transaction_under_the_fence() {
    let rule = mock!(aws_sdk_dynamodb::Client::transact_write_items)
        .match_requests(|r| {
            let [record, state] = r.transact_items() else {
                return false;
            };
            let item = record.put().unwrap().item();
            let state = state.update().unwrap();
            item["sk"].as_s().unwrap() == "2026-11-21T03:00:00.000000Z#e1#deploy#intent"
                && item["day"].as_s().unwrap() == "2026-11-21"
                && item["expires"].as_n().unwrap() == "1803006000"
                && state.condition_expression() == Some("fence = :fence")
        })
        .then_output(|| TransactWriteItemsOutput::builder().build());
    let client = mock_client!(aws_sdk_dynamodb, RuleMode::MatchAny, [&rule]);
    DynamoLedger::with_client(client, "ledger")
        .write_intent(&lease(), &record())
        .await
        .unwrap();
    assert_eq!(rule.num_calls(), 1);
}

#[tokio::test]
async fn a_lease_that_was_lost_writes_nothing() {
    let rule = mock!(aws_sdk_dynamodb::Client::transact_write_items).then_http_response(|| {
        refused(
            400,
            "TransactionCanceledException",
            "[None, ConditionalCheckFailed]",
        )
    });
    let client = mock_client!(aws_sdk_dynamodb, RuleMode::MatchAny, [&rule]);
    let error = DynamoLedger::with_client(client, "ledger")
        .write_intent(&lease(), &record())
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "TransactWriteItems shop/web1: TransactionCanceledException: [None, ConditionalCheckFailed]"
    );
}

fn notices(n: usize) -> Vec<Notification> {
    let notice = Notification {
        message: Message::info("rolling out"),
        at: now(),
        source: lamplighter::Function::Deploy.into(),
        target: service(1),
        name: "shop/web1".into(),
        app: None,
        stack: "lamplighter".into(),
        link: String::new(),
        silenced_until: None,
    };
    vec![notice; n]
}

#[tokio::test]
async fn notices_are_sent_ten_at_a_time() {
    let rule = mock!(aws_sdk_sqs::Client::send_message_batch)
        .match_requests(|r| r.entries().len() <= 10)
        .then_output(|| {
            SendMessageBatchOutput::builder()
                .set_successful(Some(vec![]))
                .set_failed(Some(vec![]))
                .build()
                .unwrap()
        });
    let client = mock_client!(aws_sdk_sqs, RuleMode::MatchAny, [&rule]);
    NotificationQueue::with_client(client, "https://queue")
        .send(notices(21))
        .await
        .unwrap();
    assert_eq!(rule.num_calls(), 3);
}

#[tokio::test]
async fn only_the_notice_that_was_refused_comes_again() {
    let failed = BatchResultErrorEntry::builder()
        .id("1")
        .code("InternalError")
        .sender_fault(false)
        .build()
        .unwrap();
    let rule = mock!(aws_sdk_sqs::Client::send_message_batch).then_output(move || {
        SendMessageBatchOutput::builder()
            .set_successful(Some(vec![]))
            .failed(failed.clone())
            .build()
            .unwrap()
    });
    let client = mock_client!(aws_sdk_sqs, RuleMode::MatchAny, [&rule]);
    let mut three = notices(3);
    three[1].name = "shop/web2".into();
    let unsent = NotificationQueue::with_client(client, "https://queue")
        .send(three)
        .await
        .unwrap_err();
    assert_eq!(
        unsent.error.to_string(),
        "SendMessageBatch notices: InternalError: "
    );
    assert_eq!(
        unsent
            .notices
            .iter()
            .map(|n| n.name.as_str())
            .collect::<Vec<_>>(),
        ["shop/web2"]
    );
}
