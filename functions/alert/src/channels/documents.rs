//! Renders messages as JSON documents for other programs.

use lamplighter::notify::Severity;
use lamplighter::notify::incident::Incident;
use lamplighter_aws::signed_link::compute_signature;
use serde_json::{Value, json};

use crate::dispatcher::Outgoing;
use crate::notification::NotificationKind;
use crate::text::{IncidentMessage, MAX_LISTED_INCIDENTS, SummaryMessage};

/// The longest summary, in characters, that PagerDuty accepts.
/// Source: <https://developer.pagerduty.com/docs/send-alert-event>
const MAX_SUMMARY_CHARS: usize = 1_024;

/// Returns PagerDuty Events v2 documents: one alert per incident, which resolves by itself. The
/// incidents that a summary doesn't name share one alert.
#[must_use]
pub fn pager_duty_events(letter: &Outgoing<'_>, key: &str) -> Vec<Value> {
    let Outgoing::Summary(listing) = letter else {
        return vec![pager_duty_event(letter, key)];
    };
    let (now, stack) = (listing.now, listing.stack);
    let (named, rest) = listing
        .incidents
        .split_at(listing.incidents.len().min(MAX_LISTED_INCIDENTS));
    let one = |(incident, kind): &(&Incident, NotificationKind)| {
        pager_duty_event(
            &Outgoing::Single(IncidentMessage {
                incident,
                kind: *kind,
                sent_lines: 0,
                stack,
                now,
                links: None,
            }),
            key,
        )
    };
    let mut events: Vec<Value> = named.iter().map(one).collect();
    if !rest.is_empty() {
        events.push(pager_duty_event(
            &Outgoing::Summary(SummaryMessage {
                incidents: rest.to_vec(),
                stack,
                now,
            }),
            key,
        ));
    }
    events
}

fn pager_duty_event(letter: &Outgoing<'_>, key: &str) -> Value {
    let (summary, severity, dedup_key, action, about) = match letter {
        Outgoing::Single(telling) => {
            // An incident that ended badly is resolved as well, if its alert was sent.
            let is_over = telling.incident.resolved_at.is_some()
                && telling.incident.was_firing
                && telling.sent_lines > 0;
            let action = if telling.kind == NotificationKind::Resolved || is_over {
                "resolve"
            } else {
                "trigger"
            };
            (
                telling.subject(),
                telling.incident.severity,
                telling.incident.occurrence_token(),
                action,
                Some(telling.incident),
            )
        }
        Outgoing::Summary(listing) => {
            let key = format!("{}-many-{}", listing.stack, listing.now.as_second());
            (listing.subject(), Severity::Critical, key, "trigger", None)
        }
    };
    let severity = match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Critical => "critical",
    };
    let body = match letter {
        Outgoing::Single(telling) => telling.body(),
        Outgoing::Summary(listing) => listing.body(),
    };
    json!({
        "routing_key": key,
        "event_action": action,
        "dedup_key": dedup_key,
        "payload": {
            "summary": summary.chars().take(MAX_SUMMARY_CHARS).collect::<String>(),
            "source": about.map_or("lamplighter", |incident| incident.target.as_str()),
            "severity": severity,
            "component": about.map(|incident| &incident.name),
            "group": about.and_then(|incident| incident.app.as_ref()),
            "class": about.map(|incident| incident.cause.to_string()),
            "custom_details": {"text": body},
        },
        "links": about.map_or(Vec::new(), |incident| vec![json!({"href": incident.link, "text": "AWS console"})]),
    })
}

/// Returns the document that a webhook receives, version 1.
#[must_use]
pub fn webhook_document(letter: &Outgoing<'_>) -> Value {
    match letter {
        Outgoing::Single(telling) => {
            let more = json!({
                "version": 1, "stack": telling.stack, "kind": kind_name(telling.kind), "title": telling.title(), "text": telling.body(),
            });
            merge_objects(incident_document(telling.incident), more)
        }
        Outgoing::Summary(listing) => {
            let incidents: Vec<Value> = listing
                .incidents
                .iter()
                .map(|(incident, _)| incident_document(incident))
                .collect();
            json!({"version": 1, "stack": listing.stack, "kind": "many", "title": listing.subject(), "incidents": incidents})
        }
    }
}

fn incident_document(incident: &Incident) -> Value {
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
    })
}

/// Returns the document extended by the fields of another one.
#[must_use]
pub fn merge_objects(mut document: Value, more: Value) -> Value {
    if let (Value::Object(all), Value::Object(more)) = (&mut document, more) {
        all.extend(more);
    }
    document
}

fn kind_name(kind: NotificationKind) -> &'static str {
    match kind {
        NotificationKind::Firing => "begins",
        NotificationKind::Info => "news",
        NotificationKind::Updated => "changes",
        NotificationKind::Reminder => "lasts",
        NotificationKind::Resolved => "over",
        NotificationKind::Flaps => "flaps",
    }
}

/// Returns `v1=` and the hexadecimal HMAC-SHA256 of the time in seconds, a dot and the body.
#[must_use]
pub fn webhook_signature(key: &str, seconds: i64, body: &str) -> String {
    format!(
        "v1={}",
        compute_signature(key, &format!("{seconds}.{body}"))
    )
}

/// Returns the custom notification that Amazon Q Developer in chat applications shows.
/// Source: <https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html>
#[must_use]
pub fn amazon_q_document(letter: &Outgoing<'_>) -> Value {
    let (title, description, thread, next) = match letter {
        Outgoing::Single(telling) => (
            telling.subject(),
            describe_incident(telling),
            Some(telling.incident.occurrence_token()),
            list_next_steps(telling),
        ),
        Outgoing::Summary(listing) => (
            listing.subject(),
            listing.incident_lines().join("\n"),
            None,
            Vec::new(),
        ),
    };
    let content =
        json!({"textType": "client-markdown", "title": title, "description": description});
    let next = if next.is_empty() {
        Value::Null
    } else {
        json!({"nextSteps": next})
    };
    let metadata = thread.map_or(
        Value::Null,
        |thread| json!({"metadata": {"threadId": thread, "summary": title}}),
    );
    merge_objects(
        json!({"version": "1.0", "source": "custom", "content": merge_objects(content, next)}),
        metadata,
    )
}

fn describe_incident(telling: &IncidentMessage<'_>) -> String {
    let news = telling
        .new_lines()
        .into_iter()
        .map(|line| format!("{}: {}\n{}", telling.incident.name, line.title, line.why));
    news.chain(telling.describe_duration())
        .chain([format!("<{}|AWS console>", telling.incident.link)])
        .collect::<Vec<_>>()
        .join("\n\n")
}

fn list_next_steps(telling: &IncidentMessage<'_>) -> Vec<String> {
    telling
        .new_lines()
        .into_iter()
        .map(|line| line.next.clone())
        .filter(|next| !next.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `printf '1795321829.{"a":1}' | openssl dgst -sha256 -hmac key`
    #[test]
    fn a_signature_is_what_openssl_says() {
        assert_eq!(
            webhook_signature("key", 1_795_321_829, r#"{"a":1}"#),
            "v1=7d1e588b26ef73c4ce6ff7fea601303e689e46cf9b1a124813a7119cfbe7b1f5"
        );
    }
}
