//! Translates RDS events.

use std::collections::BTreeMap;

use lamplighter::MalformedEvent;
use lamplighter::model::Arn;
use lamplighter::notify::{DATABASE_DOWN_CONDITION, Severity};
use serde::Deserialize;

use super::rds_events::{self, AvailabilityChange};
use super::{Event, TranslatedEvent, message_with_severity, parse_detail, shorten_text};

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
pub fn translate_rds_event(event: &Event) -> Result<Option<TranslatedEvent>, MalformedEvent> {
    let of: RdsDetail = parse_detail(event)?;
    let Some(severity) = rds_events::event_severity(of.event_id.as_deref(), &of.event_categories)
    else {
        return Ok(None);
    };
    let course = rds_events::availability_change(of.event_id.as_deref());
    let next = match severity {
        Severity::Info => "Good to know: nothing has to be done about it.",
        Severity::Warning => "Look at it in working hours, before it grows.",
        Severity::Critical if course == AvailabilityChange::Down => {
            "Look at it now: it serves nobody, or will soon. Services of its application are left alone meanwhile."
        }
        Severity::Critical => "Look at it now, before it serves nobody.",
    };
    let id = of.event_id.unwrap_or_else(|| "no number".to_owned());
    let text = if of.message.is_empty() {
        "RDS says no more about it".to_owned()
    } else {
        shorten_text(&of.message)
    };
    let message = message_with_severity(severity, first_sentence(&text))
        .why(format!("RDS says: {text} ({id})"))
        .next(next);
    let message = match course {
        AvailabilityChange::Down => message.fires(DATABASE_DOWN_CONDITION),
        AvailabilityChange::Recovered => message.clears(DATABASE_DOWN_CONDITION),
        AvailabilityChange::Unchanged => message,
    };
    let app = of
        .tags
        .and_then(|tags| tags.get("lamplighter:app").cloned());
    let target = Arn::new(of.source_arn);
    let name = if of.source_identifier.is_empty() {
        target.display_name()
    } else {
        of.source_identifier
    };
    Ok(Some(TranslatedEvent {
        message,
        target,
        name,
        app,
        link: None,
    }))
}

fn first_sentence(text: &str) -> String {
    let text = shorten_text(text);
    let end = text.find(". ").unwrap_or(text.len());
    text.get(..end)
        .unwrap_or(&text)
        .trim_end_matches('.')
        .to_owned()
}
