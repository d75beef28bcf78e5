//! Incidents of Lamplighter's own alarms: which of them people hear about, and when they are over. Pure.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use lamplighter::engine::TargetContext;
use lamplighter::model::{AlarmKind, AlarmState, ExistingAlarm};
use lamplighter::notify::{Message, Severity};
use lamplighter::policy::{HealMode, HealPolicy, Managed};
use lamplighter::state::TargetState;

use crate::alarm_messages::{self, AlarmFacts, ScalingLimit};
use crate::alarm_spec::GIB;
use crate::alarm_words::last_part;
use crate::instance_class::max_connections;
use crate::observed::{Observed, Subject};
use crate::policy::Policy;
use crate::subject_alarms::subject_alarms;

/// The prefixes of the notification keys of these incidents. An alarm has at most one of both: that of its severity.
const WARNING_PREFIX: &str = "target-alarm:";
const CRITICAL_PREFIX: &str = "target-alarm-critical:";
/// How far before an alarm its causes are searched.
pub const TIMELINE: SignedDuration = SignedDuration::from_mins(30);
/// The age of an alarm at which CloudTrail knows what happened before it, and until which it is asked.
const CLOUDTRAIL_LAG: SignedDuration = SignedDuration::from_mins(5);
const CLOUDTRAIL_UNTIL: SignedDuration = SignedDuration::from_mins(20);
/// The alarms on load, by which Application Auto Scaling may scale.
const LOAD: [AlarmKind; 3] = [AlarmKind::Cpu, AlarmKind::Memory, AlarmKind::Requests];

fn warning_key(name: &str) -> String {
    format!("{WARNING_PREFIX}{}", last_part(name))
}

fn critical_key(name: &str) -> String {
    format!("{CRITICAL_PREFIX}{}", last_part(name))
}

/// Returns the key of the notification about the calls before an alarm that fires since a time.
fn calls_key(name: &str, since: Timestamp) -> String {
    format!("target-alarm-calls:{}:{since}", last_part(name))
}

/// Returns the key under which people were notified about an alarm, if they were.
fn find_notified_key(state: &TargetState, name: &str) -> Option<String> {
    [critical_key(name), warning_key(name)]
        .into_iter()
        .find(|key| state.was_notified(key))
}

/// Reports whether a message about an alarm may be due, which needs its values: the first one, one with a higher severity,
/// or the resolution.
pub fn needs_values(
    context: TargetContext<'_, Policy>,
    subject: &Subject,
    alarm: &ExistingAlarm,
) -> bool {
    let is_notified = find_notified_key(context.state, &alarm.name).is_some();
    let tags = &context.target.tags;
    match alarm.state {
        AlarmState::Alarm => is_notified || is_incident(context.policy, tags, subject, &alarm.name),
        AlarmState::Ok => is_notified,
        AlarmState::InsufficientData => false,
    }
}

/// Reports whether the message about the calls before an alarm is due.
pub fn needs_calls(state: &TargetState, alarm: &ExistingAlarm, now: Timestamp) -> bool {
    alarm.state_since.is_some_and(|since| {
        let age = now.duration_since(since);
        alarm.state == AlarmState::Alarm
            && find_notified_key(state, &alarm.name).is_some()
            && (CLOUDTRAIL_LAG..CLOUDTRAIL_UNTIL).contains(&age)
            && !state.was_notified(&calls_key(&alarm.name, since))
    })
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
    // Which alarms are wanted is unknown while a tag is invalid.
    let keeps_all = is_managed && context.policy.invalid.is_some();
    let is_wanted = |name: &str| keeps_all || wanted.iter().any(|spec| spec.name == name);
    let mut messages = Vec::new();
    for own in observed.alarms.iter().filter(|own| own.is_ours) {
        if is_wanted(&own.existing.name) {
            messages.extend(report_alarm(context, observed, &own.existing, now));
        }
    }
    messages.extend(close_ended_incidents(context.state, observed, is_wanted));
    messages
}

fn report_alarm(
    context: TargetContext<'_, Policy>,
    observed: &Observed,
    alarm: &ExistingAlarm,
    now: Timestamp,
) -> Vec<Message> {
    let notified = find_notified_key(context.state, &alarm.name);
    let notified_at = notified
        .as_ref()
        .and_then(|key| context.state.notified.get(key));
    // Another invocation has reported what is newer than this observation.
    if notified_at.is_some_and(|at| *at > observed.at) {
        return Vec::new();
    }
    let details = observed.find_details(&alarm.name);
    match (alarm.state, notified) {
        (_, Some(key)) if observed.is_stopped() => {
            vec![alarm_messages::stopped_message(&alarm.name).resolves(key)]
        }
        (AlarmState::Alarm, notified) if is_reported(context, observed, alarm) => {
            let since = alarm.state_since.unwrap_or(now);
            let facts = AlarmFacts {
                is_service: matches!(observed.subject, Subject::Service { .. }),
                scaling: find_scaling_limit(context.policy, &observed.subject, &alarm.name),
                capacity: find_capacity(&observed.subject, &alarm.name),
                timeline: context.state.list_timeline(since - TIMELINE, since),
                deployed: context.state.find_deployed_image(since - TIMELINE, since),
                now,
            };
            let firing = alarm_messages::firing_message(alarm, &details, &facts, since);
            let firing = assign_key(firing, &alarm.name, notified);
            let calls = alarm_messages::calls_message(alarm, &details.calls)
                .map(|message| message.deduplicated_by(calls_key(&alarm.name, since)));
            std::iter::once(firing).chain(calls).collect()
        }
        (AlarmState::Ok, Some(key)) => {
            vec![alarm_messages::resolved_message(alarm, &details).resolves(key)]
        }
        // No data is no recovery.
        (AlarmState::Alarm | AlarmState::Ok | AlarmState::InsufficientData, _) => Vec::new(),
    }
}

/// Gives a message about a firing alarm the key of its severity. A higher one replaces the lower one; a critical alarm that
/// gets better stays critical until it is over.
fn assign_key(message: Message, name: &str, notified: Option<String>) -> Message {
    let (warning, critical) = (warning_key(name), critical_key(name));
    let is_critical = message.severity == Severity::Critical;
    match notified {
        Some(key) if key == warning && is_critical => {
            message.resolves(warning).fires_until_resolved(critical)
        }
        Some(key) => message.fires_until_resolved(key),
        None if is_critical => message.fires_until_resolved(critical),
        None => message.fires_until_resolved(warning),
    }
}

/// Closes the incidents of alarms that are gone: the target is no longer managed, or has no such alarm any more.
fn close_ended_incidents(
    state: &TargetState,
    observed: &Observed,
    is_wanted: impl Fn(&str) -> bool,
) -> Vec<Message> {
    let known: BTreeSet<&str> = observed
        .alarms
        .iter()
        .filter(|own| own.is_ours && is_wanted(&own.existing.name))
        .map(|own| last_part(&own.existing.name))
        .collect();
    let keys: BTreeSet<&str> = state.list_notified_keys().collect();
    keys.into_iter()
        .filter_map(|key| {
            let kind = key
                .strip_prefix(WARNING_PREFIX)
                .or_else(|| key.strip_prefix(CRITICAL_PREFIX))?;
            (!known.contains(kind)).then(|| alarm_messages::removed_message(kind).resolves(key))
        })
        .collect()
}

/// Reports whether an alarm that fires is an incident, now or since it was notified.
pub fn is_reported(
    context: TargetContext<'_, Policy>,
    observed: &Observed,
    alarm: &ExistingAlarm,
) -> bool {
    find_notified_key(context.state, &alarm.name).is_some()
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
    let kind = AlarmKind::of_alarm(alarm);
    if kind == AlarmKind::NoHealthyTarget {
        // `heal` does not see a service without any registered target. A release and a first start report on their own.
        return !service.has_rollout_in_progress();
    }
    if kind == AlarmKind::UnhealthyTargets {
        // `heal` acts on it, and reports it.
        return HealPolicy::from_tags(tags).is_ok_and(|policy| policy.mode == HealMode::Off);
    }
    // In observe mode nothing else acts.
    policy.managed == Managed::Observe
        || find_scaling_limit(policy, subject, alarm) != ScalingLimit::NotReached
}

/// Returns all there is of what an alarm on a database measures; `None` if that is unknown.
fn find_capacity(subject: &Subject, alarm: &str) -> Option<f64> {
    let Subject::Database(database) = subject else {
        return None;
    };
    match AlarmKind::of_alarm(alarm) {
        AlarmKind::FreeStorage => database.allocated_gib.map(|gib| f64::from(gib) * GIB),
        AlarmKind::Connections => max_connections(database),
        _ => None,
    }
}

/// Returns how far the scaling by what an alarm measures can still go.
fn find_scaling_limit(policy: &Policy, subject: &Subject, alarm: &str) -> ScalingLimit {
    let Subject::Service { service, .. } = subject else {
        return ScalingLimit::NotScaled;
    };
    match find_maximum(policy, subject, alarm) {
        None => ScalingLimit::NotScaled,
        Some(maximum) if service.desired_count.unsigned_abs() >= maximum => {
            ScalingLimit::Reached(maximum)
        }
        Some(_) if policy.managed == Managed::Observe => ScalingLimit::Observed,
        Some(_) => ScalingLimit::NotReached,
    }
}

/// Returns the most tasks of a service that is scaled by what an alarm measures; `None` if it isn't.
fn find_maximum(policy: &Policy, subject: &Subject, alarm: &str) -> Option<u32> {
    let Subject::Service { scalable, .. } = subject else {
        return None;
    };
    let scale = policy.scale.as_ref();
    let auto_scaled = scalable.as_ref().map(|scalable| scalable.max);
    let kind = AlarmKind::of_alarm(alarm);
    match scale {
        Some(scale) => Some(auto_scaled.unwrap_or(scale.max)).filter(|_| scale.starts_from(kind)),
        None => auto_scaled.filter(|_| LOAD.contains(&kind)),
    }
}

/// Reports whether a target must be looked at again soon: an alarm of it fires, or was notified and isn't OK again.
pub fn needs_follow_up(observed: &Observed, state: &TargetState) -> bool {
    observed.alarms.iter().filter(|own| own.is_ours).any(|own| {
        let alarm = &own.existing;
        match alarm.state {
            AlarmState::Alarm => true,
            AlarmState::InsufficientData => find_notified_key(state, &alarm.name).is_some(),
            AlarmState::Ok => false,
        }
    })
}
