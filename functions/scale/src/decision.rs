//! The task count that load, schedule and limits require of one service.

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::Service;
use lamplighter::policy::{ScalePolicy, ScheduleWindow};
use lamplighter::state::TargetState;

use crate::demand::{Demand, MissingData, Need};
use crate::history::round_up_tasks;
use crate::observed::HISTORY;

/// Relative deviation of the need from the count that is ignored unless it is sustained. Equals the
/// default of Kubernetes.
/// Source: <https://kubernetes.io/docs/concepts/workloads/autoscaling/horizontal-pod-autoscale/>
const TOLERANCE: f64 = 0.1;
/// Tasks that may be added within a minute even if doubling the count would add fewer.
const MIN_STEP: u32 = 4;
const MINUTE: SignedDuration = SignedDuration::from_mins(1);
/// The least time between two changes, if the second one lowers the count. A little less than 3 minutes, for sweeps that run late.
pub const SCALE_IN_PACE: SignedDuration = SignedDuration::from_secs(170);
/// Messages a minute of one task below which each message in hand may occupy a task of its own.
const SLOW_RATE: f64 = 1.0;
/// How long a count within the bounds is kept that somebody else set.
pub const SET_BY_OTHERS_FOR: SignedDuration = SignedDuration::from_hours(1);
/// How long a service runs on that someone started in a window with min=0.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(2);

/// The bounds of the number of tasks now, and the schedule windows that they come from.
#[derive(Debug, Clone, PartialEq)]
pub struct Bounds<'a> {
    pub min: u32,
    pub max: u32,
    /// The open window with the minimum; `None` if the tag's own one applies.
    pub min_window: Option<&'a ScheduleWindow>,
    /// The open window with the maximum; `None` if the tag's own one applies.
    pub max_window: Option<&'a ScheduleWindow>,
    /// The open window in which a service that nobody calls is stopped. A queue worker has a minimum of 0 instead.
    pub stop_window: Option<&'a ScheduleWindow>,
}

impl<'a> Bounds<'a> {
    /// Returns the bounds at a time. Of several open windows, the highest minimum and the highest maximum apply, so that
    /// none makes another drop. A minimum is limited by the maximum of the tag, and raises that of a window.
    #[must_use]
    pub fn for_time(scale: &ScalePolicy, windows: &'a [ScheduleWindow], now: Timestamp) -> Self {
        let open: Vec<&ScheduleWindow> = windows.iter().filter(|w| w.is_open(now)).collect();
        let min_window = open
            .iter()
            .copied()
            .filter(|window| window.min > Some(scale.min))
            .max_by_key(|window| window.min);
        // A window without a maximum leaves that of the tag.
        let max_window = open
            .iter()
            .copied()
            .filter(|window| window.max.is_some())
            .max_by_key(|window| window.max)
            .filter(|window| window.max < Some(scale.max));
        // A window that lets the service stop counts only if no other one wants tasks.
        let stop_window = open.iter().copied().find(|window| window.min == Some(0));
        let stop_window =
            stop_window.filter(|_| open.iter().all(|window| window.min.unwrap_or(0) == 0));
        let has_queue = scale.queue.is_some();
        let min_window = min_window.or(stop_window.filter(|_| has_queue));
        let asked = min_window.and_then(|window| window.min);
        let capped = max_window.and_then(|window| window.max);
        let floor = open.iter().filter_map(|window| window.min).max();
        let max = capped
            .unwrap_or(scale.max)
            .max(floor.unwrap_or_default())
            .min(scale.max);
        Self {
            min: asked.unwrap_or(scale.min).min(max),
            max,
            min_window,
            max_window,
            stop_window: stop_window.filter(|_| !has_queue),
        }
    }
}

/// Inputs of the decision for one service.
pub struct Decision<'a> {
    pub service: &'a Service,
    pub scale: &'a ScalePolicy,
    pub bounds: Bounds<'a>,
    pub demand: Demand,
    pub state: &'a TargetState,
    pub now: Timestamp,
}

/// The reason why a count is not lowered.
#[derive(Debug, Clone, PartialEq)]
pub enum KeepReason {
    /// A deployment started within the last 15 minutes: its tasks have no history of load yet.
    RecentDeployment,
    MissingData(MissingData),
    /// The peak need, in tasks, is not clearly lower than the count.
    Peak(f64),
    /// Somebody else set the count a while ago.
    SetByOthers {
        since: Timestamp,
    },
    /// Tasks are missing, and those that run are beyond their target: what the load needs can't be measured.
    MissingTasks {
        running: u32,
        percent: f64,
    },
}

impl Decision<'_> {
    #[must_use]
    pub fn desired_count(&self) -> u32 {
        self.service.desired_count.unsigned_abs()
    }

    /// Returns the number of running tasks without the additional ones of a rollout.
    #[must_use]
    pub fn running_count(&self) -> u32 {
        self.service
            .running_count
            .unsigned_abs()
            .min(self.desired_count())
    }

    /// Reports whether a window stops the service: nobody calls it, and nobody else has just started it. One that is stopped
    /// measures nothing, and stays so.
    #[must_use]
    pub fn may_stop(&self) -> bool {
        let is_quiet =
            self.demand.is_idle && !self.is_kept() && !self.service.has_rollout_in_progress();
        let is_quiet = is_quiet && self.find_set_by_others(self.desired_count()).is_none();
        self.bounds.stop_window.is_some() && (is_quiet || self.desired_count() == 0)
    }

    /// Reports whether somebody else has just started a service that Lamplighter had stopped.
    fn is_kept(&self) -> bool {
        let started = self.state.scaling.started_by_others;
        started.is_some_and(|at| self.now.duration_since(at) < KEPT_FOR)
    }

    /// Reports whether Lamplighter changed the desired count just now, so that it is not lowered yet.
    #[must_use]
    pub fn was_scaled_recently(&self) -> bool {
        let mut scalings = self.state.scaling.scalings.iter();
        scalings.any(|scaling| self.now.duration_since(scaling.at) < SCALE_IN_PACE)
    }

    /// Returns the task count that the load requires, with the need it is based on.
    ///
    /// Scales out at once if the need exceeds the tolerance. A smaller excess counts after three
    /// minutes; otherwise a slowly rising load would be followed too late.
    #[must_use]
    pub fn scale_out_target(&self, count: u32, max: u32) -> Option<(u32, &Need)> {
        let clear = self.demand.now.as_ref();
        let clear = clear.filter(|need| exceeds(need, count, TOLERANCE));
        let sustained = self.demand.sustained.as_ref();
        let sustained = sustained.filter(|need| exceeds(need, count, 0.0));
        let need = clear.or(sustained)?;
        let limit = self.scale_out_limit(count).min(max);
        Some((need.required_tasks().min(limit), need))
    }

    /// Returns the largest allowed count: double, or four more than, the count of a minute ago. A
    /// wrong measurement then costs at most one such step before the next one corrects it.
    fn scale_out_limit(&self, count: u32) -> u32 {
        let recent = self
            .state
            .scaling
            .scalings
            .iter()
            .find(|scaling| self.is_within_a_minute(scaling.at) && scaling.to > scaling.from);
        let before = recent.map_or(count, |scaling| scaling.from);
        before
            .saturating_mul(2)
            .max(before.saturating_add(MIN_STEP))
    }

    fn is_within_a_minute(&self, at: Timestamp) -> bool {
        self.now.duration_since(at) < MINUTE
    }

    /// Returns the tasks of a queue worker that may be at work, which nothing measures: each message in hand may occupy one, if
    /// it takes long. One is kept while a message is delayed, somebody calls the service, or somebody has just started it.
    fn busy_tasks(&self, count: u32) -> u32 {
        let Some(queue) = &self.demand.queue else {
            return 0;
        };
        let backlog = queue.backlog.unwrap_or_default();
        let in_hand = u32::try_from(backlog.in_progress).unwrap_or(u32::MAX);
        let is_called = !self.service.target_groups.is_empty() && !self.demand.is_idle;
        let is_slow = queue.performance.rate.is_none_or(|rate| rate < SLOW_RATE);
        if is_slow && in_hand > 0 {
            return in_hand.min(count);
        }
        u32::from(in_hand > 0 || backlog.delayed > 0 || is_called || self.is_kept())
    }

    /// Returns the count that was set last, if tasks were added in the last 15 minutes: CloudWatch may not have measured yet what
    /// they were added for.
    fn newest_step(&self) -> Option<u32> {
        let steps = self.state.scaling.scalings.iter();
        steps
            .filter(|step| step.to > step.from && self.now.duration_since(step.at) < HISTORY)
            .map(|step| step.to)
            .max()
    }

    /// Returns the count that would have carried the load of the last 10 minutes.
    ///
    /// # Errors
    /// The reason for keeping the count, if that count isn't clearly lower.
    pub fn scale_in_target(&self, count: u32, min: u32) -> Result<u32, KeepReason> {
        let started = self
            .service
            .primary_deployment()
            .and_then(|deployment| deployment.created_at);
        if started.is_some_and(|started| self.now.duration_since(started) < HISTORY) {
            return Err(KeepReason::RecentDeployment);
        }
        if let Some(reason) = self.find_overload() {
            return Err(reason);
        }
        let peak = self.demand.peak.clone().map_err(KeepReason::MissingData)?;
        let wanted = round_up_tasks(peak).max(min).max(self.busy_tasks(count));
        let recent = self.demand.queue.as_ref().and_then(|_| self.newest_step());
        if let Some(step) = recent {
            return Err(KeepReason::Peak(f64::from(step)));
        }
        // What an idle task uses of CPU and memory is no work.
        let is_empty = self
            .demand
            .queue
            .as_ref()
            .is_some_and(|queue| queue.is_empty);
        if is_empty && count == 1 && min == 0 && self.busy_tasks(count) == 0 {
            return Ok(0);
        }
        if wanted >= count || peak >= f64::from(count) * (1.0 - TOLERANCE) {
            return Err(KeepReason::Peak(peak));
        }
        match self.find_set_by_others(count) {
            Some(since) => Err(KeepReason::SetByOthers { since }),
            None => Ok(wanted),
        }
    }

    /// Returns the time at which the count was noticed, if somebody else set it a while ago. A queue shows what its tasks are for.
    fn find_set_by_others(&self, count: u32) -> Option<Timestamp> {
        let set = self.state.scaling.set_by_others?;
        if self.demand.queue.is_some() {
            return None;
        }
        let is_recent = self.now.duration_since(set.since) < SET_BY_OTHERS_FOR;
        (set.count == count && count > self.scale.min && is_recent).then_some(set.since)
    }

    /// Returns the overload of the running tasks while others are missing: they can't be placed, or don't start.
    fn find_overload(&self) -> Option<KeepReason> {
        let running = self.running_count();
        let percent = self.demand.overload?;
        let is_missing = running < self.desired_count();
        is_missing.then_some(KeepReason::MissingTasks { running, percent })
    }
}

/// Reports whether a need exceeds a count by more than the tolerance.
fn exceeds(need: &Need, count: u32, tolerance: f64) -> bool {
    need.tasks > f64::from(count) * (1.0 + tolerance) + 1e-9
}
