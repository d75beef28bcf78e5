//! Attributes of DynamoDB items.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};

/// Retention of journal records, and of the state of targets that are no longer reconciled.
const RETENTION: SignedDuration = SignedDuration::from_hours(90 * 24);

pub type AttributeMap = HashMap<String, AttributeValue>;

/// Builds the primary key of an item.
pub fn build_key(pk: &str, sk: &str) -> AttributeMap {
    AttributeMap::from([
        ("pk".to_owned(), string_value(pk)),
        ("sk".to_owned(), string_value(sk)),
    ])
}

pub fn string_value(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

pub fn number_value(n: i64) -> AttributeValue {
    AttributeValue::N(n.to_string())
}

/// Returns the value of `expires` for an item written now: seconds since 1970.
pub fn expiry_value(now: Timestamp) -> AttributeValue {
    number_value((now + RETENTION).as_second())
}

pub fn string_attribute<'a>(item: &'a AttributeMap, key: &str) -> Option<&'a str> {
    item.get(key)?.as_s().ok().map(String::as_str)
}

pub fn integer_attribute(item: &AttributeMap, key: &str) -> Option<i64> {
    item.get(key)?.as_n().ok()?.parse().ok()
}

/// Returns the fencing number of a leased item.
pub fn fence_attribute(item: &AttributeMap) -> u64 {
    integer_attribute(item, "fence").unwrap_or(1).unsigned_abs()
}
