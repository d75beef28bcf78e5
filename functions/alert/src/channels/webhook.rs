//! Sends messages to webhooks as signed JSON documents.

use lamplighter::notify::incident::Incident;
use lamplighter_aws::lambda;
use lamplighter_aws::signed_link::compute_signature;
use serde_json::{Value, json};

use super::json::merge_objects;
use super::request::{DeliveryAttempt, SendFailure};
use crate::notification::NotificationKind;
use crate::notifier::Outgoing;

/// Posts a message with its time and signature in the headers.
pub async fn send_document(
    attempt: DeliveryAttempt<'_>,
    url: &str,
    signing_key: &str,
) -> Result<(), SendFailure> {
    let body = build_document(attempt.message);
    let now = lambda::read_clock().as_second();
    let signature = sign_document(signing_key, now, &body.to_string());
    let now = now.to_string();
    let headers = [
        ("x-lamplighter-timestamp", now.as_str()),
        ("x-lamplighter-signature", &signature),
    ];
    attempt.post_document("webhook", url, &headers, &body).await
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
                "kind": "many",
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
        "over": incident.resolved_at,
        "link": incident.link,
        "runbook": incident.runbook,
    })
}

/// Returns the name of a kind in version 1 of the document. Receivers match on it, so it stays.
fn kind_name(kind: NotificationKind) -> &'static str {
    match kind {
        NotificationKind::Firing => "begins",
        NotificationKind::Info => "news",
        NotificationKind::Updated => "changes",
        NotificationKind::Reminder => "lasts",
        NotificationKind::Resolved => "over",
        NotificationKind::Flapping => "flaps",
    }
}

/// Returns `v1=` and the hexadecimal HMAC-SHA256 of the time in seconds, a dot and the body.
fn sign_document(key: &str, seconds: i64, body: &str) -> String {
    format!(
        "v1={}",
        compute_signature(key, &format!("{seconds}.{body}"))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `printf '1795321829.{"a":1}' | openssl dgst -sha256 -hmac key`
    #[test]
    fn a_signature_is_that_of_openssl() {
        assert_eq!(
            sign_document("key", 1_795_321_829, r#"{"a":1}"#),
            "v1=7d1e588b26ef73c4ce6ff7fea601303e689e46cf9b1a124813a7119cfbe7b1f5"
        );
    }
}
