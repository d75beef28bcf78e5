//! Renders messages for Slack in Block Kit.
//!
//! Source: <https://docs.slack.dev/block-kit/>, <https://docs.slack.dev/messaging/formatting-message-text/>

use lamplighter::notify::Severity;
use serde_json::{Value, json};

use crate::dispatcher::Outgoing;
use crate::notification::NotificationKind;
use crate::text::{IncidentMessage, SummaryMessage, format_duration};

/// The longest section, in characters: Slack refuses more than 3,000, and escaping lengthens a
/// text.
const MAX_SECTION_CHARS: usize = 2_900;
/// The number of sections per text: Slack refuses messages of more than 50 blocks.
const MAX_SECTIONS: usize = 10;

/// Returns the Slack message: `text`, which push notifications show, and `blocks`.
#[must_use]
pub fn build_message(letter: &Outgoing<'_>) -> Value {
    match letter {
        Outgoing::Single(telling) => incident_message(telling),
        Outgoing::Summary(listing) => summary_message(listing),
    }
}

fn incident_message(telling: &IncidentMessage<'_>) -> Value {
    let incident = telling.incident;
    let mut blocks = Vec::new();
    for (n, line) in telling.new_lines().into_iter().enumerate() {
        let title = if n == 0 {
            telling.title()
        } else {
            line.title.clone()
        };
        let sign = if n == 0 {
            format!("{} ", status_emoji(telling))
        } else {
            String::new()
        };
        let (why, next) = (escape_mrkdwn(&line.why), escape_mrkdwn(&line.next));
        let explained = if next.is_empty() {
            why
        } else {
            format!("*Why:* {why}\n*Next:* {next}")
        };
        blocks.extend(section_blocks(&format!(
            "{sign}*{}: {}*\n{explained}",
            escape_mrkdwn(&incident.name),
            escape_mrkdwn(&title)
        )));
    }
    blocks.extend(
        telling
            .describe_duration()
            .map(|span| section_block(&escape_mrkdwn(&span))),
    );
    blocks.extend(
        telling
            .acknowledge_hint()
            .map(|reminders| context_block(&reminders)),
    );
    blocks.push(context_block(&telling.footer()));
    blocks.push(buttons_block(telling));
    json!({"text": escape_mrkdwn(&telling.subject()), "blocks": blocks})
}

/// Returns the first message of a thread with the incident's current status.
#[must_use]
pub fn thread_head_message(telling: &IncidentMessage<'_>) -> Value {
    let incident = telling.incident;
    let title = incident
        .headline()
        .map(|line| escape_mrkdwn(&line.title))
        .unwrap_or_default();
    let state = match incident.resolved_at {
        Some(over) => {
            let end = incident
                .lines
                .last()
                .map(|line| format!(" — {}", escape_mrkdwn(&line.title)))
                .unwrap_or_default();
            format!(
                "Over after {}{end}",
                format_duration(over.duration_since(incident.since))
            )
        }
        None => {
            format!(
                "Since {}",
                format_date(
                    incident.since.as_second(),
                    &incident.since.strftime("%F %H:%M UTC").to_string()
                )
            )
        }
    };
    let text = format!(
        "{} *{}: {title}*\n{state}",
        status_emoji(telling),
        escape_mrkdwn(&incident.name)
    );
    let subject = escape_mrkdwn(&telling.subject());
    json!({"text": subject, "blocks": [section_block(&text), context_block(&telling.footer()), buttons_block(telling)]})
}

fn summary_message(listing: &SummaryMessage<'_>) -> Value {
    let lines: Vec<String> = listing
        .incident_lines()
        .iter()
        .map(|line| escape_mrkdwn(line))
        .collect();
    let rest = listing.incidents.len().saturating_sub(lines.len());
    let rest = if rest > 0 {
        format!("\nand {rest} more, which the journal has")
    } else {
        String::new()
    };
    let subject = escape_mrkdwn(&listing.subject());
    json!({"text": subject, "blocks": section_blocks(&format!("*{subject}*\n{}{rest}", lines.join("\n")))})
}

fn status_emoji(telling: &IncidentMessage<'_>) -> &'static str {
    let incident = telling.incident;
    match (incident.resolved_at, incident.severity) {
        (Some(_), _) if telling.kind != NotificationKind::Info => ":white_check_mark:",
        (_, Severity::Critical) => ":red_circle:",
        (_, Severity::Warning) => ":large_orange_circle:",
        (_, Severity::Info) => ":large_blue_circle:",
    }
}

fn section_block(text: &str) -> Value {
    let text: String = text.chars().take(MAX_SECTION_CHARS).collect();
    json!({"type": "section", "text": {"type": "mrkdwn", "text": text}})
}

/// Splits a text into sections, cut between its lines.
fn section_blocks(text: &str) -> Vec<Value> {
    let mut parts = vec![String::new()];
    for line in text.lines() {
        let full = parts
            .last()
            .is_none_or(|part| part.len() + line.len() > MAX_SECTION_CHARS);
        if full {
            parts.push(String::new());
        }
        if let Some(part) = parts.last_mut() {
            part.push_str(line);
            part.push('\n');
        }
    }
    parts
        .iter()
        .filter(|part| !part.is_empty())
        .take(MAX_SECTIONS)
        .map(|part| section_block(part.trim_end()))
        .collect()
}

fn context_block(text: &str) -> Value {
    json!({"type": "context", "elements": [{"type": "mrkdwn", "text": escape_mrkdwn(text)}]})
}

fn buttons_block(telling: &IncidentMessage<'_>) -> Value {
    let mut buttons = vec![link_button("Open in the console", &telling.incident.link)];
    buttons.extend(
        telling
            .acknowledge_link()
            .map(|(link, _)| link_button("No more reminders", &link)),
    );
    json!({"type": "actions", "elements": buttons})
}

fn link_button(text: &str, url: &str) -> Value {
    let text = json!({"type": "plain_text", "text": text});
    json!({"type": "button", "text": text, "url": url})
}

/// Formats a time that Slack shows in the reader's time zone, with a fallback text.
fn format_date(seconds: i64, otherwise: &str) -> String {
    format!("<!date^{seconds}^{{date_short_pretty}} {{time}}|{otherwise}>")
}

/// Escapes a text, so that nothing in it becomes a link, a mention or a command.
fn escape_mrkdwn(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
