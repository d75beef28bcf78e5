//! What RDS says of databases.

use std::collections::BTreeMap;

use lamplighter::MalformedEvent;
use lamplighter::model::Arn;
use lamplighter::notify::{DOWN, Severity};
use serde::Deserialize;

use super::numbers::{self, Course};
use super::{Event, Told, cut, message, read};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfRds {
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

/// An instance, a cluster, a snapshot or whatever else RDS speaks of; `None` where it happens every day.
pub fn said(event: &Event) -> Result<Option<Told>, MalformedEvent> {
    let of: OfRds = read(event)?;
    let Some(severity) = numbers::severity(of.event_id.as_deref(), &of.event_categories) else {
        return Ok(None);
    };
    let course = numbers::course(of.event_id.as_deref());
    let next = match severity {
        Severity::Info => "Good to know: nothing has to be done about it.",
        Severity::Warning => "Look at it in working hours, before it grows.",
        Severity::Critical if course == Course::GoesDown => {
            "Look at it now: it serves nobody, or will soon. Services of its application are left alone meanwhile."
        }
        Severity::Critical => "Look at it now, before it serves nobody.",
    };
    let id = of.event_id.unwrap_or_else(|| "no number".to_owned());
    let text = if of.message.is_empty() {
        "RDS says no more about it".to_owned()
    } else {
        cut(&of.message)
    };
    let message = message(severity, first_sentence(&text))
        .why(format!("RDS says: {text} ({id})"))
        .next(next);
    let message = match course {
        Course::GoesDown => message.begins(DOWN),
        Course::IsBack => message.ends(DOWN),
        Course::News => message,
    };
    let app = of
        .tags
        .and_then(|tags| tags.get("lamplighter:app").cloned());
    let target = Arn::new(of.source_arn);
    let name = if of.source_identifier.is_empty() {
        target.name()
    } else {
        of.source_identifier
    };
    Ok(Some(Told {
        message,
        target,
        name,
        app,
        link: None,
    }))
}

fn first_sentence(text: &str) -> String {
    let text = cut(text);
    let end = text.find(". ").unwrap_or(text.len());
    text.get(..end)
        .unwrap_or(&text)
        .trim_end_matches('.')
        .to_owned()
}
