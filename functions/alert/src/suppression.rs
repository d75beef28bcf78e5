//! Decides which incidents are suppressed for now: silenced by a tag, or inhibited by another
//! incident that explains them.

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::Cause;
use lamplighter::notify::incident::Incident;
use lamplighter::notify::{DATABASE_DOWN_CONDITION, RELEASE_CONDITION, Severity};
use lamplighter::ports::incidents::DispatcherState;

use crate::conditions::ConditionKind;

/// The longest time for which a release inhibits the other notifications of its service.
const MAX_RELEASE_INHIBITION: SignedDuration = SignedDuration::from_hours(1);
/// The longest time for which an unavailable database inhibits the notifications of its
/// application's services.
const MAX_DATABASE_INHIBITION: SignedDuration = SignedDuration::from_hours(4);

/// Returns why an incident is suppressed for now: its target is silenced, or another incident
/// inhibits it.
#[must_use]
pub fn suppression_reason(
    incident: &Incident,
    state: &DispatcherState,
    now: Timestamp,
) -> Option<String> {
    // A resolution follows its alert, so nothing holds it back: an alert in PagerDuty would stay open.
    if incident.resolved_at.is_some() && has_open_alert(incident) {
        return None;
    }
    silence_reason(incident, state, now).or_else(|| inhibition_reason(incident, state, now))
}

/// Reports whether a channel has sent an alert about the incident, and not yet its resolution.
fn has_open_alert(incident: &Incident) -> bool {
    let was_sent = incident.deliveries.values().any(|delivery| {
        delivery.at.is_some() && delivery.open_severity.is_some() && !delivery.resolved
    });
    was_sent && incident.was_firing && incident.severity > Severity::Info
}

fn silence_reason(incident: &Incident, state: &DispatcherState, now: Timestamp) -> Option<String> {
    // Requests about several targets are heard of whatever they silence.
    if incident.target.is_all_targets() {
        return None;
    }
    // The daily report says what is silenced.
    let is_report = matches!(incident.cause, Cause::Report(_));
    let everything = incident.target.all_targets();
    [&incident.target, &everything]
        .into_iter()
        .filter(|target| !is_report || **target == incident.target)
        .filter_map(|target| state.silences.get(target)?.1)
        .max()
        .filter(|until| now < *until)
        .map(|until| format!("silenced until {until}"))
}

fn inhibition_reason(
    incident: &Incident,
    state: &DispatcherState,
    now: Timestamp,
) -> Option<String> {
    // Only services depend on databases and releases.
    incident.target.ecs_cluster_and_name()?;
    state
        .incidents
        .values()
        .filter(|other| other.resolved_at.is_none())
        .find_map(|other| {
            database_inhibition(incident, other, now)
                .or_else(|| release_inhibition(incident, other, now))
        })
}

/// Returns a reason if the other incident is an unavailable database of the same application.
fn database_inhibition(incident: &Incident, other: &Incident, now: Timestamp) -> Option<String> {
    let since = other.firing.get(DATABASE_DOWN_CONDITION)?;
    let is_down = other.severity == Severity::Critical
        && now.duration_since(*since) < MAX_DATABASE_INHIBITION;
    let is_shared = other.app.is_some() && other.app == incident.app;
    (is_down && is_shared).then(|| format!("the database {} is down", other.name))
}

/// Returns a reason if the other incident is a release of the same service.
fn release_inhibition(incident: &Incident, other: &Incident, now: Timestamp) -> Option<String> {
    let since = other.firing.get(RELEASE_CONDITION)?;
    let is_recent = now.duration_since(*since) < MAX_RELEASE_INHIBITION;
    let is_explained = other.target == incident.target && can_be_caused_by_release(incident);
    (is_recent && is_explained).then(|| "a release is in progress".to_owned())
}

/// Reports whether a release in progress can explain an incident: the health of its tasks. A critical one is never
/// inhibited: nothing serves, whatever explains it. Nor is an alarm of the user, which may have been created to watch
/// releases.
fn can_be_caused_by_release(incident: &Incident) -> bool {
    let has_user_alarm = incident
        .firing
        .keys()
        .any(|condition| ConditionKind::from_key(condition) == ConditionKind::UserAlarm);
    incident.cause == Cause::Health && incident.severity < Severity::Critical && !has_user_alarm
}
