//! Groups notifications into incidents, whatever their order and however often each one arrives.

use jiff::Timestamp;
use lamplighter::notify::incident::{Incident, IncidentId, Line};
use lamplighter::notify::{ACKNOWLEDGED_PREFIX, Notification, SILENCE_PREFIX, Severity};
use lamplighter::ports::incidents::DispatcherState;

use crate::conditions::ConditionKind;

/// The number of lines kept per incident.
const MAX_LINES: usize = 20;
/// The bytes of text kept per incident. DynamoDB takes items of 400 KB, and one that is too large would hold back all
/// others. Pages of the daily report that are sent again add up.
const MAX_TEXT_BYTES: usize = 200_000;
/// The number of returns kept per incident.
const MAX_RETURNS: usize = 100;

/// Adds a notification to the incident it belongs to. A notification that was added before changes
/// nothing.
pub fn ingest_notification(state: &mut DispatcherState, notification: &Notification) {
    let key = notification.message.key.as_deref().unwrap_or_default();
    if let Some(token) = key.strip_prefix(ACKNOWLEDGED_PREFIX) {
        acknowledge_incident(state, token, &notification.message.title);
        return;
    }
    if !notification.is_from_aws() {
        let silence = state
            .silences
            .entry(notification.target.clone())
            .or_default();
        // A notification that arrives late describes an older state.
        *silence = (notification.at, notification.silenced_until).max(*silence);
    }
    if key.starts_with(SILENCE_PREFIX) {
        return;
    }
    let id = IncidentId::for_target(&notification.target, &notification.cause());
    if resolves_nothing(state.incidents.get(&id), notification) {
        return;
    }
    let incident = state
        .incidents
        .entry(id)
        .or_insert_with(|| Incident::from_notification(notification));
    apply_notification(incident, notification);
}

/// Stops the reminders of the open incident with this token. A later incident of the same target and
/// cause has another token. Who acknowledged it first stays.
fn acknowledge_incident(state: &mut DispatcherState, token: &str, how: &str) {
    for incident in state.incidents.values_mut() {
        if incident.occurrence_token() == token && incident.resolved_at.is_none() {
            incident.acknowledged.get_or_insert(how.to_owned());
        }
    }
}

/// Reports whether an AWS event only resolves a condition, and no incident is open. An alarm that
/// returns to OK without having fired is dropped; a database that recovers is reported anyway.
fn resolves_nothing(incident: Option<&Incident>, notification: &Notification) -> bool {
    let Some(condition) = &notification.message.clears else {
        return false;
    };
    notification.is_from_aws()
        && incident.is_none_or(|incident| incident.resolved_at.is_some())
        && match ConditionKind::from_key(condition) {
            ConditionKind::DatabaseDown => false,
            ConditionKind::UserAlarm
            | ConditionKind::FailedJob
            | ConditionKind::StackAlarm
            | ConditionKind::Certificate
            | ConditionKind::Operation => true,
        }
}

fn apply_notification(incident: &mut Incident, notification: &Notification) {
    let line = Line::from_notification(notification);
    if incident.lines.contains(&line) {
        return;
    }
    let message = &notification.message;
    if let Some(condition) = &message.fires {
        // The condition resolved before the notification that fires it arrived.
        if was_resolved_after(incident, condition, notification.at) {
            return;
        }
        if incident.resolved_at.is_some() {
            reopen_incident(incident, notification);
        }
    }
    // An alarm names no application; the first notification of an operation does.
    if incident.app.is_none() {
        incident.app.clone_from(&notification.app);
    }
    if notification.runbook.is_some() {
        incident.runbook.clone_from(&notification.runbook);
    }
    if message.log_group.is_some() {
        incident.log_group.clone_from(&message.log_group);
    }
    incident.is_managed |= notification.is_from_operation();
    if !message.offers.is_empty() {
        incident.offers.clone_from(&message.offers);
    }
    // Who acknowledged a warning has not acknowledged what it became.
    if message.severity > incident.severity {
        incident.acknowledged = None;
    }
    incident.severity = incident.severity.max(message.severity);
    if let Some(condition) = &message.clears {
        resolve_condition(incident, condition, notification.at);
    }
    if !is_repeated_report(incident, &line) {
        append_line(incident, line);
    }
    if let Some(condition) = &message.fires {
        incident.firing.insert(condition.clone(), notification.at);
        incident.was_firing = true;
        incident.resolved_at = None;
    } else if incident.firing.is_empty() {
        incident.resolved_at = incident.resolved_at.max(Some(notification.at));
        incident.offers.clone_from(&message.offers);
    }
}

/// Resolves a condition and all its parts.
fn resolve_condition(incident: &mut Incident, condition: &str, at: Timestamp) {
    incident
        .firing
        .retain(|firing, _| !is_same_or_part(firing, condition));
    incident.resolved.insert(condition.to_owned(), at);
}

/// Reports whether a line repeats, as every day, that a condition is still firing.
fn is_repeated_report(incident: &Incident, line: &Line) -> bool {
    let is_firing = line
        .fires
        .as_ref()
        .is_some_and(|condition| incident.firing.contains_key(condition));
    is_firing && incident.lines.iter().any(|known| known.title == line.title)
}

/// Reopens a resolved incident, or starts a new one in its place, such as a release after a
/// release. Whoever acknowledged it before knows nothing of its return.
fn reopen_incident(incident: &mut Incident, notification: &Notification) {
    incident.acknowledged = None;
    let is_return = incident.was_firing
        && incident.severity.min(notification.message.severity) > Severity::Info
        || has_open_alert(incident);
    // Lines that were not sent yet are kept and sent with the new ones, at their severity.
    incident.severity = max_unsent_severity(incident)
        .map_or(notification.message.severity, |unsent| {
            unsent.max(notification.message.severity)
        });
    if is_return {
        incident.reopened_at.push(notification.at);
        let surplus = incident.reopened_at.len().saturating_sub(MAX_RETURNS);
        incident.reopened_at.drain(..surplus);
        return;
    }
    incident.since = notification.at;
    incident.was_firing = false;
    incident.reopened_at.clear();
    for delivery in incident.deliveries.values_mut() {
        delivery.resolved = false;
        delivery.severity = None;
        delivery.open_severity = None;
        delivery.thread = None;
    }
}

/// Reports whether a channel has sent an alert, and not its resolution yet. It must stay the same alert.
fn has_open_alert(incident: &Incident) -> bool {
    incident
        .deliveries
        .values()
        .any(|delivery| delivery.open_severity > Some(Severity::Info) && !delivery.resolved)
}

/// Returns the highest severity of the lines that at least one channel has not sent.
fn max_unsent_severity(incident: &Incident) -> Option<Severity> {
    let sent = incident
        .deliveries
        .values()
        .map(|delivery| delivery.sent_lines)
        .min()
        .unwrap_or_default();
    let unsent = usize::try_from(incident.line_count.saturating_sub(sent)).unwrap_or_default();
    incident
        .lines
        .iter()
        .rev()
        .take(unsent)
        .map(|line| line.severity)
        .max()
}

/// Reports whether a condition equals another one or is a part of it: resolving `heal` also
/// resolves `heal:1`.
fn is_same_or_part(condition: &str, whole: &str) -> bool {
    condition
        .strip_prefix(whole)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
}

/// Reports whether the condition was resolved after the time `at`, so that a notification of that
/// time is outdated.
fn was_resolved_after(incident: &Incident, condition: &str, at: Timestamp) -> bool {
    incident
        .resolved
        .iter()
        .any(|(whole, resolved_at)| is_same_or_part(condition, whole) && at < *resolved_at)
}

/// Appends a line, and drops the second oldest where there are too many: the first one says how the
/// incident started.
pub fn append_line(incident: &mut Incident, line: Line) {
    incident.lines.push(line);
    incident.line_count += 1;
    let surplus = incident.lines.len().saturating_sub(MAX_LINES);
    incident.lines.drain(1..=surplus);
    while incident.lines.len() > 2 && count_text_bytes(incident) > MAX_TEXT_BYTES {
        incident.lines.remove(1);
    }
}

fn count_text_bytes(incident: &Incident) -> usize {
    let lines = incident.lines.iter();
    lines
        .map(|line| line.title.len() + line.action.len() + line.why.len() + line.next.len())
        .sum()
}
