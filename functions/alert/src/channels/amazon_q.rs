//! Renders messages as custom notifications of Amazon Q Developer in chat applications.
//!
//! Source: <https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html>

use lamplighter::notify::incident::Line;
use serde_json::{Value, json};

use super::json::merge_objects;
use crate::notifier::Outgoing;
use crate::text::{IncidentMessage, SummaryMessage};

/// Returns the custom notification that Amazon Q Developer shows.
#[must_use]
pub fn build_document(message: &Outgoing<'_>) -> Value {
    match message {
        Outgoing::Single(message) => build_incident_document(message),
        Outgoing::Summary(summary) => build_summary_document(summary),
    }
}

fn build_incident_document(message: &IncidentMessage<'_>) -> Value {
    let title = message.subject();
    let mut content = build_content(&title, &describe_incident(message));
    let next_steps = list_next_steps(message);
    if !next_steps.is_empty() {
        content = merge_objects(content, json!({"nextSteps": next_steps}));
    }
    json!({
        "version": "1.0",
        "source": "custom",
        "content": content,
        "metadata": {"threadId": message.incident.occurrence_token(), "summary": title},
    })
}

fn build_summary_document(summary: &SummaryMessage<'_>) -> Value {
    let notice = summary.pause_notice();
    let lines: Vec<String> = notice.into_iter().chain(summary.incident_lines()).collect();
    let description = lines.join("\n");
    let content = build_content(&summary.subject(), &description);
    json!({"version": "1.0", "source": "custom", "content": content})
}

fn build_content(title: &str, description: &str) -> Value {
    json!({"textType": "client-markdown", "title": title, "description": description})
}

fn describe_incident(message: &IncidentMessage<'_>) -> String {
    let name = &message.incident.name;
    let lines = message
        .new_lines()
        .into_iter()
        .map(|line| describe_line(name, line));
    let pages: Vec<String> = message
        .list_links()
        .into_iter()
        .map(|(label, link)| format!("<{link}|{label}>"))
        .collect();
    lines
        .chain(message.pause_notice())
        .chain(message.describe_duration())
        .chain([pages.join(" · ")])
        .collect::<Vec<_>>()
        .join("\n\n")
}

/// Describes a line: its title, what Lamplighter does, and the reason. The next steps are a field of
/// their own.
fn describe_line(name: &str, line: &Line) -> String {
    let title = format!("{name}: {}", line.title);
    if line.action.is_empty() {
        format!("{title}\n{}", line.why)
    } else {
        format!("{title}\n{}\n{}", line.action, line.why)
    }
}

fn list_next_steps(message: &IncidentMessage<'_>) -> Vec<String> {
    message
        .new_lines()
        .into_iter()
        .map(|line| line.next.clone())
        .filter(|next| !next.is_empty())
        .collect()
}
