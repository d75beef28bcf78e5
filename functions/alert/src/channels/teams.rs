//! Renders messages for Microsoft Teams as adaptive cards, for the workflow "Post to a channel when a webhook request is
//! received".
//!
//! Sources: <https://learn.microsoft.com/en-us/power-automate/teams/overview>, <https://adaptivecards.io/explorer/>

use lamplighter::notify::Severity;
use lamplighter::notify::incident::Line;
use serde_json::{Value, json};

use super::json::merge_objects;
use super::request::{DeliveryAttempt, SendFailure};
use crate::notification::NotificationKind;
use crate::notifier::Outgoing;
use crate::text::{IncidentMessage, SummaryMessage};

/// The bytes of the blocks of a card: Teams refuses messages of more than 28 KB.
/// Source: <https://learn.microsoft.com/en-us/microsoftteams/limits-specifications-teams#chat>
const MAX_BYTES: usize = 20_000;

/// Posts a message to the address of a workflow.
pub async fn send_card(attempt: DeliveryAttempt<'_>, url: &str) -> Result<(), SendFailure> {
    let document = build_message(attempt.message);
    attempt.post_document("teams", url, &[], &document).await
}

/// Returns the message with one adaptive card.
fn build_message(message: &Outgoing<'_>) -> Value {
    let (body, actions) = match message {
        Outgoing::Single(message) => (incident_body(message), incident_actions(message)),
        Outgoing::Summary(summary) => (summary_body(summary), Vec::new()),
    };
    json!({
        "type": "message",
        "summary": message.subject(),
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": Value::Null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "msteams": {"width": "Full"},
                "body": body,
                "actions": actions,
            },
        }],
    })
}

fn incident_body(message: &IncidentMessage<'_>) -> Vec<Value> {
    let mut body = CardBody::default();
    body.add_heading(&message.subject(), title_color(message));
    for (number, line) in message.new_lines().into_iter().enumerate() {
        // The heading is the title of the first line.
        if number > 0 {
            body.add_heading(&line.title, "default");
        }
        for text in list_explanations(line) {
            body.add_text(&text);
        }
    }
    for text in message
        .pause_notice()
        .iter()
        .chain(&message.describe_duration())
    {
        body.add_text(text);
    }
    body.add_subtle_text(&message.acknowledge_hint().unwrap_or_default());
    body.finish(&message.footer())
}

fn list_explanations(line: &Line) -> Vec<String> {
    let next = (!line.next.is_empty()).then(|| format!("Next: {}", line.next));
    let texts = [
        line.action.clone(),
        line.why.clone(),
        next.unwrap_or_default(),
    ];
    texts.into_iter().filter(|text| !text.is_empty()).collect()
}

fn summary_body(summary: &SummaryMessage<'_>) -> Vec<Value> {
    let mut body = CardBody::default();
    body.add_heading(&summary.subject(), "attention");
    for text in summary
        .pause_notice()
        .iter()
        .chain(&summary.incident_lines())
    {
        body.add_text(text);
    }
    body.finish("")
}

/// The blocks of a card. Their texts are runs, in which nothing becomes a link or a format: a log line may contain any.
/// Source: <https://adaptivecards.io/explorer/RichTextBlock.html>
#[derive(Debug, Default)]
struct CardBody {
    blocks: Vec<Value>,
    bytes: usize,
    is_shortened: bool,
}

impl CardBody {
    fn add_heading(&mut self, text: &str, color: &str) {
        let style = json!({"weight": "bolder", "size": "medium", "color": color});
        self.add_lines(text, &style);
    }

    fn add_text(&mut self, text: &str) {
        self.add_lines(text, &json!({}));
    }

    fn add_subtle_text(&mut self, text: &str) {
        self.add_lines(text, &json!({"isSubtle": true, "size": "small"}));
    }

    /// Adds a block for each line, as long as there is room.
    fn add_lines(&mut self, text: &str, style: &Value) {
        for (number, line) in text.lines().filter(|line| !line.is_empty()).enumerate() {
            let run = merge_objects(json!({"type": "TextRun", "text": line}), style.clone());
            let spacing = if number == 0 { "default" } else { "none" };
            let block = json!({"type": "RichTextBlock", "spacing": spacing, "inlines": [run]});
            self.bytes += block.to_string().len();
            if self.bytes > MAX_BYTES {
                self.is_shortened = true;
                return;
            }
            self.blocks.push(block);
        }
    }

    /// Returns the blocks with a footer, and a note if something is left out.
    fn finish(mut self, footer: &str) -> Vec<Value> {
        let is_shortened = std::mem::take(&mut self.is_shortened);
        self.bytes = 0;
        if is_shortened {
            self.add_text("… The e-mail has the rest of this message.");
        }
        self.add_subtle_text(footer);
        self.blocks
    }
}

fn title_color(message: &IncidentMessage<'_>) -> &'static str {
    let incident = message.incident;
    if incident.resolved_at.is_some() && message.kind != NotificationKind::Info {
        return "good";
    }
    match incident.severity {
        Severity::Critical => "attention",
        Severity::Warning => "warning",
        Severity::Info => "default",
    }
}

fn incident_actions(message: &IncidentMessage<'_>) -> Vec<Value> {
    let acknowledge = message.acknowledge_link();
    let acknowledge = acknowledge.map(|(address, _)| ("Stop reminders", address));
    message
        .list_links()
        .into_iter()
        .chain(acknowledge)
        .map(|(title, address)| link_action(title, &address))
        .collect()
}

fn link_action(title: &str, address: &str) -> Value {
    json!({"type": "Action.OpenUrl", "title": title, "url": address})
}

#[cfg(test)]
mod tests {
    use lamplighter::Function;
    use lamplighter::notify::Message;

    use super::super::fixtures::{build_incident, first_message};
    use super::*;

    /// A critical incident, with what a log line could do to a card.
    #[test]
    fn a_card_has_the_message_and_its_links() {
        let message = Message::critical("0/2 tasks running - crash loop")
            .action("Lamplighter restarts the tasks.")
            .why("The log says: [click](https://evil.example) *now*.")
            .next("Look at the logs.")
            .fires("health");
        let incident = build_incident(message, Function::Heal);
        let message = first_message(&incident, NotificationKind::Firing);
        let card = build_message(&Outgoing::Single(message));
        let content = &card["attachments"][0]["content"];
        assert_eq!(content["type"], "AdaptiveCard");
        let texts = |blocks: &Value, pointer: &str| -> Vec<String> {
            let blocks = blocks.as_array().unwrap().iter();
            blocks
                .filter_map(|block| block.pointer(pointer)?.as_str().map(str::to_owned))
                .collect()
        };
        assert_eq!(
            texts(&content["body"], "/inlines/0/text"),
            [
                "[CRITICAL] shop/web: 0/2 tasks running - crash loop",
                "Lamplighter restarts the tasks.",
                "The log says: [click](https://evil.example) *now*.",
                "Next: Look at the logs.",
                "CRITICAL · heal · 1970-01-01 00:00:00 UTC · stack lamplighter",
            ]
        );
        assert_eq!(
            texts(&content["actions"], "/url"),
            [
                "https://wiki.example.com/shop/web",
                "https://eu-west-1.console.aws.amazon.com/ecs/v2/clusters/shop/services/web/logs?region=eu-west-1",
                "https://console.example"
            ]
        );
        assert_eq!(content["body"][0]["inlines"][0]["color"], "attention");
    }

    /// Teams refuses more than 28 KB, and a workflow accepts what it then can't post.
    #[test]
    fn a_long_card_is_shortened_and_says_so() {
        let mut body = CardBody::default();
        body.add_text(&"a line with \"quotes\"\n".repeat(5_000));
        let blocks = body.finish("the footer");
        let size = Value::from(blocks.clone()).to_string().len();
        assert!(size < 25_000, "{size}");
        let last: Vec<&Value> = blocks.iter().rev().take(2).collect();
        assert_eq!(last[0]["inlines"][0]["text"], "the footer");
        assert!(
            last[1]["inlines"][0]["text"]
                .to_string()
                .contains("The e-mail")
        );
    }
}
