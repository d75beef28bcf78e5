//! The number of tasks that carried the load of a past minute.

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::{Series, Service};
use lamplighter::state::TargetState;

pub const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// Inputs for estimating how many tasks carried the load of a minute.
pub struct TaskHistory<'a> {
    /// Number of tasks that reported, by minute.
    pub reported: &'a Series,
    pub service: &'a Service,
    pub state: &'a TargetState,
}

impl TaskHistory<'_> {
    /// Returns the number of tasks that shared the load of a minute.
    ///
    /// Counts the tasks that reported, capped at the task count of this minute or the previous one.
    /// Without the cap, 20-second metrics count each task three times. During a rollout, old and
    /// new tasks both report.
    pub fn tasks_at(&self, minute: Timestamp) -> f64 {
        let count = f64::from(self.count_at(minute));
        let before = f64::from(self.count_at(minute - MINUTE));
        self.reported
            .get(&minute)
            .map_or(count, |tasks| tasks.min(count.max(before)))
    }

    /// Returns the task count in a minute, based on the scalings that Lamplighter has executed
    /// since.
    ///
    /// AWS only knows the current count. Metrics of the minutes before a scale-out describe fewer
    /// tasks; with the current count they would look like more load than there was.
    fn count_at(&self, minute: Timestamp) -> u32 {
        let later = self
            .state
            .scaling
            .scalings
            .iter()
            .find(|scaling| scaling.at > minute);
        later.map_or_else(|| self.current_count(), |scaling| scaling.from)
    }

    /// Returns the current task count. During a rollout twice the tasks may run, so that the
    /// running count says nothing about the load that one task carries.
    fn current_count(&self) -> u32 {
        let desired = self.service.desired_count.unsigned_abs();
        if self.service.has_rollout_in_progress() {
            return desired;
        }
        desired.max(self.service.running_count.unsigned_abs())
    }
}
