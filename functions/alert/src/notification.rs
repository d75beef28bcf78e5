//! Decides which notification of an incident a channel gets now. No clock, no I/O.
//!
//! The constants are Alertmanager's. `group_wait` (30 s) is the batch window of the notification
//! queue; `group_interval` (5 min) and `repeat_interval` (4 h) are applied here.
//! Source: <https://prometheus.io/docs/alerting/latest/configuration/#route>

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::Cause;
use lamplighter::notify::incident::{DeliveryState, Incident, IncidentId};
use lamplighter::notify::{ALARM_PREFIX, DATABASE_DOWN_CONDITION, RELEASE_CONDITION, Severity};
use lamplighter::ports::incidents::DispatcherState;

use crate::grouping::RESOLVED_RETENTION;

/// The time between two reminders of an incident that is still firing.
pub const REPEAT_INTERVAL: SignedDuration = SignedDuration::from_hours(4);
/// The number of returns within an hour from which an incident counts as flapping.
const FLAPPING_RETURNS: usize = 3;
/// The time without a change after which an incident no longer counts as flapping.
const FLAPPING_QUIET_PERIOD: SignedDuration = SignedDuration::from_mins(30);
/// The longest time for which a release inhibits the other notifications of its service.
const MAX_RELEASE_INHIBITION: SignedDuration = SignedDuration::from_hours(1);
/// The longest time for which an unavailable database inhibits the notifications of its
/// application's services.
const MAX_DATABASE_INHIBITION: SignedDuration = SignedDuration::from_hours(4);
/// The time after which a resolved incident is dropped, even if notifications are still pending.
const MAX_RESOLVED_RETENTION: SignedDuration = SignedDuration::from_hours(24);

/// The kind of a notification about an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotificationKind {
    /// The first notification of an incident that is firing.
    Firing,
    /// News that does not stay firing.
    Info,
    /// A change of an incident that was notified before.
    Updated,
    /// A reminder: nothing has changed and the incident is still firing.
    Reminder,
    Resolved,
    /// The incident is flapping; no more notifications follow until it is quiet.
    Flaps,
}

/// Returns the kind of notification that a channel must send about an incident now, if any.
#[must_use]
pub fn due_kind(
    incident: &Incident,
    channel: &str,
    interval: SignedDuration,
    now: Timestamp,
) -> Option<NotificationKind> {
    let (told, at) = match incident.deliveries.get(channel) {
        Some(told @ DeliveryState { at: Some(at), .. }) => (told, *at),
        Some(_) => return Some(first_kind(incident)),
        None => return (!was_resolved_before_notified(incident)).then(|| first_kind(incident)),
    };
    let (is_over, waited) = (incident.resolved_at.is_some(), now.duration_since(at));
    let worse = incident.line_count > told.said && Some(incident.severity) > told.severity;
    if is_flapping(incident, now) && !worse {
        return (!told.flapping).then_some(NotificationKind::Flaps);
    }
    if worse || has_unsent_changes(incident, told) && waited >= interval {
        return Some(
            match (is_over && incident.was_firing, last_line_is_info(incident)) {
                (true, true) => NotificationKind::Resolved,
                (false, _) if incident.was_firing => NotificationKind::Updated,
                (true, false) | (false, _) => NotificationKind::Info,
            },
        );
    }
    let reminds = !is_over && incident.severity > Severity::Info && !incident.acknowledged;
    (reminds && waited >= REPEAT_INTERVAL).then_some(NotificationKind::Reminder)
}

/// Reports whether the incident has lines the channel has not sent, or a change of its resolution
/// worth sending.
fn has_unsent_changes(incident: &Incident, told: &DeliveryState) -> bool {
    incident.line_count > told.said
        || incident.resolved_at.is_some() != told.resolved && incident.severity > Severity::Info
}

fn first_kind(incident: &Incident) -> NotificationKind {
    if incident.was_firing && (incident.resolved_at.is_none() || last_line_is_info(incident)) {
        NotificationKind::Firing
    } else {
        NotificationKind::Info
    }
}

/// Reports whether the last line is informational. A release that ends with a rollback does not end
/// well.
fn last_line_is_info(incident: &Incident) -> bool {
    incident
        .lines
        .last()
        .is_none_or(|line| line.severity == Severity::Info)
}

/// Reports whether the incident resolved before it had to be notified.
fn was_resolved_before_notified(incident: &Incident) -> bool {
    // A warning without a firing condition must be sent, even if it came during a quick release.
    let mut troubles = incident
        .lines
        .iter()
        .filter(|line| line.severity > Severity::Info)
        .peekable();
    let was_trouble = incident.was_firing
        && troubles.peek().is_some()
        && troubles.all(|line| line.begins.is_some());
    incident.lines.is_empty()
        || was_trouble && incident.resolved_at.is_some() && last_line_is_info(incident)
}

fn is_flapping(incident: &Incident, now: Timestamp) -> bool {
    let changed = incident
        .reopened_at
        .last()
        .copied()
        .max(incident.resolved_at);
    incident.reopened_at.len() >= FLAPPING_RETURNS
        && changed.is_some_and(|at| now.duration_since(at) < FLAPPING_QUIET_PERIOD)
}

/// Returns why an incident is suppressed for now: its target is silenced, or another incident
/// inhibits it.
#[must_use]
pub fn suppression_reason(
    incident: &Incident,
    desk: &DispatcherState,
    now: Timestamp,
) -> Option<String> {
    let silence = desk
        .silences
        .get(&incident.target)
        .and_then(|(_, until)| *until);
    if let Some(until) = silence.filter(|until| now < *until) {
        return Some(format!("silenced until {until}"));
    }
    incident.target.ecs_cluster_and_name()?;
    // A resolution follows its alert, so it is never inhibited.
    if incident.resolved_at.is_some() && was_notified(incident) {
        return None;
    }
    let others = desk
        .incidents
        .values()
        .filter(|other| other.resolved_at.is_none());
    others.into_iter().find_map(|other| {
        let down = other
            .firing
            .get(DATABASE_DOWN_CONDITION)
            .filter(|_| other.severity == Severity::Critical);
        let is_down =
            down.is_some_and(|since| now.duration_since(*since) < MAX_DATABASE_INHIBITION);
        if is_down && other.app.is_some() && other.app == incident.app {
            return Some(format!("{} is down", other.name));
        }
        // An alarm created by the user may be about just this release.
        let is_its_own = incident.cause == Cause::Health
            && !incident
                .firing
                .keys()
                .any(|what| what.starts_with(ALARM_PREFIX));
        let began = other
            .firing
            .get(RELEASE_CONDITION)
            .filter(|_| is_its_own && other.target == incident.target)?;
        (now.duration_since(*began) < MAX_RELEASE_INHIBITION)
            .then(|| "a release is rolled out".to_owned())
    })
}

fn was_notified(incident: &Incident) -> bool {
    incident.deliveries.values().any(|told| told.at.is_some())
}

fn is_informational(incident: &Incident) -> bool {
    !incident.was_firing || incident.severity == Severity::Info
}

/// Records that a channel sent everything there is to know about an incident.
pub fn mark_notified(
    incident: &mut Incident,
    channel: &str,
    kind: NotificationKind,
    thread: Option<String>,
    now: Timestamp,
) {
    // If the trouble is resolved by now, the resolution must follow: an alert must not stay open.
    let is_told = is_informational(incident)
        || !matches!(kind, NotificationKind::Firing | NotificationKind::Flaps);
    let told = incident.deliveries.entry(channel.to_owned()).or_default();
    *told = DeliveryState {
        at: Some(now),
        said: incident.line_count,
        severity: Some(incident.severity),
        resolved: incident.resolved_at.is_some() && is_told,
        flapping: kind == NotificationKind::Flaps,
        thread: thread.or(told.thread.take()),
    };
}

/// Returns the incidents that resolved long enough ago and have no pending notifications.
#[must_use]
pub fn list_expired_incidents(desk: &DispatcherState, now: Timestamp) -> Vec<IncidentId> {
    let is_owed = |incident: &Incident| {
        incident
            .deliveries
            .values()
            .any(|told| has_unsent_changes(incident, told))
    };
    let old = desk.incidents.iter().filter(|(_, incident)| {
        let over = |ago| {
            incident
                .resolved_at
                .is_some_and(|over| now.duration_since(over) >= ago)
        };
        over(MAX_RESOLVED_RETENTION)
            || over(RESOLVED_RETENTION)
                && (!is_owed(incident)
                    || suppression_reason(incident, desk, now).is_some() && !was_notified(incident))
    });
    old.map(|(id, _)| id.clone()).collect()
}
