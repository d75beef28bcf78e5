//! `alert`: notices become messages that a person can use.
//!
//! In this version every notice is one message to the stack's topic. It does not group, deduplicate or
//! remember; a notice that can't be published goes back to its queue, and from there to the dead-letter
//! queue.

mod text;

use std::rc::Rc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use lamplighter::aws::{Topic, config};
use lamplighter::delivery::{QueueRecord, queue_records};
use lamplighter::door;
use lamplighter::notice::Notice;
use lamplighter::operation::Invocation;
use lamplighter::{Error, MalformedEvent};
use serde_json::{Value, json};

pub use text::{body, subject};

/// Between two messages. SNS takes the subscription away from an address that gets more than ten a second;
/// the template lets two of these functions run at once.
/// Source: <https://docs.aws.amazon.com/general/latest/gr/sns.html>
const PACE: Duration = Duration::from_millis(250);
/// The longest that one call may take: `aws/config.rs`.
const ONE_CALL: SignedDuration = SignedDuration::from_secs(16);

/// The whole of the function's `main`.
///
/// # Errors
/// What ends the process at its start.
pub fn serve() -> Result<(), door::Failure> {
    door::serve(|defaults| {
        defaults.require(&["topic"])?;
        let topic = Rc::new(Topic::new(config()?, defaults.topic));
        Ok(move |payload, run: Invocation| {
            let topic = Rc::clone(&topic);
            async move { publish_all(&topic, payload, run.deadline).await }
        })
    })
}

/// Publishes the notices of a batch, calmly; those that fail, or for which no time is left, come again.
async fn publish_all(topic: &Topic, payload: Value, deadline: Timestamp) -> Result<Value, Error> {
    let mut failures = Vec::new();
    for (n, record) in queue_records(payload)?.into_iter().enumerate() {
        if n > 0 {
            tokio::time::sleep(PACE).await;
        }
        let left = deadline.duration_since(door::clock());
        let published = if left > ONE_CALL { publish(topic, &record).await } else { Err(out_of_time(left)) };
        if let Err(error) = published {
            lamplighter::telemetry::message_failed(&record.message_id, &error);
            failures.push(json!({"itemIdentifier": record.message_id}));
        }
    }
    Ok(json!({"batchItemFailures": failures}))
}

fn out_of_time(left: SignedDuration) -> Error {
    Error::OutOfTime { target: "topic".to_owned(), seconds: left.as_secs().unsigned_abs() }
}

async fn publish(topic: &Topic, record: &QueueRecord) -> Result<(), Error> {
    let notice: Notice =
        serde_json::from_str(&record.body).map_err(|e| MalformedEvent(format!("not a notice: {e}")))?;
    topic.publish(&subject(&notice), &body(&notice)).await?;
    Ok(())
}
