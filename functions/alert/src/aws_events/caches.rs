//! Translates events of ElastiCache: what failed, what is nearly full, and failovers.
//!
//! Source: <https://docs.aws.amazon.com/eventbridge/latest/ref/events-ref-elasticache.html>

use lamplighter::MalformedEvent;
use lamplighter::model::Arn;
use lamplighter::notify::Message;
use serde::Deserialize;

use super::envelope::{AwsEvent, quote_reason};
use super::translation::{TranslatedEvent, choose_name};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CacheDetail {
    #[serde(default)]
    source_arn: String,
    #[serde(default)]
    source_identifier: String,
    #[serde(default)]
    message: String,
}

/// Translates an event about a cache or its snapshot; `None` if it is routine.
///
/// # Errors
/// [`MalformedEvent`] if the event's detail cannot be parsed.
pub fn translate_cache_event(event: &AwsEvent) -> Result<Option<TranslatedEvent>, MalformedEvent> {
    let detail: CacheDetail = event.parse_detail()?;
    let is_failover = detail.message.to_lowercase().contains("failover");
    let (what, next) = match event.detail_type.as_str() {
        "Cache Limit Approaching" => (
            "limit nearly reached",
            "Raise the limit of the cache, or reduce what it holds. At the limit, it evicts keys or refuses requests.",
        ),
        "Snapshot Creation Failed" | "Snapshot Copy Failed" | "Snapshot Export Failed" => (
            "snapshot failed",
            "Follow the reason, then take the snapshot again.",
        ),
        "Cache Creation Failed" | "Cache Update Failed" => (
            "change failed",
            "Follow the reason, then apply the change again.",
        ),
        _ if is_failover => (
            "failover",
            "Check that clients connect to the new primary, and find out why the old one failed.",
        ),
        _ => return Ok(None),
    };
    let target = Arn::new(detail.source_arn);
    Ok(Some(TranslatedEvent {
        message: Message::warning(what)
            .why(quote_reason("ElastiCache", &detail.message))
            .next(next),
        name: choose_name(detail.source_identifier, &target),
        target,
        app: None,
        link: None,
    }))
}
