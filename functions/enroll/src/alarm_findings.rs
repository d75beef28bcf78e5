//! Alarms that do not work as Lamplighter intends.

use jiff::{SignedDuration, Timestamp};
use lamplighter::engine::TargetContext;
use lamplighter::model::{AlarmState, ExistingAlarm};
use lamplighter::plan::Finding;

use crate::alarm_incidents::is_reported;
use crate::alarm_names::alarm_kind;
use crate::finding::build_finding;
use crate::observed::{Observed, OwnAlarm};
use crate::policy::Policy;
use crate::subject_alarms::subject_alarms;

/// An alarm that stays in ALARM for this long does not report a peak and becomes a finding.
const STUCK_ALARM_AFTER: SignedDuration = SignedDuration::from_hours(1);

/// Checks the alarms under the names that the target's alarms should have.
pub fn check_alarms(
    context: TargetContext<'_, Policy>,
    observed: &Observed,
    now: Timestamp,
) -> Vec<Finding> {
    let wanted = subject_alarms(context.policy, &observed.subject);
    observed
        .alarms
        .iter()
        .filter(|own| wanted.iter().any(|alarm| alarm.name == own.existing.name))
        .filter_map(|own| check_alarm(context, observed, own, now))
        .collect()
}

fn check_alarm(
    context: TargetContext<'_, Policy>,
    observed: &Observed,
    own: &OwnAlarm,
    now: Timestamp,
) -> Option<Finding> {
    if !own.is_ours {
        Some(foreign_alarm(&own.existing.name))
    } else if is_reported(context, observed, &own.existing) {
        None
    } else {
        check_stuck(&own.existing, now)
    }
}

fn foreign_alarm(name: &str) -> Finding {
    build_finding(
        format!("foreign-alarm:{name}"),
        format!("alarm {} is not owned by this stack", alarm_kind(name)),
        format!("{name} lacks the tags of this stack, so Lamplighter leaves it unchanged."),
        "Rename or delete the alarm. Lamplighter then creates its own within the hour.",
    )
}

fn check_stuck(alarm: &ExistingAlarm, now: Timestamp) -> Option<Finding> {
    let since = alarm.state_since?;
    let is_stuck =
        alarm.state == AlarmState::Alarm && now.duration_since(since) >= STUCK_ALARM_AFTER;
    is_stuck.then(|| {
        build_finding(
            format!("in-alarm:{}", alarm.name),
            format!(
                "alarm {} in ALARM since {}",
                alarm_kind(&alarm.name),
                since.strftime("%Y-%m-%d %H:%M UTC")
            ),
            format!(
                "{} An alarm that is always in ALARM hides the next peak.",
                alarm.state_reason
            ),
            "Fix the cause. If the load is normal, raise cpu=, memory= or rps= in lamplighter:scale.",
        )
    })
}
