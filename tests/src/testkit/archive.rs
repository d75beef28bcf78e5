//! Logs on the local stack: lines of any age, and what was exported of them.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::testkit::stack::{ACCOUNT, REGION, Stack};

/// From the beginning of a day until it is exported.
const DUE_AFTER: SignedDuration = SignedDuration::from_hours(36);

/// The last day that is due to be exported, by the wall clock: `2026-11-20`.
#[must_use]
pub fn last_day() -> String {
    (Timestamp::now() - DUE_AFTER).strftime("%F").to_string()
}

/// Writes a line to a log group at noon of the last day that is due, and one a day later.
pub fn write_log(stack: &Stack, group: &str, line: &str) {
    let noon: Timestamp = format!("{}T12:00:00Z", last_day())
        .parse()
        .unwrap_or_default();
    for (at, message) in [
        (noon, line),
        (noon + SignedDuration::from_hours(24), "a day later"),
    ] {
        stack.control(
            "log",
            json!({"group": group, "at": at.to_string(), "message": message}),
        );
    }
}

/// Tags a log group.
///
/// # Panics
/// Where there is no such group.
pub fn tag_log_group(stack: &Stack, group: &str, logs: &str) {
    let arn = format!("arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}");
    let tags = json!({"lamplighter:managed": "true", "lamplighter:logs": logs});
    let answer = stack.call(
        "logs",
        "TagResource",
        json!({"resourceArn": arn, "tags": tags}),
    );
    assert!(answer.is_ok(), "{answer:?}");
}

/// The objects in the stack's bucket by key, unzipped.
#[must_use]
pub fn exported(stack: &Stack) -> BTreeMap<String, String> {
    let objects = stack.control("objects", json!({"bucket": stack.output("LogBucketName")}));
    serde_json::from_value(objects).unwrap_or_default()
}
