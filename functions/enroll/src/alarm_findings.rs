//! Alarms that do not work as Lamplighter intends.

use jiff::{SignedDuration, Timestamp};
use lamplighter::engine::TargetContext;
use lamplighter::model::{Alarm, AlarmKind, AlarmState, ExistingAlarm};
use lamplighter::plan::Finding;
use lamplighter::policy::bound_key;

use crate::alarm_incidents::is_reported;
use crate::alarm_words::last_part;
use crate::finding::build_finding;
use crate::observed::{Observed, OwnAlarm, Subject};
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
    let unused = match &observed.subject {
        Subject::Service { .. } | Subject::Database(_) => {
            check_unused_bounds(context.policy, &wanted)
        }
        Subject::Application { .. } | Subject::Topic { .. } | Subject::Gone => None,
    };
    let of_existing = observed
        .alarms
        .iter()
        .filter(|own| wanted.iter().any(|alarm| alarm.name == own.existing.name))
        .filter_map(|own| check_alarm(context, observed, own, now));
    of_existing.chain(unused).collect()
}

/// Finds the bounds in the tag that no alarm of the target has.
fn check_unused_bounds(policy: &Policy, wanted: &[Alarm]) -> Option<Finding> {
    let has_alarm = |kind: &AlarmKind| {
        wanted
            .iter()
            .any(|alarm| AlarmKind::of_alarm(&alarm.name) == *kind)
    };
    let counts_nothing = policy.alarms.counts_errors() && !has_alarm(&AlarmKind::Errors);
    let lone_count = counts_nothing.then(|| "errors-count=".to_owned());
    let unused: Vec<String> = policy
        .alarms
        .list_bounded_kinds()
        .filter(|kind| !has_alarm(kind) && !policy.alarms.is_off(*kind))
        .filter_map(bound_key)
        .chain(lone_count)
        .collect();
    (!unused.is_empty()).then(|| {
        let keys = unused.join(", ");
        build_finding(
            format!("unused-bound:{keys}"),
            format!("lamplighter:alarms: {keys} without effect"),
            "The target has no such alarm: it is of another kind, or has no such load balancer, class or storage.",
            "Remove the keys from the tag. The table of alarms in docs/scaling.md says what each needs.",
        )
    })
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
        format!("alarm {} is not owned by this stack", last_part(name)),
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
                last_part(&alarm.name),
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
