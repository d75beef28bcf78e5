//! Amazon SQS: the messages that wait for a service.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;

use crate::error::aws_error;
use lamplighter::AwsError;
use lamplighter::model::{Arn, Backlog};

/// The codes of SQS for a queue that doesn't exist.
const NO_QUEUE: &str = "QueueDoesNotExist";
const NO_QUEUE_OLD: &str = "NonExistentQueue";

/// Counts the messages of a queue in the account and region of a service; `None` if there is no such queue.
///
/// Source: GetQueueAttributes.
///
/// # Errors
/// [`AwsError`] if the call fails.
pub async fn count_backlog(
    client: &Client,
    service: &Arn,
    queue: &str,
) -> Result<Option<Backlog>, AwsError> {
    let waiting = QueueAttributeName::ApproximateNumberOfMessages;
    let in_progress = QueueAttributeName::ApproximateNumberOfMessagesNotVisible;
    let delayed = QueueAttributeName::ApproximateNumberOfMessagesDelayed;
    let visibility_timeout = QueueAttributeName::VisibilityTimeout;
    let answer = client
        .get_queue_attributes()
        .queue_url(queue_url(service, queue))
        .attribute_names(waiting.clone())
        .attribute_names(in_progress.clone())
        .attribute_names(delayed.clone())
        .attribute_names(visibility_timeout.clone())
        .send()
        .await;
    let attributes = match answer.map_err(|e| aws_error("GetQueueAttributes", queue, &e)) {
        Ok(answer) => answer.attributes.unwrap_or_default(),
        Err(error) if error.code.contains(NO_QUEUE) || error.code.contains(NO_QUEUE_OLD) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let count = |name: &QueueAttributeName| {
        let count = attributes.get(name).and_then(|count| count.parse().ok());
        count.unwrap_or_default()
    };
    Ok(Some(Backlog {
        waiting: count(&waiting),
        in_progress: count(&in_progress),
        delayed: count(&delayed),
        visibility_timeout: count(&visibility_timeout),
    }))
}

/// Returns the address of a queue. It identifies the queue; the call goes to the endpoint of the client.
fn queue_url(service: &Arn, queue: &str) -> String {
    let suffix = if service.partition() == "aws-cn" {
        "amazonaws.com.cn"
    } else {
        "amazonaws.com"
    };
    format!(
        "https://sqs.{}.{suffix}/{}/{queue}",
        service.region(),
        service.account_id()
    )
}
