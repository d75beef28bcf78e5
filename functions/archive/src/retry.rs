//! Retry of failed export tasks. Pure.

use jiff::{SignedDuration, Timestamp};
use lamplighter::engine::TargetContext;
use lamplighter::model::ExportTask;

use crate::policy::Policy;

/// Delay before a failed export task is retried.
const RETRY_DELAY: SignedDuration = SignedDuration::from_hours(1);

/// Reports whether the group may start an export: it has no task, or its task failed long enough
/// ago.
pub fn may_start_export(
    context: TargetContext<'_, Policy>,
    task: Option<&ExportTask>,
    now: Timestamp,
) -> bool {
    let Some(task) = task else {
        return true;
    };
    let Some(exporting) = &context.state.logs.exporting else {
        return false;
    };
    has_failed(task) && now.duration_since(exporting.at) >= RETRY_DELAY
}

/// Reports whether the task ended without an export.
pub fn has_failed(task: &ExportTask) -> bool {
    ["FAILED", "CANCELLED"].contains(&task.status.as_str())
}
