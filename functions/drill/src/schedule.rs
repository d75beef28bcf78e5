//! Schedule of the drills of one database. Pure.

use jiff::{SignedDuration, Timestamp};
use lamplighter::engine::TargetContext;
use lamplighter::event::detail::Detail;
use lamplighter::model::Command;
use lamplighter::policy::DrillSchedule;
use lamplighter::state::TargetState;

use crate::messages;
use crate::policy::Policy;

/// Time for which scheduled drills pause after a restore failed.
const RESTORE_PAUSE: SignedDuration = SignedDuration::from_hours(24);

/// Reports whether a drill is due.
///
/// A drill is due on a manual request, or when its period has elapsed. After a restore failed,
/// scheduled drills pause for [`RESTORE_PAUSE`].
#[must_use]
pub fn is_due(context: TargetContext<'_, Policy>, now: Timestamp) -> bool {
    if is_requested(&context.event.detail) {
        return true;
    }
    let schedule = context
        .policy
        .backup
        .as_ref()
        .and_then(|backup| backup.drill);
    let Some(period) = schedule.map(DrillSchedule::repeat_interval) else {
        return false;
    };
    let has_elapsed =
        last_start(context.state).is_none_or(|last| now.duration_since(last) >= period);
    has_elapsed && !has_restore_failed(context.state, now)
}

/// Reports whether a person requests a drill now.
fn is_requested(detail: &Detail) -> bool {
    match detail {
        Detail::Drill(_) => true,
        Detail::Request(request) => request.command == Command::Drill,
        _ => false,
    }
}

/// Explains why no drill is due.
pub fn describe_not_due(state: &TargetState, now: Timestamp) -> String {
    if has_restore_failed(state, now) {
        return "a restore failed within the last 24 h; the next attempt follows after that"
            .to_owned();
    }
    messages::describe_last_drill(last_start(state))
}

/// Returns the start of the last drill.
pub fn last_start(state: &TargetState) -> Option<Timestamp> {
    state.backups.drill.as_ref().map(|(at, _)| *at)
}

/// Reports whether a restore failed within [`RESTORE_PAUSE`].
fn has_restore_failed(state: &TargetState, now: Timestamp) -> bool {
    state
        .backups
        .restore_failed_at
        .is_some_and(|at| now.duration_since(at) < RESTORE_PAUSE)
}
