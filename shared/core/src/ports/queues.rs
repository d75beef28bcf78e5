//! SQS queues that services work through.

use crate::AwsError;
use crate::model::{Arn, Backlog};

/// SQS queues of the account and region of a service.
pub trait Queues {
    /// Counts the messages of a queue now; `None` if there is no such queue. Source: GetQueueAttributes.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn count_backlog(&self, service: &Arn, queue: &str) -> Result<Option<Backlog>, AwsError>;
}
