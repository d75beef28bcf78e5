//! The task count that load, schedule and limits require of one service.

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::Service;
use lamplighter::policy::{ScalePolicy, ScheduleWindow};
use lamplighter::state::TargetState;

use crate::demand::{Demand, MissingData, Need, round_up_tasks};
use crate::observed::HISTORY;

/// Relative deviation of the need from the count that is ignored unless it is sustained. Equals the
/// default of Kubernetes.
/// Source: <https://kubernetes.io/docs/concepts/workloads/autoscaling/horizontal-pod-autoscale/>
const TOLERANCE: f64 = 0.1;
/// Tasks that may be added within a minute even if doubling the count would add fewer.
const MIN_STEP: u32 = 4;
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// The bounds of the number of tasks now, and the schedule windows that they come from.
#[derive(Debug, Clone, PartialEq)]
pub struct Bounds<'a> {
    pub min: u32,
    pub max: u32,
    /// The open window with the minimum; `None` if the tag's own one applies.
    pub min_window: Option<&'a ScheduleWindow>,
    /// The open window with the maximum; `None` if the tag's own one applies.
    pub max_window: Option<&'a ScheduleWindow>,
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
        let asked = min_window.and_then(|window| window.min);
        let capped = max_window.and_then(|window| window.max);
        let max = capped
            .unwrap_or(scale.max)
            .max(asked.unwrap_or_default())
            .min(scale.max);
        Self {
            min: asked.unwrap_or(scale.min).min(max),
            max,
            min_window,
            max_window,
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

    /// Reports whether Lamplighter changed the desired count within the last minute.
    #[must_use]
    pub fn was_scaled_within_a_minute(&self) -> bool {
        self.state
            .scaling
            .scalings
            .iter()
            .any(|scaling| self.is_within_a_minute(scaling.at))
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

    /// Returns the count that would have carried the load of the last 15 minutes.
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
        let peak = self.demand.peak.clone().map_err(KeepReason::MissingData)?;
        let wanted = round_up_tasks(peak).max(min);
        if wanted >= count || peak >= f64::from(count) * (1.0 - TOLERANCE) {
            return Err(KeepReason::Peak(peak));
        }
        Ok(wanted)
    }
}

/// Reports whether a need exceeds a count by more than the tolerance.
fn exceeds(need: &Need, count: u32, tolerance: f64) -> bool {
    need.tasks > f64::from(count) * (1.0 + tolerance) + 1e-9
}
