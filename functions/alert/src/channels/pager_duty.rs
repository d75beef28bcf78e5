//! Sends messages to PagerDuty as Events v2: one alert per incident, which resolves by itself.
//!
//! Source: <https://developer.pagerduty.com/docs/send-alert-event>

use lamplighter::model::Cause;
use lamplighter::notify::Severity;
use lamplighter::notify::incident::Incident;
use serde_json::{Value, json};

use super::request::{DeliveryAttempt, SendFailure, start_post};
use crate::notification::{NotificationKind, was_notified};
use crate::notifier::Outgoing;
use crate::text::{IncidentMessage, MAX_LISTED_INCIDENTS, SummaryMessage};

/// The longest summary, in characters, that PagerDuty accepts.
const MAX_SUMMARY_CHARS: usize = 1_024;

/// Sends the events of a message. Those of a summary are sent in parallel: one after the other, they would outlast this
/// function. An alert that was acknowledged and needs somebody again is resolved first, because PagerDuty notifies nobody of
/// an acknowledged one.
pub async fn send_events(
    attempt: DeliveryAttempt<'_>,
    key: &str,
    api: &str,
) -> Result<(), SendFailure> {
    for incident in list_incidents(attempt.message) {
        if needs_new_alert(incident, attempt.channel) {
            let end = build_end_event(incident, key);
            let response = attempt.await_response("enqueue", start_post(api, &[], &end));
            attempt.check_status("enqueue", &response.await?)?;
        }
    }
    let posts: Vec<_> = build_events(attempt.message, key)
        .iter()
        .map(|event| start_post(api, &[], event))
        .collect();
    for post in posts {
        let response = attempt.await_response("enqueue", post).await?;
        attempt.check_status("enqueue", &response)?;
    }
    Ok(())
}

/// Reports whether a channel's alert was acknowledged, and the incident got worse or returned since.
pub fn needs_new_alert(incident: &Incident, channel: &str) -> bool {
    let delivery = incident.deliveries.get(channel);
    incident.resolved_at.is_none()
        && incident.acknowledged.is_none()
        && delivery.is_some_and(|delivery| delivery.acknowledged)
}

/// Returns the event that ends an alert, whatever its incident is.
fn build_end_event(incident: &Incident, key: &str) -> Value {
    json!({
        "routing_key": key,
        "event_action": "resolve",
        "dedup_key": incident.occurrence_token(),
    })
}

/// Lists the incidents that a message is about.
fn list_incidents<'a>(message: &Outgoing<'a>) -> Vec<&'a Incident> {
    match message {
        Outgoing::Single(message) => vec![message.incident],
        Outgoing::Summary(summary) => {
            let incidents = summary.incidents.iter();
            incidents.map(|(incident, _)| *incident).collect()
        }
    }
}

/// Returns the events of a message. The incidents that a summary doesn't name share one alert.
pub fn build_events(message: &Outgoing<'_>, key: &str) -> Vec<Value> {
    match message {
        // A finding never resolves, so its alert would stay open for good.
        Outgoing::Single(message) if is_finding(message.incident) => Vec::new(),
        Outgoing::Single(message) => vec![build_incident_event(message, key)],
        Outgoing::Summary(summary) => build_summary_events(summary, key),
    }
}

/// Reports whether an incident only consists of findings: risks in the configuration, nothing that fires.
fn is_finding(incident: &Incident) -> bool {
    incident.cause == Cause::Setup && !incident.was_firing
}

fn build_summary_events(summary: &SummaryMessage<'_>, key: &str) -> Vec<Value> {
    let incidents: Vec<_> = summary
        .incidents
        .iter()
        .copied()
        .filter(|(incident, _)| !is_finding(incident))
        .collect();
    // An alert that has ended is always resolved by an event of its own.
    let (ended, others): (Vec<_>, Vec<_>) = incidents
        .into_iter()
        .partition(|(incident, _)| incident.resolved_at.is_some() && incident.was_firing);
    let named = ended.iter().chain(others.iter().take(MAX_LISTED_INCIDENTS));
    let mut events: Vec<Value> = named
        .map(|(incident, kind)| {
            let message = IncidentMessage {
                incident,
                kind: *kind,
                sent_lines: u32::from(was_notified(incident)),
                stack: summary.stack,
                pause: summary.pause,
                now: summary.now,
                escalated_after: None,
                links: None,
                has_buttons: false,
            };
            build_incident_event(&message, key)
        })
        .collect();
    let others: Vec<_> = others.into_iter().skip(MAX_LISTED_INCIDENTS).collect();
    if !others.is_empty() {
        let others = SummaryMessage {
            incidents: others,
            ..*summary
        };
        events.push(build_shared_event(&others, key));
    }
    events
}

fn build_incident_event(message: &IncidentMessage<'_>, key: &str) -> Value {
    let incident = message.incident;
    json!({
        "routing_key": key,
        "event_action": event_action(message),
        "dedup_key": incident.occurrence_token(),
        "payload": {
            "summary": truncate_summary(&message.subject()),
            "source": incident.target.as_str(),
            "severity": severity_name(incident.severity),
            "component": incident.name,
            "group": incident.app,
            "class": incident.cause.to_string(),
            "custom_details": {"text": message.body()},
        },
        "links": build_links(message),
    })
}

/// Returns the links of an event: the runbook first, if there is one.
fn build_links(message: &IncidentMessage<'_>) -> Vec<Value> {
    let links = message.list_links().into_iter();
    links
        .map(|(label, link)| json!({"href": link, "text": label}))
        .collect()
}

/// Returns the event about the incidents that a summary doesn't name.
fn build_shared_event(summary: &SummaryMessage<'_>, key: &str) -> Value {
    json!({
        "routing_key": key,
        "event_action": "trigger",
        "dedup_key": format!("{}-many-{}", summary.stack, summary.now.as_second()),
        "payload": {
            "summary": truncate_summary(&summary.subject()),
            "source": "lamplighter",
            "severity": severity_name(Severity::Critical),
            "component": Value::Null,
            "group": Value::Null,
            "class": Value::Null,
            "custom_details": {"text": summary.body()},
        },
        "links": [],
    })
}

/// Returns whether an event opens, acknowledges or resolves its alert. An incident that ended badly, such as a
/// release that was rolled back, resolves its alert as well, if it was sent.
fn event_action(message: &IncidentMessage<'_>) -> &'static str {
    let incident = message.incident;
    let has_ended = incident.resolved_at.is_some() && incident.was_firing && message.sent_lines > 0;
    if has_ended {
        return "resolve";
    }
    match message.kind {
        NotificationKind::Resolved => "resolve",
        NotificationKind::Acknowledged => "acknowledge",
        NotificationKind::Firing
        | NotificationKind::Info
        | NotificationKind::Updated
        | NotificationKind::Reminder
        | NotificationKind::Flapping => "trigger",
    }
}

fn severity_name(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Critical => "critical",
    }
}

fn truncate_summary(text: &str) -> String {
    text.chars().take(MAX_SUMMARY_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use lamplighter::Function;
    use lamplighter::notify::Message;

    use super::super::fixtures::{build_incident, first_message};
    use super::*;

    fn events_about(incident: &Incident) -> Vec<Value> {
        let message = first_message(incident, NotificationKind::Info);
        build_events(&Outgoing::Single(message), "key")
    }

    /// Nothing would ever resolve its alert.
    #[test]
    fn a_finding_opens_no_alert() {
        let finding = build_incident(Message::warning("no health check"), Function::Enroll);
        assert_eq!(events_about(&finding), Vec::<Value>::new());
        let crash = build_incident(Message::critical("0/2 tasks running"), Function::Heal);
        let events = events_about(&crash);
        assert_eq!(
            events[0]["links"][0]["href"],
            "https://wiki.example.com/shop/web"
        );
    }
}
