//! The number of tasks that carried the load of a past minute.

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::{DeploymentController, Series, Service};
use lamplighter::state::TargetState;

pub const MINUTE: SignedDuration = SignedDuration::from_mins(1);
/// Values that a task reports in a minute, if 20-second metrics are switched on.
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/cloudwatch-metrics.html>
pub const FREQUENT_VALUES: f64 = 3.0;

/// Inputs for estimating how many tasks carried the load of a minute.
pub struct TaskHistory<'a> {
    /// Number of values that the tasks reported, by minute.
    reported: &'a Series,
    pub service: &'a Service,
    pub state: &'a TargetState,
}

impl<'a> TaskHistory<'a> {
    pub fn new(reported: &'a Series, service: &'a Service, state: &'a TargetState) -> Self {
        Self {
            reported,
            service,
            state,
        }
    }

    /// Returns the number of tasks that shared the load of a minute.
    ///
    /// Counts the tasks that reported, capped at the task count of this minute or the previous one. Without the cap, 20-second
    /// metrics count each task three times. During a rolling rollout, old and new tasks both report, and a task that starts is busy
    /// with itself.
    ///
    /// While traffic is shifted from one revision to another, both run in full number, and one of them may be idle. The mean over
    /// all tasks times their number is still the work that is done, so that all of them count.
    pub fn tasks_at(&self, minute: Timestamp) -> f64 {
        let count = self.count_at(minute);
        let cap = if self.runs_two_revisions() {
            count.max(self.service.running_count.unsigned_abs())
        } else {
            count.max(self.count_at(minute - MINUTE))
        };
        self.reported_at(minute)
            .map_or(f64::from(count), |values| values.min(f64::from(cap)))
    }

    /// Returns the number of values that the tasks reported in a minute.
    pub fn reported_at(&self, minute: Timestamp) -> Option<f64> {
        self.reported.get(&minute).copied()
    }

    /// Reports whether tasks may have started in a minute: more of them reported than before, or it isn't known.
    pub fn may_have_started(&self, minute: Timestamp) -> bool {
        let before = self.reported_at(minute - MINUTE);
        let both = before.zip(self.reported_at(minute));
        both.is_none_or(|(before, reported)| reported > before + 0.5)
            || self.service.has_rollout_in_progress()
    }

    fn runs_two_revisions(&self) -> bool {
        let shifts = self.service.shifts_traffic()
            || self.service.deployment_controller != DeploymentController::Ecs;
        shifts && self.service.has_rollout_in_progress()
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

/// Rounds a need up to whole tasks. Ignores an excess of up to 1e-9 over a whole number, which is
/// an error of floating-point arithmetic and no load.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to what fits"
)]
pub fn round_up_tasks(tasks: f64) -> u32 {
    (tasks - 1e-9).ceil().clamp(0.0, f64::from(u32::MAX)) as u32
}
