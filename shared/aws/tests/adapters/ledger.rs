//! The ledger in DynamoDB, call by call.

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsOutput;
use aws_sdk_dynamodb::operation::update_item::UpdateItemOutput;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_mocks::{RuleMode, mock, mock_client};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use lamplighter::model::Digest;
use lamplighter::ports::ledger::{Lease, Ledger, LedgerError, Record, RecordKind};
use lamplighter::state::TargetState;
use lamplighter_aws::DynamoLedger;
use serde_json::json;

use crate::responses::{now, refused, service};

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
async fn a_lease_has_its_fence_and_the_target_state() {
    let state = json!({"releases": {"quarantined": {"sha256:ab": "5xx"}}}).to_string();
    let rule = mock!(aws_sdk_dynamodb::Client::update_item)
        .match_requests(|r| {
            r.condition_expression()
                == Some("attribute_not_exists(holder) OR lease_until < :now OR holder = :holder")
        })
        .then_output(move || {
            UpdateItemOutput::builder()
                .attributes("fence", AttributeValue::N("7".into()))
                .attributes("memory", AttributeValue::S(state.clone()))
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
async fn a_locked_target_is_busy_with_its_holder() {
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
async fn a_target_whose_holder_is_just_writing_is_busy() {
    let conflict = mock!(aws_sdk_dynamodb::Client::update_item)
        .then_http_response(|| refused(400, "TransactionConflictException", "conflict"));
    let client = mock_client!(aws_sdk_dynamodb, RuleMode::MatchAny, [&conflict]);
    let busy = DynamoLedger::with_client(client, "ledger")
        .acquire_lease(&service(1), "me", now(), now())
        .await;
    assert!(matches!(busy, Err(LedgerError::Busy { .. })), "{busy:?}");
}

#[tokio::test]
async fn an_unreadable_state_is_an_error_and_is_not_overwritten() {
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
            .starts_with("UpdateItem shop/web1: UnreadableState: "),
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
async fn a_lost_lease_writes_nothing() {
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
