//! An incident and the message about it, for the tests of the channels.

use jiff::Timestamp;
use lamplighter::Function;
use lamplighter::model::Arn;
use lamplighter::notify::incident::{Incident, Line};
use lamplighter::notify::{Message, Notification};

use crate::notification::NotificationKind;
use crate::text::IncidentMessage;

/// Returns an incident of shop/web with one line.
pub fn build_incident(message: Message, source: Function) -> Incident {
    let notification = Notification {
        runbook: Some("https://wiki.example.com/shop/web".to_owned()),
        message,
        at: Timestamp::UNIX_EPOCH,
        source: source.into(),
        target: Arn::new("arn:aws:ecs:eu-west-1:123456789012:service/shop/web"),
        name: "shop/web".to_owned(),
        app: None,
        stack: "lamplighter".to_owned(),
        link: "https://console.example".to_owned(),
        silenced_until: None,
    };
    let mut incident = Incident::from_notification(&notification);
    incident.lines.push(Line::from_notification(&notification));
    incident
}

/// Returns the first message about an incident.
pub fn first_message(incident: &Incident, kind: NotificationKind) -> IncidentMessage<'_> {
    IncidentMessage {
        incident,
        kind,
        sent_lines: 0,
        stack: "lamplighter",
        pause: None,
        now: Timestamp::UNIX_EPOCH,
        escalated_after: None,
        links: None,
        has_buttons: false,
    }
}
