//! Lambda payloads: an event directly from a rule or schedule, or events inside SQS or SNS
//! records.

use serde::Deserialize;
use serde_json::Value;

use crate::{Event, MalformedEvent};

/// The payload of one Lambda invocation.
#[derive(Debug)]
pub enum Payload {
    /// An event from a rule or a schedule. It fails as a whole.
    Direct(Box<Event>),
    /// Messages of a queue. Each succeeds or fails on its own (`batchItemFailures`).
    Queue(Vec<QueueMessage>),
    /// Events of a topic. They fail as a whole, and Lambda retries the record they came in.
    Topic(Vec<Event>),
}

/// One SQS message and its parsed event.
#[derive(Debug)]
pub struct QueueMessage {
    pub message_id: String,
    pub event: Result<Event, MalformedEvent>,
}

/// The identifier and raw text of one SQS message.
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
        sns: SnsEnvelope,
    },
}

#[derive(Deserialize)]
struct SnsEnvelope {
    #[serde(rename = "Message")]
    message: String,
}

impl Payload {
    /// Parses a payload into its events.
    ///
    /// # Errors
    /// [`MalformedEvent`] if the payload is neither an event nor SQS or SNS records, or if an
    /// event inside an SNS record is malformed. A malformed SQS message fails alone.
    pub fn parse(payload: Value) -> Result<Self, MalformedEvent> {
        if payload.get("Records").is_none() {
            return Event::parse(payload).map(|event| Self::Direct(Box::new(event)));
        }
        let mut messages = Vec::new();
        let mut events = Vec::new();
        for record in parse_records(payload)? {
            match record {
                Record::Sqs { message_id, body } => messages.push(QueueMessage {
                    message_id,
                    event: parse_message_text(&body),
                }),
                Record::Sns { sns } => events.push(parse_message_text(&sns.message)?),
            }
        }
        Ok(if messages.is_empty() {
            Self::Topic(events)
        } else {
            Self::Queue(messages)
        })
    }
}

/// Returns the messages of an SQS batch without parsing their text.
///
/// # Errors
/// [`MalformedEvent`] if the payload is not an SQS batch.
pub fn parse_queue_records(payload: Value) -> Result<Vec<QueueRecord>, MalformedEvent> {
    parse_records(payload)?
        .into_iter()
        .map(|record| match record {
            Record::Sqs { message_id, body } => Ok(QueueRecord { message_id, body }),
            Record::Sns { .. } => Err(MalformedEvent(
                "expected SQS messages, but got an SNS record".into(),
            )),
        })
        .collect()
}

fn parse_records(payload: Value) -> Result<Vec<Record>, MalformedEvent> {
    let parsed: Records = serde_json::from_value(payload).map_err(|_| {
        MalformedEvent("Records are neither SQS messages nor SNS notifications".into())
    })?;
    if parsed.records.is_empty() {
        return Err(MalformedEvent("Records is empty".into()));
    }
    Ok(parsed.records)
}

/// Parses the event in a message text. The text may be an SNS envelope around the event, if the
/// queue subscribes to a topic without raw delivery.
fn parse_message_text(text: &str) -> Result<Event, MalformedEvent> {
    let value = parse_json(text)?;
    match SnsEnvelope::deserialize(&value) {
        Ok(inner) if value.get("detail-type").is_none() => {
            Event::parse(parse_json(&inner.message)?)
        }
        _ => Event::parse(value),
    }
}

fn parse_json(text: &str) -> Result<Value, MalformedEvent> {
    serde_json::from_str(text).map_err(|e| MalformedEvent(format!("the message is not JSON: {e}")))
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
        let Payload::Queue(messages) = Payload::parse(payload).unwrap() else {
            panic!("not a queue")
        };
        let ok: Vec<bool> = messages.iter().map(|m| m.event.is_ok()).collect();
        assert_eq!(ok, [true, false, true]);
    }

    #[test]
    fn an_event_comes_out_of_a_topic() {
        let payload = json!({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": sweep(), "Subject": null}}]});
        assert!(
            matches!(Payload::parse(payload).unwrap(), Payload::Topic(events) if events[0].id == "s1")
        );
    }

    #[test]
    fn other_records_are_malformed() {
        let error = Payload::parse(json!({"Records": [{"s3": {}}]})).unwrap_err();
        assert_eq!(
            error.to_string(),
            "Records are neither SQS messages nor SNS notifications"
        );
    }
}
