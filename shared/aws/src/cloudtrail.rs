//! AWS CloudTrail: write events on resources.

use aws_sdk_cloudtrail::Client;
use aws_sdk_cloudtrail::primitives::DateTime;
use aws_sdk_cloudtrail::types::{Event, LookupAttribute, LookupAttributeKey};
use jiff::Timestamp;

use super::error::{aws_error, incomplete_response};
use lamplighter::AwsError;
use lamplighter::model::CloudTrailEvent;

const CALL: &str = "LookupEvents";
/// Maximum number of pages of [`lookup_calls`], of 50 events each. CloudTrail allows two look-ups a second.
const MAX_PAGES: usize = 6;

/// Returns the write events on a resource since a time, from the newest page only.
///
/// Source: LookupEvents.
pub async fn lookup_changes(
    client: &Client,
    resource: &str,
    since: Timestamp,
) -> Result<Vec<CloudTrailEvent>, AwsError> {
    let attribute = build_attribute(LookupAttributeKey::ResourceName, resource)?;
    let request = client
        .lookup_events()
        .lookup_attributes(attribute)
        .start_time(DateTime::from_secs(since.as_second()));
    let answer = request
        .send()
        .await
        .map_err(|e| aws_error(CALL, resource, &e))?;
    let events = answer.events.unwrap_or_default().into_iter();
    Ok(events.filter_map(convert_write).collect())
}

/// Returns the write calls to a service since a time whose record has all these names, each as a value of its own or as
/// a part of an ARN, among the 300 newest write calls of the region.
///
/// Source: LookupEvents.
pub async fn lookup_calls(
    client: &Client,
    source: &str,
    names: &[&str],
    since: Timestamp,
) -> Result<Vec<CloudTrailEvent>, AwsError> {
    // One attribute is all that a look-up takes, and most calls only read.
    let attribute = build_attribute(LookupAttributeKey::ReadOnly, "false")?;
    let mut pages = client
        .lookup_events()
        .lookup_attributes(attribute)
        .start_time(DateTime::from_secs(since.as_second()))
        .into_paginator()
        .send();
    let mut found = Vec::new();
    for _ in 0..MAX_PAGES {
        let Some(page) = pages.next().await else {
            break;
        };
        let page = page.map_err(|e| aws_error(CALL, source, &e))?;
        let about = page.events.unwrap_or_default().into_iter().filter(|event| {
            let record = event.cloud_trail_event.as_deref().unwrap_or_default();
            event.event_source.as_deref() == Some(source)
                && names.iter().all(|name| mentions_name(record, name))
        });
        found.extend(about.filter_map(convert_write));
    }
    Ok(found)
}

/// Reports whether a record has a name between two separators: quotes, or those of an ARN.
fn mentions_name(record: &str, name: &str) -> bool {
    const SEPARATORS: [char; 3] = ['"', '/', ':'];
    record.match_indices(name).any(|(start, found)| {
        let before = record.get(..start).unwrap_or_default();
        let after = record.get(start + found.len()..).unwrap_or_default();
        before.ends_with(SEPARATORS) && after.starts_with(SEPARATORS)
    })
}

fn build_attribute(key: LookupAttributeKey, value: &str) -> Result<LookupAttribute, AwsError> {
    let attribute = LookupAttribute::builder()
        .attribute_key(key)
        .attribute_value(value)
        .build();
    attribute.map_err(|e| incomplete_response(CALL, value, &e.to_string()))
}

/// Converts an event; `None` for a call that only reads.
fn convert_write(event: Event) -> Option<CloudTrailEvent> {
    if event.read_only.as_deref() == Some("true") {
        return None;
    }
    Some(CloudTrailEvent {
        at: Timestamp::from_second(event.event_time?.secs()).ok()?,
        call: event.event_name?,
        by: event.username.unwrap_or_default(),
    })
}
