//! The EventBridge envelope of an AWS event.

use lamplighter::MalformedEvent;
use lamplighter::model::{Arn, AwsService, find_partition};
use serde::Deserialize;
use serde_json::Value;

/// The number of characters of AWS's own text that are passed on.
const MAX_TEXT_CHARS: usize = 1_000;

/// The fields of the EventBridge envelope that a notification needs.
#[derive(Debug, Deserialize)]
pub struct AwsEvent {
    #[serde(rename = "detail-type")]
    pub detail_type: String,
    #[serde(default)]
    pub source: String,
    #[serde(default)]
    pub account: String,
    #[serde(default)]
    pub region: String,
    pub time: Option<String>,
    #[serde(default)]
    resources: Vec<Option<String>>,
    #[serde(default)]
    pub detail: Value,
}

impl AwsEvent {
    /// Returns the AWS service that sent the event.
    pub fn service(&self) -> AwsService {
        AwsService::from_event_source(&self.source)
    }

    /// Returns the first resource of the event; empty if it names none.
    pub fn first_resource(&self) -> Arn {
        Arn::new(
            self.resources
                .iter()
                .flatten()
                .next()
                .cloned()
                .unwrap_or_default(),
        )
    }

    pub fn partition(&self) -> &'static str {
        find_partition(&self.region)
    }

    /// Builds the ARN of a resource in the event's partition, region and account.
    pub fn build_arn(&self, service: &str, resource: &str) -> Arn {
        Arn::new(format!(
            "arn:{}:{service}:{}:{}:{resource}",
            self.partition(),
            self.region,
            self.account
        ))
    }

    /// Parses the detail of the event.
    ///
    /// # Errors
    /// [`MalformedEvent`] with the type of the event if the detail has another shape.
    pub fn parse_detail<'a, T: Deserialize<'a>>(&'a self) -> Result<T, MalformedEvent> {
        T::deserialize(&self.detail)
            .map_err(|e| MalformedEvent(format!("event \"{}\": {e}", self.detail_type)))
    }
}

/// Shortens a text of AWS and replaces its written-out line breaks by blanks.
pub fn shorten_text(text: &str) -> String {
    let plain = text.replace("\\n", " ");
    let words: Vec<&str> = plain.split_whitespace().collect();
    words.join(" ").chars().take(MAX_TEXT_CHARS).collect()
}

/// Quotes why something failed in the words of an AWS service, which may give no reason.
pub fn quote_reason(service: &str, text: &str) -> String {
    match shorten_text(text) {
        text if text.is_empty() => format!("{service} gives no reason."),
        text => format!("{service}: {text}"),
    }
}
