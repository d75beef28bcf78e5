//! Incidents of Lamplighter's own alarms: which of them people hear about, and when they are over. Pure.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use lamplighter::engine::TargetContext;
use lamplighter::model::{AlarmState, ExistingAlarm};
use lamplighter::notify::Message;
use lamplighter::policy::{HealMode, HealPolicy};
use lamplighter::state::TargetState;

use crate::alarm_kind::AlarmKind;
use crate::alarm_messages::{self, AlarmFacts};
use crate::alarm_names::alarm_kind;
use crate::observed::{Observed, Subject};
use crate::policy::Policy;
use crate::subject_alarms::subject_alarms;

/// The prefix of the notification keys of these incidents.
const KEY_PREFIX: &str = "target-alarm:";
/// How far before an alarm its causes are searched.
pub const TIMELINE: SignedDuration = SignedDuration::from_mins(30);
/// The age of an alarm at which CloudTrail knows what happened before it, and until which it is asked.
const CLOUDTRAIL_LAG: SignedDuration = SignedDuration::from_mins(5);
const CLOUDTRAIL_UNTIL: SignedDuration = SignedDuration::from_mins(20);

/// The detail that must be read about an alarm now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WantedDetail {
    /// Its values, for the first message or the resolution.
    Values,
    /// The calls before it, for the message that follows.
    Calls,
}

/// Returns the key of the notification about an alarm.
fn alarm_key(name: &str) -> String {
    format!("{KEY_PREFIX}{}", alarm_kind(name))
}

/// Returns the key of the notification about the calls before an alarm.
fn calls_key(name: &str) -> String {
    format!("{}:calls", alarm_key(name))
}

/// Returns what to read about an alarm; `None` if no message about it is due.
pub fn find_wanted_detail(
    context: TargetContext<'_, Policy>,
    subject: &Subject,
    alarm: &ExistingAlarm,
    now: Timestamp,
) -> Option<WantedDetail> {
    let state = context.state;
    let is_notified = state.was_notified(&alarm_key(&alarm.name));
    match (alarm.state, is_notified) {
        (AlarmState::Alarm, false) => {
            let tags = &context.target.tags;
            is_incident(context.policy, tags, subject, &alarm.name).then_some(WantedDetail::Values)
        }
        (AlarmState::Ok, true) => Some(WantedDetail::Values),
        (AlarmState::Alarm, true) => {
            let age = now.duration_since(alarm.state_since?);
            let is_due = (CLOUDTRAIL_LAG..CLOUDTRAIL_UNTIL).contains(&age);
            (is_due && !state.was_notified(&calls_key(&alarm.name))).then_some(WantedDetail::Calls)
        }
        (AlarmState::Ok, false) | (AlarmState::InsufficientData, _) => None,
    }
}

/// Returns the messages about the alarms of a target: firing, what changed before, and resolved.
pub fn report_alarms(
    context: TargetContext<'_, Policy>,
    observed: &Observed,
    is_managed: bool,
    now: Timestamp,
) -> Vec<Message> {
    let wanted = if is_managed {
        subject_alarms(context.policy, &observed.subject)
    } else {
        Vec::new()
    };
    let mut messages = Vec::new();
    for own in observed.alarms.iter().filter(|own| own.is_ours) {
        let alarm = &own.existing;
        if wanted.iter().any(|spec| spec.name == alarm.name) {
            messages.extend(report_alarm(context, observed, alarm, now));
        }
    }
    messages.extend(close_ended_incidents(context.state, observed, |name| {
        wanted.iter().any(|spec| spec.name == name)
    }));
    messages
}

fn report_alarm(
    context: TargetContext<'_, Policy>,
    observed: &Observed,
    alarm: &ExistingAlarm,
    now: Timestamp,
) -> Vec<Message> {
    let details = observed.find_details(&alarm.name);
    let key = alarm_key(&alarm.name);
    match alarm.state {
        AlarmState::Alarm if is_reported(context, observed, alarm) => {
            let since = alarm.state_since.unwrap_or(now);
            let facts = AlarmFacts {
                is_service: matches!(observed.subject, Subject::Service { .. }),
                maximum: find_maximum(context.policy, &observed.subject, &alarm.name),
                timeline: context.state.list_timeline(since - TIMELINE, since),
            };
            let firing = alarm_messages::firing_message(alarm, &details, &facts, since)
                .fires_until_resolved(&key);
            let calls = alarm_messages::calls_message(alarm, &details.calls)
                .map(|message| message.deduplicated_by(calls_key(&alarm.name)));
            std::iter::once(firing).chain(calls).collect()
        }
        AlarmState::Ok if context.state.was_notified(&key) => {
            let since = find_notification_time(context.state, &key);
            vec![
                alarm_messages::resolved_message(alarm, &details, since, now)
                    .resolves(&key)
                    .clears(key),
            ]
        }
        // No data is no recovery.
        AlarmState::Alarm | AlarmState::Ok | AlarmState::InsufficientData => Vec::new(),
    }
}

fn find_notification_time(state: &TargetState, key: &str) -> Option<Timestamp> {
    state.notified.get(key).copied()
}

/// Closes the incidents of alarms that are gone: the target is no longer managed, or has no such alarm any more.
fn close_ended_incidents(
    state: &TargetState,
    observed: &Observed,
    is_wanted: impl Fn(&str) -> bool,
) -> Vec<Message> {
    let known: Vec<String> = observed
        .alarms
        .iter()
        .filter(|own| own.is_ours && is_wanted(&own.existing.name))
        .map(|own| alarm_key(&own.existing.name))
        .collect();
    state
        .notified
        .keys()
        .filter(|key| key.starts_with(KEY_PREFIX) && !key.ends_with(":calls"))
        .filter(|key| !known.contains(key))
        .map(|key| {
            let kind = key.strip_prefix(KEY_PREFIX).unwrap_or_default();
            alarm_messages::removed_message(kind).resolves(key)
        })
        .collect()
}

/// Reports whether an alarm that fires is an incident, now or since it was notified.
pub fn is_reported(
    context: TargetContext<'_, Policy>,
    observed: &Observed,
    alarm: &ExistingAlarm,
) -> bool {
    context.state.was_notified(&alarm_key(&alarm.name))
        || is_incident(
            context.policy,
            &context.target.tags,
            &observed.subject,
            &alarm.name,
        )
}

/// Reports whether people must hear of an alarm that fires, because nothing else of Lamplighter acts on it.
pub fn is_incident(
    policy: &Policy,
    tags: &BTreeMap<String, String>,
    subject: &Subject,
    alarm: &str,
) -> bool {
    let Subject::Service { service, .. } = subject else {
        return true;
    };
    if service.status != "ACTIVE" || service.desired_count == 0 {
        return false;
    }
    if AlarmKind::of_alarm(alarm) == AlarmKind::UnhealthyTargets {
        // `heal` acts on it, and reports it.
        return HealPolicy::from_tags(tags).is_ok_and(|policy| policy.mode == HealMode::Off);
    }
    find_maximum(policy, subject, alarm)
        .is_none_or(|maximum| service.desired_count.unsigned_abs() >= maximum)
}

/// Returns the most tasks of a service that is scaled by what an alarm measures; `None` if it isn't.
fn find_maximum(policy: &Policy, subject: &Subject, alarm: &str) -> Option<u32> {
    let Subject::Service { scalable, .. } = subject else {
        return None;
    };
    let scale = policy.scale.as_ref();
    let auto_scaled = scalable.as_ref().map(|scalable| scalable.max);
    let maximum = auto_scaled.or(scale.map(|scale| scale.max));
    match AlarmKind::of_alarm(alarm) {
        AlarmKind::Cpu | AlarmKind::Requests => maximum,
        AlarmKind::Memory => match scale {
            Some(scale) => maximum.filter(|_| scale.memory.is_some()),
            None => auto_scaled,
        },
        AlarmKind::UnhealthyTargets
        | AlarmKind::Errors
        | AlarmKind::FreeStorage
        | AlarmKind::Connections
        | AlarmKind::ReplicaLag
        | AlarmKind::RecoveryPoint
        | AlarmKind::Other => None,
    }
}

/// Reports whether a target must be looked at again soon: an alarm of it fires.
pub fn has_firing_alarm(observed: &Observed) -> bool {
    observed
        .alarms
        .iter()
        .any(|own| own.is_ours && own.existing.state == AlarmState::Alarm)
}
