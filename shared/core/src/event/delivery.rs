//! How an event reaches a function: directly from a rule, or inside SQS or SNS records.

use serde::Deserialize;
use serde_json::Value;

use crate::{Event, MalformedEvent};

/// A payload of one Lambda invocation.
#[derive(Debug)]
pub enum Delivery {
    /// From a rule or a schedule: fails as a whole.
    Direct(Box<Event>),
    /// From a queue: each message succeeds or fails by itself (`batchItemFailures`).
    Queue(Vec<Message>),
    /// From a topic: fails as a whole; Lambda retries the record it came in.
    Topic(Vec<Event>),
}

/// One SQS message and what it holds.
#[derive(Debug)]
pub struct Message {
    pub message_id: String,
    pub event: Result<Event, MalformedEvent>,
}

/// One record's identifier and text, whatever the text is about.
#[derive(Debug, PartialEq, Eq)]
pub struct QueueRecord {
    pub message_id: String,
    pub body: String,
}

#[derive(Deserialize)]
struct Records {
    #[serde(rename = "Records")]
    records: Vec<Record>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Record {
    Sqs {
        #[serde(rename = "messageId")]
        message_id: String,
        body: String,
    },
    Sns {
        #[serde(rename = "Sns")]
        sns: Notification,
    },
}

#[derive(Deserialize)]
struct Notification {
    #[serde(rename = "Message")]
    message: String,
}

impl Delivery {
    /// Takes a payload apart.
    ///
    /// # Errors
    /// [`MalformedEvent`] where the payload is neither an event nor SQS or SNS records, or where one of
    /// an SNS delivery's events is malformed. A malformed SQS message fails alone.
    pub fn parse(payload: Value) -> Result<Self, MalformedEvent> {
        if payload.get("Records").is_none() {
            return Event::parse(payload).map(|event| Self::Direct(Box::new(event)));
        }
        let mut messages = Vec::new();
        let mut events = Vec::new();
        for record in records(payload)? {
            match record {
                Record::Sqs { message_id, body } => messages.push(Message {
                    message_id,
                    event: event_in(&body),
                }),
                Record::Sns { sns } => events.push(event_in(&sns.message)?),
            }
        }
        Ok(if messages.is_empty() {
            Self::Topic(events)
        } else {
            Self::Queue(messages)
        })
    }
}

/// The messages of an SQS batch, unread.
///
/// # Errors
/// [`MalformedEvent`] where the payload is no SQS batch.
pub fn queue_records(payload: Value) -> Result<Vec<QueueRecord>, MalformedEvent> {
    records(payload)?
        .into_iter()
        .map(|record| match record {
            Record::Sqs { message_id, body } => Ok(QueueRecord { message_id, body }),
            Record::Sns { .. } => Err(MalformedEvent(
                "an SNS record where SQS messages are expected".into(),
            )),
        })
        .collect()
}

fn records(payload: Value) -> Result<Vec<Record>, MalformedEvent> {
    let parsed: Records = serde_json::from_value(payload).map_err(|_| {
        MalformedEvent("Records that are neither SQS messages nor SNS notifications".into())
    })?;
    if parsed.records.is_empty() {
        return Err(MalformedEvent("no Records".into()));
    }
    Ok(parsed.records)
}

/// The event in a message's text, which may be an SNS envelope around it (a queue subscribed to a topic
/// without raw delivery).
fn event_in(text: &str) -> Result<Event, MalformedEvent> {
    let not_json = |e: serde_json::Error| MalformedEvent(format!("the message is not JSON: {e}"));
    let value: Value = serde_json::from_str(text).map_err(not_json)?;
    match Notification::deserialize(&value) {
        Ok(inner) if value.get("detail-type").is_none() => {
            Event::parse(serde_json::from_str(&inner.message).map_err(not_json)?)
        }
        _ => Event::parse(value),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sweep() -> String {
        json!({"detail-type": "Scheduled Event", "id": "s1"}).to_string()
    }

    #[test]
    fn a_malformed_message_fails_alone() {
        let payload = json!({"Records": [
            {"eventSource": "aws:sqs", "messageId": "m1", "body": sweep()},
            {"eventSource": "aws:sqs", "messageId": "m2", "body": "plain text"},
            {"eventSource": "aws:sqs", "messageId": "m3", "body": json!({"Type": "Notification", "Message": sweep()}).to_string()},
        ]});
        let Delivery::Queue(messages) = Delivery::parse(payload).unwrap() else {
            panic!("not a queue")
        };
        let ok: Vec<bool> = messages.iter().map(|m| m.event.is_ok()).collect();
        assert_eq!(ok, [true, false, true]);
    }

    #[test]
    fn an_event_comes_out_of_a_topic() {
        let payload = json!({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": sweep(), "Subject": null}}]});
        assert!(
            matches!(Delivery::parse(payload).unwrap(), Delivery::Topic(events) if events[0].id == "s1")
        );
    }

    #[test]
    fn other_records_are_malformed() {
        let error = Delivery::parse(json!({"Records": [{"s3": {}}]})).unwrap_err();
        assert_eq!(
            error.to_string(),
            "Records that are neither SQS messages nor SNS notifications"
        );
    }
}
