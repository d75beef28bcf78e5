//! The load of a service that works through an SQS queue.

use serde::Serialize;

use super::Series;

/// The messages of a queue at one time. SQS counts approximately.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Backlog {
    /// Messages that wait for a worker.
    pub waiting: u64,
    /// Messages that a worker has received and not yet deleted.
    pub in_progress: u64,
    /// Messages that were sent and can't be received yet.
    pub delayed: u64,
    /// Seconds for which a message that was received is hidden from other workers.
    pub visibility_timeout: u64,
}

/// The reason why the messages of a queue can't be counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum QueueProblem {
    /// There is no such queue.
    Missing,
    /// SQS refuses to count, with this answer.
    Refused(String),
}

/// The metrics of a queue.
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html>
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct QueueLoad {
    /// The messages now; `None` if they could not be counted.
    pub backlog: Option<Backlog>,
    /// Why they can't be counted, if that doesn't pass by itself.
    pub problem: Option<QueueProblem>,
    /// Messages that waited, by minute. CloudWatch measures a queue that was idle for hours with a delay of up to 15 minutes.
    pub waiting: Series,
    /// Messages that were sent, by minute.
    pub sent: Series,
    /// Messages that were deleted, by minute: the work that is done.
    pub deleted: Series,
    /// Seconds that the oldest message has waited, by minute.
    pub age: Series,
}
