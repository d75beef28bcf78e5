//! The notification queue, call by call.

use aws_sdk_sqs::operation::send_message_batch::SendMessageBatchOutput;
use aws_sdk_sqs::types::BatchResultErrorEntry;
use aws_smithy_mocks::{RuleMode, mock, mock_client};
use lamplighter::notify::{Message, Notification, Outbox};
use lamplighter_aws::NotificationQueue;

use crate::responses::{now, service};

fn notifications(n: usize) -> Vec<Notification> {
    let notification = Notification {
        runbook: None,
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
    vec![notification; n]
}

#[tokio::test]
async fn notifications_are_sent_ten_at_a_time() {
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
        .send(notifications(21))
        .await
        .unwrap();
    assert_eq!(rule.num_calls(), 3);
}

#[tokio::test]
async fn only_the_rejected_notification_is_returned() {
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
    let mut three = notifications(3);
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
