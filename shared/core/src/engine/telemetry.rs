//! One structured log line per decision, and metrics in CloudWatch's embedded metric format.
//!
//! Logs go to standard output, which Lambda forwards to CloudWatch with its own time stamp. The
//! most verbose compiled-in level is `info`. From `debug` on the SDK logs request and response
//! bodies, which contain environment values, so no setting can enable that.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::engine::Invocation;

/// The CloudWatch namespace of our metrics.
pub const NAMESPACE: &str = "Lamplighter";

/// A metric of a database: the age of its newest recovery point, in seconds.
pub const RECOVERY_POINT: &str = "RecoveryPointAge";

/// Counters of one invocation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub decisions: u32,
    pub actions: u32,
    pub failures: u32,
    /// People were already notified that the run reached its limit.
    pub limit_notified: bool,
}

/// Logs why a message of a batch returns to its queue.
pub fn log_failed_message(message_id: &str, error: &crate::Error) {
    tracing::error!(message_id, error_type = error.kind(), error = %error, "message failed");
}

/// What an invocation is about, for the log line about its failure. Fields that a payload lacks are empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PayloadLabel {
    /// The identifier that EventBridge gave the event, or SQS the first message of the batch.
    pub event_id: String,
    /// The kind of the event: `ECS Task State Change`, or `queue messages`.
    pub event: String,
    /// The first resource of the event: the ARN of the target in most events.
    pub target: String,
}

impl PayloadLabel {
    /// Returns the label of a payload. No content of the event is in it.
    #[must_use]
    pub fn from_payload(payload: &Value) -> Self {
        let text_at = |path: &str| {
            payload
                .pointer(path)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        if payload.get("Records").is_some() {
            return Self {
                event_id: text_at("/Records/0/messageId"),
                event: "queue messages".to_owned(),
                target: String::new(),
            };
        }
        Self {
            event_id: text_at("/id"),
            event: text_at("/detail-type"),
            target: text_at("/resources/0"),
        }
    }

    /// Logs that an invocation failed. Lambda retries it, and finally sends its event to the dead-letter queue.
    pub fn log_failure(
        &self,
        function: &str,
        version: &str,
        run: &Invocation,
        error: &crate::Error,
    ) {
        tracing::error!(
            function,
            version,
            request_id = run.request_id,
            event_id = self.event_id,
            event = self.event,
            target = self.target,
            error_type = error.kind(),
            error = %error,
            "invocation failed"
        );
    }
}

/// Builds the head of a metric record, which says which of its fields are metrics. `metrics`: each with its unit.
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>
fn build_head(dimensions: &[&str], metrics: &[(&str, &str)], now: Timestamp) -> serde_json::Value {
    let metrics = metrics
        .iter()
        .map(|(name, unit)| json!({"Name": name, "Unit": unit}));
    json!({
        "Timestamp": now.as_millisecond(),
        "CloudWatchMetrics": [{
            "Namespace": NAMESPACE,
            "Dimensions": [dimensions],
            "Metrics": metrics.collect::<Vec<_>>()
        }]
    })
}

/// Builds the metric record of one invocation.
#[must_use]
pub fn build_emf_record(
    operation: &str,
    stack: &str,
    counts: Counts,
    latency: SignedDuration,
    now: Timestamp,
) -> serde_json::Value {
    json!({
        "_aws": build_head(
            &["Stack", "Operation"],
            &[("Decisions", "Count"), ("Actions", "Count"), ("Failures", "Count"), ("Latency", "Milliseconds")],
            now
        ),
        "Stack": stack,
        "Operation": operation,
        "Decisions": counts.decisions,
        "Actions": counts.actions,
        "Failures": counts.failures,
        "Latency": latency.as_secs_f64() * 1_000.0
    })
}

/// Builds the metric record of the vault: the number of its copies, and the age of the data in the newest one, in hours.
/// Without any copy there is no age, and the alarm on it goes off.
#[must_use]
pub fn build_vault_record(
    stack: &str,
    age: Option<SignedDuration>,
    copies: usize,
    now: Timestamp,
) -> serde_json::Value {
    let mut metrics = vec![("Copies", "Count")];
    if age.is_some() {
        metrics.push(("NewestCopyHours", "None"));
    }
    let mut record = json!({
        "_aws": build_head(&["Stack"], &metrics, now),
        "Stack": stack,
        "Copies": copies
    });
    if let (Some(age), Some(fields)) = (age, record.as_object_mut()) {
        let hours = age.as_secs_f64() / 3_600.0;
        fields.insert("NewestCopyHours".to_owned(), json!(hours));
    }
    record
}

/// Builds the metric record of one value of a target, in seconds, with the dimensions `Stack` and
/// `Target`.
#[must_use]
pub fn build_gauge_record(
    stack: &str,
    target: &str,
    name: &str,
    seconds: f64,
    now: Timestamp,
) -> serde_json::Value {
    let mut record = json!({
        "_aws": build_head(&["Stack", "Target"], &[(name, "Seconds")], now),
        "Stack": stack,
        "Target": target,
    });
    if let Some(record) = record.as_object_mut() {
        record.insert(name.to_owned(), json!(seconds));
    }
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_names_the_event_and_its_target() {
        let event = json!({"id": "e1", "detail-type": "Tag Change on Resource", "resources": ["arn:web"], "detail": {"secret": 1}});
        let batch = json!({"Records": [{"messageId": "m1", "body": "{}"}]});
        let label = |event_id: &str, event: &str, target: &str| PayloadLabel {
            event_id: event_id.to_owned(),
            event: event.to_owned(),
            target: target.to_owned(),
        };
        assert_eq!(
            [event, batch, json!({})].map(|payload| PayloadLabel::from_payload(&payload)),
            [
                label("e1", "Tag Change on Resource", "arn:web"),
                label("m1", "queue messages", ""),
                label("", "", ""),
            ]
        );
    }

    #[test]
    fn every_metric_that_is_declared_has_a_value() {
        let counts = Counts {
            decisions: 2,
            actions: 1,
            ..Counts::default()
        };
        let record = build_emf_record(
            "deploy",
            "lamplighter",
            counts,
            SignedDuration::from_millis(41),
            Timestamp::UNIX_EPOCH,
        );
        let declared = record["_aws"]["CloudWatchMetrics"][0]["Metrics"]
            .as_array()
            .unwrap();
        assert!(
            declared
                .iter()
                .all(|metric| record[metric["Name"].as_str().unwrap()].is_number())
        );
        assert_eq!(record["Actions"], 1);
    }
}
