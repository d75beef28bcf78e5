//! Groups notifications into incidents, whatever their order and however often each one arrives.

use jiff::{SignedDuration, Timestamp};
use lamplighter::Function;
use lamplighter::notify::incident::{Incident, IncidentId, Line};
use lamplighter::notify::{
    ACKNOWLEDGED_PREFIX, ALARM_PREFIX, DATABASE_DOWN_CONDITION, Notification, SILENCE_PREFIX,
    Severity,
};
use lamplighter::ports::incidents::DispatcherState;

/// The time without a report after which a firing condition counts as resolved. Its reporter
/// repeats it every day.
pub const REPORT_TIMEOUT: SignedDuration = SignedDuration::from_hours(27);
/// The time after which a condition that AWS reports only once counts as resolved.
const AWS_REPORT_TIMEOUT: SignedDuration = SignedDuration::from_hours(7 * 24);
/// The key prefix of a failed job or deployment that Lamplighter did not start. AWS reports it
/// once.
pub const FAILED: &str = "failed:";
/// The key prefix of an alarm of the stack itself, which fires until CloudWatch reports OK.
pub const STACK_ALARM: &str = "own alarm:";
/// The time for which a resolved incident is kept, so that one which returns reopens it.
pub const RESOLVED_RETENTION: SignedDuration = SignedDuration::from_hours(1);
/// The number of lines kept per incident.
const MAX_LINES: usize = 20;

/// Adds a notification to the incident it belongs to. A notification that was added before changes
/// nothing.
pub fn ingest_notification(desk: &mut DispatcherState, notice: &Notification) {
    if !notice.is_from_aws() {
        let silence = desk.silences.entry(notice.target.clone()).or_default();
        // A notification that arrives late describes an older state.
        *silence = (notice.at, notice.silenced_until).max(*silence);
    }
    let key = notice.message.key.as_deref().unwrap_or_default();
    if let Some(token) = key.strip_prefix(ACKNOWLEDGED_PREFIX) {
        let meant = desk
            .incidents
            .values_mut()
            .filter(|incident| incident.occurrence_token() == token);
        meant.for_each(|incident| incident.acknowledged = true);
    }
    if key.starts_with(ACKNOWLEDGED_PREFIX) || key.starts_with(SILENCE_PREFIX) {
        return;
    }
    let id = IncidentId::for_target(&notice.target, &notice.cause());
    let ends = notice.is_from_aws() && notice.message.ends.is_some();
    if ends
        && desk
            .incidents
            .get(&id)
            .is_none_or(|incident| incident.resolved_at.is_some())
    {
        // An alarm that returns to OK without having fired is dropped; a recovered database is not.
        if notice.message.ends.as_deref() != Some(DATABASE_DOWN_CONDITION) {
            return;
        }
    }
    apply_notification(
        desk.incidents
            .entry(id)
            .or_insert_with(|| Incident::from_notification(notice)),
        notice,
    );
}

fn apply_notification(incident: &mut Incident, notice: &Notification) {
    let line = Line::from_notification(notice);
    if incident.lines.contains(&line) {
        return;
    }
    let message = &notice.message;
    let begins = message
        .begins
        .as_ref()
        .filter(|what| !is_outdated(incident, what, notice.at));
    if begins.is_none() && message.begins.is_some() {
        // It resolved before its notification arrived.
        return;
    }
    if begins.is_some() && incident.resolved_at.is_some() {
        reopen_incident(incident, notice);
    }
    // An alarm names no application; the first notification of an operation does.
    if let (None, Some(_)) = (&incident.app, &notice.app) {
        incident.app.clone_from(&notice.app);
    }
    incident.severity = incident.severity.max(message.severity);
    if let Some(what) = &message.ends {
        incident
            .firing
            .retain(|lasts, _| !is_same_or_part(lasts, what));
        incident.resolved.insert(what.clone(), notice.at);
    }
    // A daily report that a condition is still firing adds no line.
    let lasts = begins.is_some_and(|what| incident.firing.contains_key(what));
    if !lasts || incident.lines.iter().all(|known| known.title != line.title) {
        append_line(incident, line);
    }
    if let Some(what) = begins {
        incident.firing.insert(what.clone(), notice.at);
        incident.was_firing = true;
        incident.resolved_at = None;
    } else if incident.firing.is_empty() {
        incident.resolved_at = incident.resolved_at.max(Some(notice.at));
    }
}

/// Reopens a resolved incident, or starts a new one in its place, such as a release after a
/// release.
fn reopen_incident(incident: &mut Incident, notice: &Notification) {
    if incident.was_firing && incident.severity.min(notice.message.severity) > Severity::Info {
        incident.reopened_at.push(notice.at);
    } else {
        // Lines that were not sent yet are kept and sent with the new ones.
        let known = incident
            .deliveries
            .values()
            .map(|told| told.said)
            .min()
            .unwrap_or_default();
        let untold = usize::try_from(incident.line_count.saturating_sub(known)).unwrap_or_default();
        let worst = incident
            .lines
            .iter()
            .rev()
            .take(untold)
            .map(|line| line.severity)
            .max();
        incident.severity = worst
            .max(Some(notice.message.severity))
            .unwrap_or(notice.message.severity);
        (incident.since, incident.was_firing, incident.acknowledged) = (notice.at, false, false);
        incident.reopened_at.clear();
        for told in incident.deliveries.values_mut() {
            (told.resolved, told.severity, told.thread) = (false, None, None);
        }
    }
}

/// Reports whether resolving `what` also resolves `lasts`: they are equal, or `lasts` is a part of
/// `what`.
fn is_same_or_part(lasts: &str, what: &str) -> bool {
    lasts
        .strip_prefix(what)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
}

/// Reports whether the condition was resolved after the time `at`, so that the notification is
/// outdated.
fn is_outdated(incident: &Incident, what: &str, at: Timestamp) -> bool {
    incident
        .resolved
        .iter()
        .any(|(ended, over)| is_same_or_part(what, ended) && at < *over)
}

fn append_line(incident: &mut Incident, line: Line) {
    incident.lines.push(line);
    incident.line_count += 1;
    let surplus = incident.lines.len().saturating_sub(MAX_LINES);
    // The first line says what the incident began with.
    incident.lines.drain(1..=surplus);
}

/// Resolves conditions that have not been reported for too long, and drops old returns.
pub fn expire_conditions(desk: &mut DispatcherState, now: Timestamp) {
    for incident in desk.incidents.values_mut() {
        incident.firing.retain(|what, heard| {
            let once = what == DATABASE_DOWN_CONDITION
                || what.starts_with(ALARM_PREFIX)
                || what.starts_with(FAILED);
            what.starts_with(STACK_ALARM)
                || now.duration_since(*heard)
                    < if once {
                        AWS_REPORT_TIMEOUT
                    } else {
                        REPORT_TIMEOUT
                    }
        });
        if incident.firing.is_empty() && incident.resolved_at.is_none() {
            incident.resolved_at = Some(now);
            if incident.severity > Severity::Info {
                append_line(incident, expiry_line(now));
            }
        }
        let comes_back = |at: &Timestamp| now.duration_since(*at) < RESOLVED_RETENTION;
        incident.reopened_at.retain(comes_back);
    }
}

fn expiry_line(now: Timestamp) -> Line {
    Line {
        at: now,
        severity: Severity::Info,
        source: Function::Alert.name().to_owned(),
        action: String::new(),
        title: "is taken as over".to_owned(),
        why: "Nothing was heard of it for longer than whoever says it waits: a day, or a week of what AWS says."
            .to_owned(),
        next: "Look whether it is well; it is told again if not.".to_owned(),
        begins: None,
    }
}
