//! The messages about Lamplighter's own alarms: value, bound, since when, the minutes before, and what changed.

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::{
    AlarmKind, Cause, CloudTrailEvent, Digest, ExistingAlarm, Series, pluralize,
};
use lamplighter::notify::{Message, Offer, Severity, draw_sparkline};
use lamplighter::state::TimelineEntry;

use crate::alarm_details::AlarmDetails;
use crate::alarm_words::{
    advise, describe_value, find_cause, format_range, format_value, last_part,
};

/// The share of failed requests from which errors are critical, in percent.
const CRITICAL_ERRORS_PERCENT: f64 = 50.0;
/// The share of its storage below which a database is about to stop.
const CRITICAL_STORAGE_SHARE: f64 = 0.025;
/// The share of all connections from which new ones are about to fail.
const CRITICAL_CONNECTIONS_SHARE: f64 = 0.97;
/// The number of calls that one message lists.
const MAX_CALLS: usize = 5;

/// What a message says of the target of an alarm.
#[derive(Debug, Clone, Default)]
pub struct AlarmFacts {
    pub is_service: bool,
    pub scaling: ScalingLimit,
    /// All there is of what the alarm measures: bytes of storage, or connections. `None` if unknown.
    pub capacity: Option<f64>,
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

/// Announces an alarm that fires: `96 % of requests fail with HTTP 5xx since 03:12 UTC, limit 2 %`.
pub fn firing_message(
    alarm: &ExistingAlarm,
    details: &AlarmDetails,
    facts: &AlarmFacts,
    since: Timestamp,
) -> Message {
    let kind = AlarmKind::of_alarm(&alarm.name);
    let value = details.newest_value(alarm.alarm.as_ref());
    let limit = alarm.alarm.as_ref().map(|settings| settings.threshold);
    let title = format!(
        "{} since {}{}",
        describe_value(kind, value, alarm),
        format_since(since, facts.now),
        limit.map_or(String::new(), |limit| format!(
            ", limit {}",
            format_value(kind, limit, alarm)
        )),
    );
    let mut message = match find_severity(kind, value, facts.capacity) {
        Severity::Critical => Message::critical(title),
        Severity::Warning | Severity::Info => Message::warning(title),
    };
    message = message
        .action(describe_action(kind, facts.is_service, facts.scaling))
        .why(format!(
            "{}{}{}",
            describe_values(kind, &details.values, alarm),
            describe_failed_requests(details),
            describe_timeline(&facts.timeline)
        ))
        .next(advise(
            kind,
            facts.is_service,
            facts.scaling != ScalingLimit::NotScaled,
        ));
    if let Some(digest) = &facts.deployed {
        message = message.offers(Offer::RollBack(digest.clone()));
    }
    message.caused_by(find_cause(kind))
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
fn describe_action(kind: AlarmKind, is_service: bool, scaling: ScalingLimit) -> String {
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
        (ScalingLimit::NotScaled, AlarmKind::Cpu | AlarmKind::Memory | AlarmKind::Requests)
            if is_service =>
        {
            "Lamplighter adds nothing: no tag lets it scale by this measure.".to_owned()
        }
        (ScalingLimit::NotScaled, _) => "Lamplighter reports this and changes nothing.".to_owned(),
    }
}

/// Judges an alarm by what it means for users.
fn find_severity(kind: AlarmKind, value: Option<f64>, capacity: Option<f64>) -> Severity {
    let is_critical = match kind {
        AlarmKind::Errors | AlarmKind::BalancerErrors => {
            value.is_some_and(|percent| percent >= CRITICAL_ERRORS_PERCENT)
        }
        AlarmKind::NoHealthyTarget => true,
        AlarmKind::FreeStorage => value
            .zip(capacity)
            .is_some_and(|(free, all)| free <= all * CRITICAL_STORAGE_SHARE),
        AlarmKind::Connections => value
            .zip(capacity)
            .is_some_and(|(used, all)| used >= all * CRITICAL_CONNECTIONS_SHARE),
        AlarmKind::Cpu
        | AlarmKind::Memory
        | AlarmKind::BusiestTask
        | AlarmKind::Requests
        | AlarmKind::UnhealthyTargets
        | AlarmKind::Latency
        | AlarmKind::ReplicaLag
        | AlarmKind::RecoveryPoint
        | AlarmKind::FreeMemory
        | AlarmKind::CpuCredits
        | AlarmKind::Capacity
        | AlarmKind::BurstBalance
        | AlarmKind::IoBalance
        | AlarmKind::ReadLatency
        | AlarmKind::WriteLatency
        | AlarmKind::Evictions
        | AlarmKind::Other => false,
    };
    if is_critical {
        Severity::Critical
    } else {
        Severity::Warning
    }
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
        "Last {} min: {} ({}).",
        numbers.len(),
        draw_sparkline(&numbers),
        format_range(kind, least, greatest, alarm)
    )
}

/// Says how many requests failed in the last minute; nothing for other alarms.
fn describe_failed_requests(details: &AlarmDetails) -> String {
    details
        .part
        .values()
        .next_back()
        .map_or(String::new(), |count| {
            format!(" {count:.0} requests failed in the last minute.")
        })
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
            last_part(&alarm.name)
        ))
        .why(format!(
            "CloudTrail knows of calls in the 30 minutes before:{}",
            lines.concat()
        ))
        .next("Look at these changes first.")
        .caused_by(find_cause(kind))
    })
}

/// Announces that an alarm is back within its limit.
pub fn resolved_message(alarm: &ExistingAlarm, details: &AlarmDetails) -> Message {
    let kind = AlarmKind::of_alarm(&alarm.name);
    let value = details.newest_value(alarm.alarm.as_ref());
    Message::info(format!(
        "{} - back within the limit",
        describe_value(kind, value, alarm)
    ))
    .why(describe_values(kind, &details.values, alarm))
    .next("Nothing to do.")
    .caused_by(find_cause(kind))
}

/// Closes the incident of an alarm whose service runs nothing any more.
pub fn stopped_message(alarm: &str) -> Message {
    let cause = find_cause(AlarmKind::of_alarm(alarm));
    Message::info(format!(
        "incident closed - {} of a stopped service",
        last_part(alarm)
    ))
    .why("The service is stopped or deleted, so that nothing is measured any more.")
    .next("Nothing to do.")
    .caused_by(cause)
}

/// Closes the incident of an alarm that no longer exists.
pub fn removed_message(kind: &str) -> Message {
    let cause: Cause = find_cause(AlarmKind::of_alarm(kind));
    Message::info(format!("incident closed - alarm {kind} removed"))
        .why("The target is no longer managed, or its tags ask for no such alarm any more.")
        .next("Nothing to do.")
        .caused_by(cause)
}
