//! Translates RDS events.

use std::collections::BTreeMap;

use lamplighter::MalformedEvent;
use lamplighter::model::{Arn, tag_keys};
use lamplighter::notify::{DATABASE_DOWN_CONDITION, Message, Severity};
use serde::Deserialize;

use super::envelope::{AwsEvent, shorten_text};
use super::rds_events::{self, AvailabilityChange};
use super::translation::{TranslatedEvent, choose_name, message_with_severity};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RdsDetail {
    #[serde(default)]
    event_categories: Vec<String>,
    #[serde(default)]
    source_arn: String,
    #[serde(default)]
    source_identifier: String,
    #[serde(default)]
    message: String,
    #[serde(rename = "EventID")]
    event_id: Option<String>,
    tags: Option<BTreeMap<String, String>>,
}

/// Translates an RDS event about an instance, a cluster, a snapshot or another resource; `None` if
/// it is routine.
///
/// # Errors
/// [`MalformedEvent`] if the event's detail cannot be parsed.
pub fn translate_rds_event(event: &AwsEvent) -> Result<Option<TranslatedEvent>, MalformedEvent> {
    let detail: RdsDetail = event.parse_detail()?;
    let event_id = detail.event_id.as_deref();
    let Some(severity) = rds_events::event_severity(event_id, &detail.event_categories) else {
        return Ok(None);
    };
    let message = build_message(&detail, severity);
    let target = Arn::new(detail.source_arn);
    Ok(Some(TranslatedEvent {
        message,
        name: choose_name(detail.source_identifier, &target),
        target,
        app: detail.tags.and_then(|mut tags| tags.remove(tag_keys::APP)),
        link: None,
    }))
}

/// Builds the message, whose title is the first sentence of RDS.
fn build_message(detail: &RdsDetail, severity: Severity) -> Message {
    let event_id = detail.event_id.as_deref();
    let text = if detail.message.is_empty() {
        "RDS event without a text".to_owned()
    } else {
        shorten_text(&detail.message)
    };
    let change = rds_events::availability_change(event_id);
    let message = message_with_severity(severity, first_sentence(&text))
        .why(format!(
            "RDS: {text} ({})",
            event_id.unwrap_or("no event ID")
        ))
        .next(next_step(severity, change));
    match change {
        AvailabilityChange::Down => message
            .action(
                "Lamplighter leaves the services of its application alone until it is available.",
            )
            .fires(DATABASE_DOWN_CONDITION),
        AvailabilityChange::Recovered => message.clears(DATABASE_DOWN_CONDITION),
        AvailabilityChange::Unchanged => message,
    }
}

fn next_step(severity: Severity, change: AvailabilityChange) -> &'static str {
    match (severity, change) {
        (Severity::Info, _) => "Nothing to do.",
        (Severity::Warning, _) => "Check the database during working hours.",
        (Severity::Critical, AvailabilityChange::Down) => {
            "Check the database now: it is unavailable, or will be soon."
        }
        (Severity::Critical, AvailabilityChange::Recovered | AvailabilityChange::Unchanged) => {
            "Check the database now, before it becomes unavailable."
        }
    }
}

fn first_sentence(text: &str) -> String {
    let text = shorten_text(text);
    let end = text.find(". ").unwrap_or(text.len());
    text.get(..end)
        .unwrap_or(&text)
        .trim_end_matches('.')
        .to_owned()
}
