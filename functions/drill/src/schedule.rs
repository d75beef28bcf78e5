//! Schedule of the drills of one database. Pure.

use jiff::{SignedDuration, Timestamp};
use lamplighter::engine::TargetContext;
use lamplighter::event::detail::Detail;
use lamplighter::policy::DrillSchedule;
use lamplighter::state::TargetState;

use crate::messages;
use crate::policy::Policy;

/// Time for which scheduled drills pause after a restore failed.
const RESTORE_PAUSE: SignedDuration = SignedDuration::from_hours(24);
/// Time after which a request for a drill that could not begin is dropped.
const REQUEST_EXPIRES_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// Reports whether a drill is due.
///
/// A drill is due on a manual request, or when its period has elapsed. After a restore failed,
/// scheduled drills pause for [`RESTORE_PAUSE`].
#[must_use]
pub fn is_due(context: TargetContext<'_, Policy>, now: Timestamp) -> bool {
    if let Detail::Drill(_) = context.event.detail {
        return true;
    }
    // A target that is paused or not managed has no policy for backups.
    if context.policy.backup.is_some() && is_requested(context, now) {
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

/// Reports whether a drill was requested within a day, and since the last one began.
pub fn is_requested(context: TargetContext<'_, Policy>, now: Timestamp) -> bool {
    let last = last_start(context.state);
    let requested = context.state.requests.drill;
    requested.is_some_and(|at| {
        last.is_none_or(|last| last < at) && now.duration_since(at) < REQUEST_EXPIRES_AFTER
    })
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
