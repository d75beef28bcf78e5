//! The messages about Lamplighter's own alarms: value, bound, since when, the minutes before, and what changed.

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::{Cause, CloudTrailEvent, Digest, ExistingAlarm, Series, pluralize};
use lamplighter::notify::{Message, Offer, Severity, draw_sparkline};
use lamplighter::state::TimelineEntry;

use crate::alarm_details::AlarmDetails;
use crate::alarm_kind::AlarmKind;
use crate::alarm_names::alarm_kind;
use crate::database_alarms::CONNECTIONS_SHARE;

/// The share of failed requests from which errors are critical.
const CRITICAL_ERROR_SHARE: f64 = 0.5;
/// The share of the limit of free storage below which a database is about to stop: a fortieth of its storage.
const CRITICAL_STORAGE_SHARE: f64 = 0.25;
/// The share of all connections from which new ones are about to fail.
const CRITICAL_CONNECTIONS_SHARE: f64 = 0.97;
/// The number of calls that one message lists.
const MAX_CALLS: usize = 5;

/// What a message says of the target of an alarm.
#[derive(Debug, Clone, Default)]
pub struct AlarmFacts {
    pub is_service: bool,
    pub scaling: ScalingLimit,
    /// What Lamplighter changed in the 30 minutes before.
    pub timeline: Vec<TimelineEntry>,
    /// The image that was deployed last within these 30 minutes.
    pub deployed: Option<Digest>,
    pub now: Timestamp,
}

/// How far the scaling of a service by what an alarm measures can still go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ScalingLimit {
    /// The target isn't scaled by it.
    #[default]
    NotScaled,
    /// More tasks are allowed.
    NotReached,
    /// More tasks are allowed, but nothing adds them: the target is only observed.
    Observed,
    /// The service runs the most tasks that it may.
    Reached(u32),
}

/// Announces an alarm that fires: `412 HTTP 5xx responses a minute, 96 % of requests, since 03:12 UTC, limit 10`.
pub fn firing_message(
    alarm: &ExistingAlarm,
    details: &AlarmDetails,
    facts: &AlarmFacts,
    since: Timestamp,
) -> Message {
    let kind = AlarmKind::of_alarm(&alarm.name);
    let value = details.values.values().next_back().copied();
    let limit = alarm.alarm.as_ref().map(|settings| settings.threshold);
    let share = find_error_share(kind, details);
    let impact = share.map_or(String::new(), |share| {
        format!(", {:.0} % of requests,", share * 100.0)
    });
    let title = format!(
        "{}{impact} since {}{}",
        kind.describe_value(value, alarm),
        format_since(since, facts.now),
        limit.map_or(String::new(), |limit| format!(
            ", limit {}",
            kind.format_limit(limit, alarm)
        )),
    );
    let mut message = match find_severity(kind, value, limit, share) {
        Severity::Critical => Message::critical(title),
        Severity::Warning | Severity::Info => Message::warning(title),
    };
    message = message
        .action(describe_action(kind, facts.scaling))
        .why(format!(
            "{}{}",
            describe_values(kind, &details.values, alarm),
            describe_timeline(&facts.timeline)
        ))
        .next(kind.advise(facts.is_service, facts.scaling != ScalingLimit::NotScaled));
    if let Some(digest) = &facts.deployed {
        message = message.offers(Offer::RollBack(digest.clone()));
    }
    message.caused_by(kind.cause())
}

/// Formats the start of an alarm, with its date if it is not of the last day.
fn format_since(since: Timestamp, now: Timestamp) -> String {
    let format = if now.duration_since(since) < SignedDuration::from_hours(24) {
        "%H:%M UTC"
    } else {
        "%F %H:%M UTC"
    };
    since.strftime(format).to_string()
}

/// Says why Lamplighter does nothing about an alarm.
fn describe_action(kind: AlarmKind, scaling: ScalingLimit) -> String {
    match (scaling, kind) {
        (ScalingLimit::Reached(maximum), _) => format!(
            "Lamplighter adds no task: the service runs its maximum of {}.",
            pluralize(usize::try_from(maximum).unwrap_or_default(), "task")
        ),
        (ScalingLimit::NotReached, _) => {
            "Lamplighter adds tasks within a few minutes, up to the maximum.".to_owned()
        }
        (ScalingLimit::Observed, _) => {
            "Lamplighter adds no task: it only observes this service.".to_owned()
        }
        (ScalingLimit::NotScaled, AlarmKind::Cpu | AlarmKind::Memory | AlarmKind::Requests) => {
            "Lamplighter adds nothing: no tag lets it scale by this measure.".to_owned()
        }
        (
            ScalingLimit::NotScaled,
            AlarmKind::UnhealthyTargets
            | AlarmKind::Errors
            | AlarmKind::FreeStorage
            | AlarmKind::Connections
            | AlarmKind::ReplicaLag
            | AlarmKind::RecoveryPoint
            | AlarmKind::Other,
        ) => "Lamplighter reports this and changes nothing.".to_owned(),
    }
}

/// Judges an alarm by what it means for users.
fn find_severity(
    kind: AlarmKind,
    value: Option<f64>,
    limit: Option<f64>,
    share: Option<f64>,
) -> Severity {
    let is_critical = match kind {
        AlarmKind::Errors => share.is_some_and(|share| share >= CRITICAL_ERROR_SHARE),
        AlarmKind::FreeStorage => value
            .zip(limit)
            .is_some_and(|(free, limit)| free <= limit * CRITICAL_STORAGE_SHARE),
        AlarmKind::Connections => value.zip(limit).is_some_and(|(used, limit)| {
            used >= limit / CONNECTIONS_SHARE * CRITICAL_CONNECTIONS_SHARE
        }),
        AlarmKind::Cpu
        | AlarmKind::Memory
        | AlarmKind::Requests
        | AlarmKind::UnhealthyTargets
        | AlarmKind::ReplicaLag
        | AlarmKind::RecoveryPoint
        | AlarmKind::Other => false,
    };
    if is_critical {
        Severity::Critical
    } else {
        Severity::Warning
    }
}

/// Returns the share of requests that failed in the last minute; `None` for other alarms or without requests.
fn find_error_share(kind: AlarmKind, details: &AlarmDetails) -> Option<f64> {
    let (at, errors) = details.values.last_key_value()?;
    let requests = details.requests.get(at).copied()?;
    (kind == AlarmKind::Errors && requests > 0.0).then(|| (errors / requests).min(1.0))
}

/// Draws the values of the last minutes with their range, as a sentence.
fn describe_values(kind: AlarmKind, values: &Series, alarm: &ExistingAlarm) -> String {
    let numbers: Vec<f64> = values.values().copied().collect();
    let (Some(least), Some(greatest)) = (
        numbers.iter().copied().reduce(f64::min),
        numbers.iter().copied().reduce(f64::max),
    ) else {
        return format!("CloudWatch: {}", alarm.state_reason);
    };
    format!(
        "Last {} min: {} ({} to {}).",
        numbers.len(),
        draw_sparkline(&numbers),
        kind.format_number(least),
        kind.format_limit(greatest, alarm)
    )
}

/// Lists what changed before, one line each.
fn describe_timeline(timeline: &[TimelineEntry]) -> String {
    if timeline.is_empty() {
        return " Lamplighter changed nothing in the 30 minutes before.".to_owned();
    }
    let lines: Vec<String> = timeline
        .iter()
        .map(|entry| format!("\n  {} {}", entry.at.strftime("%H:%M UTC"), entry.what))
        .collect();
    format!("\nIn the 30 minutes before:{}", lines.concat())
}

/// Reports the newest calls before an alarm that CloudTrail knows by now; `None` without any. `calls`: oldest first.
pub fn calls_message(alarm: &ExistingAlarm, calls: &[CloudTrailEvent]) -> Option<Message> {
    let kind = AlarmKind::of_alarm(&alarm.name);
    let newest = calls.len().saturating_sub(MAX_CALLS);
    let lines: Vec<String> = calls
        .iter()
        .skip(newest)
        .map(|call| {
            format!(
                "\n  {} {} by {}",
                call.at.strftime("%H:%M UTC"),
                call.call,
                call.by
            )
        })
        .collect();
    (!lines.is_empty()).then(|| {
        Message::info(format!(
            "changed before the alarm {}",
            alarm_kind(&alarm.name)
        ))
        .why(format!(
            "CloudTrail knows of calls in the 30 minutes before:{}",
            lines.concat()
        ))
        .next("Look at these changes first.")
        .caused_by(kind.cause())
    })
}

/// Announces that an alarm is back within its limit.
pub fn resolved_message(alarm: &ExistingAlarm, details: &AlarmDetails) -> Message {
    let kind = AlarmKind::of_alarm(&alarm.name);
    let value = details.values.values().next_back().copied();
    Message::info(format!(
        "{} - back within the limit",
        kind.describe_value(value, alarm)
    ))
    .why(describe_values(kind, &details.values, alarm))
    .next("Nothing to do.")
    .caused_by(kind.cause())
}

/// Closes the incident of an alarm whose service runs nothing any more.
pub fn stopped_message(alarm: &str) -> Message {
    let cause = AlarmKind::of_alarm(alarm).cause();
    Message::info(format!(
        "incident closed - {} of a stopped service",
        alarm_kind(alarm)
    ))
    .why("The service is stopped or deleted, so that nothing is measured any more.")
    .next("Nothing to do.")
    .caused_by(cause)
}

/// Closes the incident of an alarm that no longer exists.
pub fn removed_message(kind: &str) -> Message {
    let cause: Cause = AlarmKind::of_alarm(kind).cause();
    Message::info(format!("incident closed - alarm {kind} removed"))
        .why("The target is no longer managed, or its tags ask for no such alarm any more.")
        .next("Nothing to do.")
        .caused_by(cause)
}
