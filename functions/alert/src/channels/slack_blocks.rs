//! Renders messages for Slack in Block Kit.
//!
//! Source: <https://docs.slack.dev/block-kit/>, <https://docs.slack.dev/messaging/formatting-message-text/>

use jiff::Timestamp;
use lamplighter::notify::incident::{Incident, Line};
use lamplighter::notify::{BUTTON_PREFIX, Offer, Severity, TargetOffer, escape_mrkdwn};
use serde_json::{Value, json};

use super::json::merge_objects;
use crate::notification::NotificationKind;
use crate::notifier::Outgoing;
use crate::text::{IncidentMessage, SummaryMessage, format_duration};

/// The longest section, in characters: Slack refuses more than 3,000, and escaping lengthens a
/// text.
const MAX_SECTION_CHARS: usize = 2_900;
/// The number of sections per text: Slack refuses messages of more than 50 blocks, and a message has at most four texts.
const MAX_SECTIONS: usize = 10;

/// Returns the Slack message: `text`, which push notifications show, and `blocks`.
#[must_use]
pub fn build_message(message: &Outgoing<'_>) -> Value {
    match message {
        Outgoing::Single(message) => incident_message(message),
        Outgoing::Summary(summary) => summary_message(summary),
    }
}

fn incident_message(message: &IncidentMessage<'_>) -> Value {
    let mut blocks = Vec::new();
    if message.kind == NotificationKind::Acknowledged {
        let subject = escape_mrkdwn(&format!("{}: {}", message.incident.name, message.title()));
        blocks.push(section_block(&format!(":eyes: *{subject}*")));
        blocks.extend(message.describe_duration().map(|text| context_block(&text)));
        return json!({"text": subject, "blocks": blocks});
    }
    for (title, line) in message.lines_with_titles() {
        let emoji = if blocks.is_empty() {
            format!("{} ", status_emoji(message))
        } else {
            String::new()
        };
        let name = escape_mrkdwn(&message.incident.name);
        let title = escape_mrkdwn(&title);
        let explanation = format_explanation(line);
        blocks.extend(section_blocks(&format!(
            "{emoji}*{name}: {title}*\n{explanation}"
        )));
    }
    blocks.extend(
        message
            .pause_notice()
            .map(|notice| section_block(&format!("*{}*", escape_mrkdwn(&notice)))),
    );
    blocks.extend(
        message
            .describe_duration()
            .map(|duration| section_block(&escape_mrkdwn(&duration))),
    );
    blocks.extend(message.acknowledge_hint().map(|hint| context_block(&hint)));
    blocks.push(context_block(&message.footer()));
    blocks.push(buttons_block(message));
    json!({"text": escape_mrkdwn(&message.subject()), "blocks": blocks})
}

/// Formats what Lamplighter does, the reason and the next step, as in the body of an e-mail.
fn format_explanation(line: &Line) -> String {
    let mut parts = Vec::new();
    if !line.action.is_empty() {
        parts.push(escape_mrkdwn(&line.action));
    }
    let why = escape_mrkdwn(&line.why);
    if line.next.is_empty() {
        parts.push(why);
    } else {
        parts.push(format!("*Why:* {why}"));
        parts.push(format!("*Next:* {}", escape_mrkdwn(&line.next)));
    }
    parts.join("\n")
}

/// Returns the first message of a thread with the incident's current status.
#[must_use]
pub fn thread_head_message(message: &IncidentMessage<'_>) -> Value {
    let incident = message.incident;
    let title = incident
        .headline()
        .map(|line| escape_mrkdwn(&line.title))
        .unwrap_or_default();
    let status = incident.resolved_at.map_or_else(
        || describe_open_incident(incident),
        |resolved_at| describe_resolution(incident, resolved_at),
    );
    let text = format!(
        "{} *{}: {title}*\n{status}",
        status_emoji(message),
        escape_mrkdwn(&incident.name)
    );
    json!({
        "text": escape_mrkdwn(&message.subject()),
        "blocks": [section_block(&text), context_block(&message.footer()), buttons_block(message)],
    })
}

fn describe_open_incident(incident: &Incident) -> String {
    let acknowledged = incident.acknowledged.as_ref();
    let acknowledged = acknowledged.map(|how| format!(" · {}", escape_mrkdwn(how)));
    let since = format_date(incident.since);
    format!("Since {since}{}", acknowledged.unwrap_or_default())
}

fn describe_resolution(incident: &Incident, resolved_at: Timestamp) -> String {
    let duration = format_duration(resolved_at.duration_since(incident.since));
    let title = incident
        .lines
        .last()
        .map(|line| format!(" — {}", escape_mrkdwn(&line.title)))
        .unwrap_or_default();
    format!("Resolved after {duration}{title}")
}

fn summary_message(summary: &SummaryMessage<'_>) -> Value {
    let subject = escape_mrkdwn(&summary.subject());
    let list = escape_mrkdwn(&summary.list());
    let notice = summary.pause_notice().map_or_else(String::new, |notice| {
        format!("*{}*\n", escape_mrkdwn(&notice))
    });
    json!({"text": subject, "blocks": section_blocks(&format!("*{subject}*\n{notice}{list}"))})
}

fn status_emoji(message: &IncidentMessage<'_>) -> &'static str {
    let incident = message.incident;
    match (incident.resolved_at, incident.severity) {
        (Some(_), _) if message.kind != NotificationKind::Info => ":white_check_mark:",
        (_, Severity::Critical) => ":red_circle:",
        (_, Severity::Warning) => ":large_orange_circle:",
        (_, Severity::Info) => ":large_blue_circle:",
    }
}

fn section_block(text: &str) -> Value {
    let text: String = text.chars().take(MAX_SECTION_CHARS).collect();
    json!({"type": "section", "text": mrkdwn(&text)})
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
    json!({"type": "context", "elements": [mrkdwn(&escape_mrkdwn(text))]})
}

/// Builds a text in which Slack makes no links of addresses: a log line may contain any.
fn mrkdwn(text: &str) -> Value {
    json!({"type": "mrkdwn", "text": text, "verbatim": true})
}

fn buttons_block(message: &IncidentMessage<'_>) -> Value {
    let mut buttons: Vec<Value> = message
        .list_offers()
        .into_iter()
        .map(|offer| offer_button(offer, message))
        .collect();
    let links = message.list_links();
    buttons.extend(links.iter().map(|(label, link)| link_button(label, link)));
    buttons.extend(
        message
            .acknowledge_link()
            .filter(|_| !message.has_buttons)
            .map(|(link, _)| link_button("Stop reminders", &link)),
    );
    json!({"type": "actions", "elements": buttons})
}

/// Builds a button that Slack reports to Lamplighter. One that changes what runs asks first.
///
/// Source: <https://docs.slack.dev/reference/block-kit/block-elements/button-element>
fn offer_button(offer: Offer, message: &IncidentMessage<'_>) -> Value {
    let incident = message.incident;
    let label = offer.label();
    let question = offer.question(&incident.name);
    let style = match offer {
        Offer::Approve(_) => Some("primary"),
        Offer::Reject(_) | Offer::RollBack(_) => Some("danger"),
        Offer::Acknowledge(_) | Offer::Silence => None,
    };
    let value = json!(TargetOffer {
        target: incident.target.clone(),
        at: message.now,
        offer,
    });
    let button = json!({
        "type": "button",
        "action_id": format!("{BUTTON_PREFIX}{label}"),
        "text": plain_text(label),
        "value": value.to_string(),
    });
    let style = style.map_or(json!({}), |style| json!({"style": style}));
    let confirm = question.map_or(json!({}), |question| {
        json!({"confirm": {
            "title": plain_text(label),
            "text": plain_text(&question),
            "confirm": plain_text(label),
            "deny": plain_text("Cancel"),
        }})
    });
    merge_objects(merge_objects(button, style), confirm)
}

fn plain_text(text: &str) -> Value {
    json!({"type": "plain_text", "text": text})
}

fn link_button(text: &str, url: &str) -> Value {
    json!({"type": "button", "text": plain_text(text), "url": url})
}

/// Formats a time that Slack shows in the reader's time zone, with a fallback text in UTC.
fn format_date(at: Timestamp) -> String {
    let seconds = at.as_second();
    let fallback = at.strftime("%F %H:%M UTC");
    format!("<!date^{seconds}^{{date_short_pretty}} {{time}}|{fallback}>")
}
