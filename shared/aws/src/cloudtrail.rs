//! AWS CloudTrail: write events on resources.

use aws_sdk_cloudtrail::Client;
use aws_sdk_cloudtrail::primitives::DateTime;
use aws_sdk_cloudtrail::types::{LookupAttribute, LookupAttributeKey};
use jiff::Timestamp;

use super::error::{aws_error, incomplete_response};
use lamplighter::AwsError;
use lamplighter::model::CloudTrailEvent;

/// Returns the write events on a resource since a time, from the newest page only.
///
/// Source: LookupEvents.
pub async fn lookup_changes(
    client: &Client,
    resource: &str,
    since: Timestamp,
) -> Result<Vec<CloudTrailEvent>, AwsError> {
    let call = "LookupEvents";
    let attribute = LookupAttribute::builder().attribute_key(LookupAttributeKey::ResourceName);
    let attribute = attribute.attribute_value(resource).build();
    let attribute = attribute.map_err(|e| incomplete_response(call, resource, &e.to_string()))?;
    let request = client
        .lookup_events()
        .lookup_attributes(attribute)
        .start_time(DateTime::from_secs(since.as_second()));
    let answer = request
        .send()
        .await
        .map_err(|e| aws_error(call, resource, &e))?;
    let writes = answer
        .events
        .unwrap_or_default()
        .into_iter()
        .filter(|event| event.read_only.as_deref() != Some("true"));
    Ok(writes
        .filter_map(|event| {
            let at = Timestamp::from_second(event.event_time?.secs()).ok()?;
            Some(CloudTrailEvent {
                at,
                call: event.event_name?,
                by: event.username.unwrap_or_default(),
            })
        })
        .collect())
}
