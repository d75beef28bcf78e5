//! Messages as Slack shows them: Block Kit.
//!
//! Source: <https://docs.slack.dev/block-kit/>, <https://docs.slack.dev/messaging/formatting-message-text/>

use lamplighter::notify::Severity;
use serde_json::{Value, json};

use crate::desk::Letter;
use crate::due::Kind;
use crate::text::{Listing, Telling, long};

/// Slack refuses sections of more than 3,000 characters; escaped ones are longer than they look.
const SECTION: usize = 2_900;
/// And messages of more than 50 blocks.
const SECTIONS: usize = 10;

/// `text`, which a phone shows before anybody looks, and `blocks`.
#[must_use]
pub fn message(letter: &Letter<'_>) -> Value {
    match letter {
        Letter::One(telling) => one(telling),
        Letter::Many(listing) => many(listing),
    }
}

fn one(telling: &Telling<'_>) -> Value {
    let incident = telling.incident;
    let mut blocks = Vec::new();
    for (n, line) in telling.news().into_iter().enumerate() {
        let title = if n == 0 {
            telling.title()
        } else {
            line.title.clone()
        };
        let sign = if n == 0 {
            format!("{} ", sign(telling))
        } else {
            String::new()
        };
        let (why, next) = (escape(&line.why), escape(&line.next));
        let explained = if next.is_empty() {
            why
        } else {
            format!("*Why:* {why}\n*Next:* {next}")
        };
        blocks.extend(sections(&format!(
            "{sign}*{}: {}*\n{explained}",
            escape(&incident.name),
            escape(&title)
        )));
    }
    blocks.extend(telling.span().map(|span| section(&escape(&span))));
    blocks.extend(telling.reminders().map(|reminders| context(&reminders)));
    blocks.push(context(&telling.footer()));
    blocks.push(buttons(telling));
    json!({"text": escape(&telling.subject()), "blocks": blocks})
}

/// The first message of a thread, as it stands now.
#[must_use]
pub fn first(telling: &Telling<'_>) -> Value {
    let incident = telling.incident;
    let title = incident
        .headline()
        .map(|line| escape(&line.title))
        .unwrap_or_default();
    let state = match incident.over {
        Some(over) => {
            let end = incident
                .lines
                .last()
                .map(|line| format!(" — {}", escape(&line.title)))
                .unwrap_or_default();
            format!(
                "Over after {}{end}",
                long(over.duration_since(incident.since))
            )
        }
        None => {
            format!(
                "Since {}",
                date(
                    incident.since.as_second(),
                    &incident.since.strftime("%F %H:%M UTC").to_string()
                )
            )
        }
    };
    let text = format!(
        "{} *{}: {title}*\n{state}",
        sign(telling),
        escape(&incident.name)
    );
    let subject = escape(&telling.subject());
    json!({"text": subject, "blocks": [section(&text), context(&telling.footer()), buttons(telling)]})
}

fn many(listing: &Listing<'_>) -> Value {
    let lines: Vec<String> = listing.lines().iter().map(|line| escape(line)).collect();
    let rest = listing.incidents.len().saturating_sub(lines.len());
    let rest = if rest > 0 {
        format!("\nand {rest} more, which the journal has")
    } else {
        String::new()
    };
    let subject = escape(&listing.subject());
    json!({"text": subject, "blocks": sections(&format!("*{subject}*\n{}{rest}", lines.join("\n")))})
}

fn sign(telling: &Telling<'_>) -> &'static str {
    let incident = telling.incident;
    match (incident.over, incident.severity) {
        (Some(_), _) if telling.kind != Kind::News => ":white_check_mark:",
        (_, Severity::Critical) => ":red_circle:",
        (_, Severity::Warning) => ":large_orange_circle:",
        (_, Severity::Info) => ":large_blue_circle:",
    }
}

fn section(text: &str) -> Value {
    let text: String = text.chars().take(SECTION).collect();
    json!({"type": "section", "text": {"type": "mrkdwn", "text": text}})
}

/// A text in as many sections as it takes, cut between its lines.
fn sections(text: &str) -> Vec<Value> {
    let mut parts = vec![String::new()];
    for line in text.lines() {
        let full = parts
            .last()
            .is_none_or(|part| part.len() + line.len() > SECTION);
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
        .take(SECTIONS)
        .map(|part| section(part.trim_end()))
        .collect()
}

fn context(text: &str) -> Value {
    json!({"type": "context", "elements": [{"type": "mrkdwn", "text": escape(text)}]})
}

fn buttons(telling: &Telling<'_>) -> Value {
    let mut buttons = vec![button("Open in the console", &telling.incident.link)];
    buttons.extend(
        telling
            .link()
            .map(|(link, _)| button("No more reminders", &link)),
    );
    json!({"type": "actions", "elements": buttons})
}

fn button(text: &str, url: &str) -> Value {
    let text = json!({"type": "plain_text", "text": text});
    json!({"type": "button", "text": text, "url": url})
}

/// In the reader's own time zone.
fn date(seconds: i64, otherwise: &str) -> String {
    format!("<!date^{seconds}^{{date_short_pretty}} {{time}}|{otherwise}>")
}

/// Nothing in a text is a link, a mention or a command.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
