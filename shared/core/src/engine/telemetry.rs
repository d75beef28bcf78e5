//! One structured log line a decision, and metrics in CloudWatch's embedded metric format.
//!
//! Logs go to standard output, which Lambda hands to CloudWatch with its own time stamp. The most
//! talkative level that is compiled in is `info`: the SDK's request and response bodies, which hold
//! environment values, appear from `debug` on and so cannot be logged by any setting.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

/// CloudWatch namespace of our metrics.
pub const NAMESPACE: &str = "Lamplighter";

/// Metric of a database: how old the newest point is to which it can be brought back, in seconds.
pub const RECOVERY_POINT: &str = "RecoveryPointAge";

/// What one invocation did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub decisions: u32,
    pub actions: u32,
    pub failures: u32,
    /// People know already that the run reached its limit.
    pub limit_told: bool,
}

/// Logs why a message of a batch goes back to its queue.
pub fn message_failed(message_id: &str, error: &crate::Error) {
    tracing::error!(message_id, error_type = error.kind(), error = %error, "message failed");
}

/// The metric record of one invocation.
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>
#[must_use]
pub fn emf(
    operation: &str,
    stack: &str,
    counts: Counts,
    latency: SignedDuration,
    now: Timestamp,
) -> serde_json::Value {
    json!({
        "_aws": {
            "Timestamp": now.as_millisecond(),
            "CloudWatchMetrics": [{
                "Namespace": NAMESPACE,
                "Dimensions": [["Stack", "Operation"]],
                "Metrics": [
                    {"Name": "Decisions", "Unit": "Count"},
                    {"Name": "Actions", "Unit": "Count"},
                    {"Name": "Failures", "Unit": "Count"},
                    {"Name": "Latency", "Unit": "Milliseconds"}
                ]
            }]
        },
        "Stack": stack,
        "Operation": operation,
        "Decisions": counts.decisions,
        "Actions": counts.actions,
        "Failures": counts.failures,
        "Latency": latency.as_secs_f64() * 1_000.0
    })
}

/// The metric record of one value of a target, in seconds, under the dimensions `Stack` and `Target`.
#[must_use]
pub fn gauge(
    stack: &str,
    target: &str,
    name: &str,
    seconds: f64,
    now: Timestamp,
) -> serde_json::Value {
    let mut record = json!({
        "_aws": {
            "Timestamp": now.as_millisecond(),
            "CloudWatchMetrics": [{
                "Namespace": NAMESPACE,
                "Dimensions": [["Stack", "Target"]],
                "Metrics": [{"Name": name, "Unit": "Seconds"}]
            }]
        },
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
    fn every_metric_that_is_declared_has_a_value() {
        let counts = Counts {
            decisions: 2,
            actions: 1,
            ..Counts::default()
        };
        let record = emf(
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
