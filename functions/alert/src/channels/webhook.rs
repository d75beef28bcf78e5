//! Sends messages to webhooks as JSON documents, signed as Standard Webhooks specifies.
//!
//! Source: <https://www.standardwebhooks.com/>

use std::collections::BTreeMap;

use jiff::Timestamp;
use lamplighter::model::short_hash;
use lamplighter::notify::incident::Incident;
use lamplighter_aws::lambda;
use lamplighter_aws::webhook_signature::sign_webhook;
use serde_json::{Value, json};

use super::json::merge_objects;
use super::request::{DeliveryAttempt, SendFailure};
use crate::notification::NotificationKind;
use crate::notifier::Outgoing;

/// Posts a message with its identifier, time and signature in the headers.
pub async fn send_document(
    attempt: DeliveryAttempt<'_>,
    url: &str,
    signing_key: &str,
) -> Result<(), SendFailure> {
    let body = build_document(attempt.message);
    let id = build_delivery_id(attempt.channel, attempt.message);
    let now = lambda::read_clock().as_second();
    let signature = sign_webhook(signing_key, &id, now, &body.to_string());
    let now = now.to_string();
    let headers = [
        ("webhook-id", id.as_str()),
        ("webhook-timestamp", now.as_str()),
        ("webhook-signature", &signature),
    ];
    attempt.post_document("webhook", url, &headers, &body).await
}

/// Returns the identifier of a message. One that is sent again, because its answer was lost, has the same.
fn build_delivery_id(channel: &str, message: &Outgoing<'_>) -> String {
    let incidents = match message {
        Outgoing::Single(message) => vec![(message.incident, message.kind)],
        Outgoing::Summary(summary) => summary.incidents.clone(),
    };
    let parts: Vec<String> = incidents
        .into_iter()
        .map(|(incident, kind)| {
            let delivery = incident.deliveries.get(channel);
            // Two reminders differ in the time of the message before.
            let before: Option<Timestamp> = delivery.and_then(|delivery| delivery.at);
            format!(
                "{} {} {} {before:?}",
                incident.occurrence_token(),
                kind_name(kind),
                incident.line_count
            )
        })
        .collect();
    format!("msg_{}", short_hash(parts.join("\n")))
}

/// Returns the document that a webhook receives, version 1.
fn build_document(message: &Outgoing<'_>) -> Value {
    match message {
        Outgoing::Single(message) => merge_objects(
            describe_incident(message.incident),
            json!({
                "version": 1,
                "stack": message.stack,
                "kind": kind_name(message.kind),
                "title": message.title(),
                "text": message.body(),
                "links": message.list_links().into_iter().collect::<BTreeMap<_, _>>(),
            }),
        ),
        Outgoing::Summary(summary) => {
            let incidents: Vec<Value> = summary
                .incidents
                .iter()
                .map(|(incident, _)| describe_incident(incident))
                .collect();
            json!({
                "version": 1,
                "stack": summary.stack,
                "kind": "summary",
                "title": summary.subject(),
                "incidents": incidents,
            })
        }
    }
}

fn describe_incident(incident: &Incident) -> Value {
    json!({
        "id": incident.occurrence_token(),
        "target": incident.target,
        "name": incident.name,
        "app": incident.app,
        "cause": incident.cause.to_string(),
        "severity": incident.severity,
        "since": incident.since,
        "resolved_at": incident.resolved_at,
        "acknowledged": incident.acknowledged.is_some(),
        "link": incident.link,
        "runbook": incident.runbook,
    })
}

/// Returns the name of a kind in version 1 of the document. Receivers match on it, so it stays.
fn kind_name(kind: NotificationKind) -> &'static str {
    match kind {
        NotificationKind::Firing => "firing",
        NotificationKind::Info => "info",
        NotificationKind::Updated => "updated",
        NotificationKind::Reminder => "reminder",
        NotificationKind::Resolved => "resolved",
        NotificationKind::Flapping => "flapping",
        NotificationKind::Acknowledged => "acknowledged",
    }
}

#[cfg(test)]
mod tests {
    use lamplighter::Function;
    use lamplighter::notify::Message;
    use lamplighter::notify::incident::DeliveryState;

    use super::super::fixtures::{build_incident, first_message};
    use super::*;

    /// Receivers drop what they got before. A reminder is another message, although nothing has changed.
    #[test]
    fn a_repetition_keeps_its_identifier_and_a_reminder_has_another() {
        let mut incident = build_incident(Message::critical("0/2 tasks running"), Function::Heal);
        let id = |incident: &Incident, kind| {
            let message = Outgoing::Single(first_message(incident, kind));
            build_delivery_id("hook", &message)
        };
        let first = id(&incident, NotificationKind::Firing);
        assert_eq!(id(&incident, NotificationKind::Firing), first);
        let mut deliver = |minute: i64| {
            let at = Timestamp::from_second(60 * minute).unwrap();
            let delivery = DeliveryState {
                at: Some(at),
                ..DeliveryState::default()
            };
            incident.deliveries.insert("hook".to_owned(), delivery);
            id(&incident, NotificationKind::Reminder)
        };
        let reminders = [deliver(0), deliver(240)];
        assert!(reminders[0] != reminders[1] && !reminders.contains(&first));
    }
}
