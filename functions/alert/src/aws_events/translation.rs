//! The translation of an AWS event.

use jiff::Timestamp;
use lamplighter::model::Arn;
use lamplighter::notify::{Message, Notification, Severity, Source, console_host, console_link};

use super::envelope::AwsEvent;

/// The translation of an event: a message and its target.
pub struct TranslatedEvent {
    pub message: Message,
    pub target: Arn,
    pub name: String,
    pub app: Option<String>,
    /// The console page, if the target's own page is not the right one.
    pub link: Option<String>,
}

impl TranslatedEvent {
    pub fn into_notification(self, event: &AwsEvent, stack: &str, now: Timestamp) -> Notification {
        let link = self.link.unwrap_or_else(|| console_link(&self.target));
        Notification {
            runbook: None,
            message: self.message,
            at: event
                .time
                .as_deref()
                .and_then(|time| time.parse().ok())
                .unwrap_or(now),
            source: Source::Aws(event.service()),
            name: self.name,
            app: self.app,
            stack: stack.to_owned(),
            link,
            silenced_until: None,
            target: self.target,
        }
    }
}

/// Returns the identifier that an event gives its target, or else the name in the target's ARN.
pub fn choose_name(identifier: String, target: &Arn) -> String {
    if identifier.is_empty() {
        target.display_name()
    } else {
        identifier
    }
}

pub fn message_with_severity(severity: Severity, title: String) -> Message {
    match severity {
        Severity::Info => Message::info(title),
        Severity::Warning => Message::warning(title),
        Severity::Critical => Message::critical(title),
    }
}

/// Returns the URL of a console page in the event's region and the target's partition.
pub fn console_page_link(event: &AwsEvent, target: &Arn, service: &str, page: &str) -> String {
    let host = console_host(target.partition(), &event.region);
    format!("https://{host}/{service}/{}", page.replace(' ', "%20"))
}
