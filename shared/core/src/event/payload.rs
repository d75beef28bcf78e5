//! Lambda payloads: an event directly from a rule or schedule, or events inside SQS or SNS
//! records.
//!
//! SQS batches and their responses have the types of `aws_lambda_events`, which read every recorded batch.
//! Everything else has types of our own: version 1.2 of that crate rejects recorded payloads of its EventBridge,
//! SNS, alarm, Health, CloudTrail and tag types (1 to 21 of each), has no details of ECS and ECR events, and needs
//! chrono for three of them.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use serde::Deserialize;
use serde_json::{Value, json};

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
    /// Who sent it, as SQS reports it: `AROA…:function-name` for a Lambda function. Empty if unknown.
    /// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>
    pub sender: String,
    /// The text, or the reason why there is none.
    pub body: Result<String, MalformedEvent>,
}

/// The `eventSource` of an SQS record.
const SQS: &str = "aws:sqs";

#[derive(Deserialize)]
struct SnsRecords {
    #[serde(rename = "Records")]
    records: Vec<SnsRecord>,
}

#[derive(Deserialize)]
struct SnsRecord {
    #[serde(rename = "Sns")]
    sns: SnsEnvelope,
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
        if is_sqs_batch(&payload) {
            let messages = parse_queue_records(payload)?
                .into_iter()
                .map(|record| QueueMessage {
                    event: record.body.and_then(|body| parse_message_text(&body)),
                    message_id: record.message_id,
                });
            return Ok(Self::Queue(messages.collect()));
        }
        let topic: SnsRecords = serde_json::from_value(payload).map_err(|_| unknown_records())?;
        if topic.records.is_empty() {
            return Err(MalformedEvent("no Records".into()));
        }
        let events: Result<Vec<Event>, MalformedEvent> = topic
            .records
            .iter()
            .map(|record| parse_message_text(&record.sns.message))
            .collect();
        events.map(Self::Topic)
    }
}

/// Builds the answer that makes SQS deliver these messages again, and no others.
#[must_use]
pub fn build_batch_response(failed: impl IntoIterator<Item = String>) -> Value {
    let mut response = SqsBatchResponse::default();
    for message_id in failed {
        response.add_failure(message_id);
    }
    json!(response)
}

/// Returns the messages of an SQS batch without parsing their text. A message without a body fails alone.
///
/// # Errors
/// [`MalformedEvent`] if the payload is not an SQS batch.
pub fn parse_queue_records(payload: Value) -> Result<Vec<QueueRecord>, MalformedEvent> {
    if !is_sqs_batch(&payload) {
        return Err(MalformedEvent(
            "records of another source where SQS messages are expected".into(),
        ));
    }
    let batch: SqsEvent = serde_json::from_value(payload).map_err(|_| unknown_records())?;
    Ok(batch.records.into_iter().map(to_queue_record).collect())
}

fn to_queue_record(mut message: SqsMessage) -> QueueRecord {
    QueueRecord {
        message_id: message.message_id.unwrap_or_default(),
        sender: message.attributes.remove("SenderId").unwrap_or_default(),
        body: message
            .body
            .ok_or_else(|| MalformedEvent("the SQS message has no body".into())),
    }
}

/// Reports whether all records come from SQS: the types of `aws_lambda_events` accept records of any source.
fn is_sqs_batch(payload: &Value) -> bool {
    let records = payload.get("Records").and_then(Value::as_array);
    records.is_some_and(|records| {
        !records.is_empty()
            && records.iter().all(|record| {
                record
                    .get("eventSource")
                    .is_some_and(|source| source == SQS)
            })
    })
}

fn unknown_records() -> MalformedEvent {
    MalformedEvent("Records are neither SQS messages nor SNS notifications".into())
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
            {"eventSource": "aws:sqs", "messageId": "m4"},
        ]});
        let Payload::Queue(messages) = Payload::parse(payload).unwrap() else {
            panic!("not a queue")
        };
        let ok: Vec<bool> = messages.iter().map(|m| m.event.is_ok()).collect();
        assert_eq!(ok, [true, false, true, false]);
        assert_eq!(messages[3].message_id, "m4");
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
