//! The number of tasks that carried the load of a past minute.

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::{DeploymentController, Series, Service};
use lamplighter::state::TargetState;

pub const MINUTE: SignedDuration = SignedDuration::from_mins(1);
/// Values that a task reports in a minute, if 20-second metrics are switched on.
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/cloudwatch-metrics.html>
pub const FREQUENT_VALUES: f64 = 3.0;
/// Values for each desired task that only 20-second metrics explain: a rollout has at most two tasks for one.
const MANY_VALUES: f64 = 2.5;

/// Minutes that must have as many.
const NEWEST: usize = 3;

/// Inputs for estimating how many tasks carried the load of a minute.
pub struct TaskHistory<'a> {
    /// Number of values that the tasks reported, by minute.
    reported: &'a Series,
    pub service: &'a Service,
    pub state: &'a TargetState,
    /// Values that one task reports in a minute.
    values_per_task: f64,
}

impl<'a> TaskHistory<'a> {
    pub fn new(reported: &'a Series, service: &'a Service, state: &'a TargetState) -> Self {
        let mut history = Self {
            reported,
            service,
            state,
            values_per_task: 1.0,
        };
        let newest = reported.iter().rev().take(NEWEST);
        let is_many = |(at, values): (&Timestamp, &f64)| {
            *values >= MANY_VALUES * f64::from(history.count_at(*at).max(1))
        };
        let many = reported.iter().filter(|entry| is_many(*entry)).count();
        if many * 2 > reported.len() && newest.clone().all(is_many) {
            history.values_per_task = FREQUENT_VALUES;
        }
        history
    }

    /// Returns the number of tasks that shared the load of a minute.
    ///
    /// Counts the tasks that reported, capped at the task count of this minute or the previous one. During a rolling rollout, old
    /// and new tasks both report, and a task that starts is busy with itself.
    ///
    /// Where traffic is shifted from one revision to another, both run in full number, and one of them may be idle. The mean over
    /// all tasks times their number is still the work that is done, so that all of them count.
    pub fn tasks_at(&self, minute: Timestamp) -> f64 {
        let count = self.count_at(minute);
        let before = self.count_at(minute - MINUTE);
        let revisions = if self.runs_two_revisions() { 2 } else { 1 };
        let cap = f64::from(count.max(before).saturating_mul(revisions));
        self.reported_at(minute)
            .map_or(f64::from(count), |tasks| tasks.min(cap))
    }

    /// Returns the number of tasks that reported in a minute.
    pub fn reported_at(&self, minute: Timestamp) -> Option<f64> {
        let values = self.reported.get(&minute)?;
        Some(values / self.values_per_task)
    }

    /// Reports whether tasks may have started in a minute: more of them reported than before, or it isn't known.
    pub fn may_have_started(&self, minute: Timestamp) -> bool {
        let before = self.reported_at(minute - MINUTE);
        let both = before.zip(self.reported_at(minute));
        both.is_none_or(|(before, reported)| reported > before + 0.5)
            || self.service.has_rollout_in_progress()
    }

    fn runs_two_revisions(&self) -> bool {
        self.service.shifts_traffic()
            || self.service.deployment_controller != DeploymentController::Ecs
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
