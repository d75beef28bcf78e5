//! Amazon EventBridge: events that Lamplighter puts on the default bus.

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;

use crate::error::aws_error;
use lamplighter::AwsError;
use lamplighter::event::detail::request::{DETAIL_TYPE, SOURCE};
use lamplighter::model::{ReleaseEvent, Request, RequestScope};

const CALL: &str = "PutEvents";

/// Passes a request on to the functions that act on it, as an event about its target.
///
/// # Errors
/// [`AwsError`] if EventBridge did not accept the event.
pub async fn put_request(client: &Client, request: &Request) -> Result<String, AwsError> {
    let RequestScope::Target(target) = &request.scope else {
        return Ok("recorded".to_owned());
    };
    let entry = PutEventsRequestEntry::builder()
        .source(SOURCE)
        .detail_type(DETAIL_TYPE)
        .detail(serde_json::json!(request).to_string())
        .resources(target)
        .build();
    put_entries(client, vec![entry], target).await?;
    Ok("passed on".to_owned())
}

/// Puts events about releases on the default bus, which take at most one call.
///
/// # Errors
/// [`AwsError`] if EventBridge did not accept one of them.
pub async fn put_release_events(client: &Client, events: &[ReleaseEvent]) -> Result<(), AwsError> {
    let Some(first) = events.first() else {
        return Ok(());
    };
    let entries = events
        .iter()
        .map(|event| {
            PutEventsRequestEntry::builder()
                .source(SOURCE)
                .detail_type(event.kind.detail_type())
                .detail(event.detail().to_string())
                .resources(event.service.as_str())
                .build()
        })
        .collect();
    put_entries(client, entries, first.service.as_str()).await
}

async fn put_entries(
    client: &Client,
    entries: Vec<PutEventsRequestEntry>,
    target: &str,
) -> Result<(), AwsError> {
    let answer = client
        .put_events()
        .set_entries(Some(entries))
        .send()
        .await
        .map_err(|e| aws_error(CALL, target, &e))?;
    // A rejected entry is no error of the call.
    // Source: <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html>
    let rejected = answer
        .entries
        .unwrap_or_default()
        .into_iter()
        .find_map(|entry| Some((entry.error_code?, entry.error_message.unwrap_or_default())));
    match rejected {
        None => Ok(()),
        Some((code, message)) => Err(AwsError {
            call: CALL,
            target: target.to_owned(),
            code,
            message,
            refused: true,
        }),
    }
}
