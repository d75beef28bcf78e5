//! `alert`: notices become messages that a person can use.
//!
//! In this version every notice is one message to the stack's topic. It does not group, deduplicate or
//! remember; a notice that can't be published goes back to its queue, and from there to the dead-letter
//! queue.

mod text;

use std::rc::Rc;

use lamplighter::aws::{Topic, config};
use lamplighter::delivery::{QueueRecord, queue_records};
use lamplighter::door;
use lamplighter::notice::Notice;
use lamplighter::{Error, MalformedEvent};
use serde_json::{Value, json};

pub use text::{body, subject};

/// The whole of the function's `main`.
///
/// # Errors
/// What ends the process at its start.
pub fn serve() -> Result<(), door::Failure> {
    door::serve(|defaults| {
        let topic = Rc::new(Topic::new(config()?, defaults.topic));
        Ok(move |payload, _| {
            let topic = Rc::clone(&topic);
            async move { publish_all(&topic, payload).await }
        })
    })
}

/// Publishes every notice of a batch; those that fail come again.
async fn publish_all(topic: &Topic, payload: Value) -> Result<Value, Error> {
    let mut failures = Vec::new();
    for record in queue_records(payload)? {
        if let Err(error) = publish(topic, &record).await {
            lamplighter::telemetry::message_failed(&record.message_id, &error);
            failures.push(json!({"itemIdentifier": record.message_id}));
        }
    }
    Ok(json!({"batchItemFailures": failures}))
}

async fn publish(topic: &Topic, record: &QueueRecord) -> Result<(), Error> {
    let notice: Notice =
        serde_json::from_str(&record.body).map_err(|e| MalformedEvent(format!("not a notice: {e}")))?;
    topic.publish(&subject(&notice), &body(&notice)).await?;
    Ok(())
}
