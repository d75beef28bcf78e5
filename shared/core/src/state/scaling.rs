//! The state of the desired count of a service.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The state of scaling.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ScalingState {
    /// The changes of the desired count within the last hour before the latest change, oldest
    /// first.
    pub scalings: Vec<Scaling>,
    /// The surge that is in progress: load raised the desired count.
    pub surge: Option<Surge>,
    /// The minimum capacity in Application Auto Scaling that Lamplighter raised.
    pub raised: Option<RaisedMinimum>,
    /// The time at which Lamplighter stopped the service, because nothing was to do. A service that someone else stopped is
    /// left alone.
    pub stopped_since: Option<Timestamp>,
    /// The time at which someone else started a service that Lamplighter had stopped.
    pub started_by_others: Option<Timestamp>,
    /// The desired count that somebody else set.
    pub set_by_others: Option<SetByOthers>,
    /// Messages that one task finished in a minute, when that could be measured last.
    pub task_rate: Option<f64>,
    /// Tasks that were added to a queue worker in vain.
    pub no_gain: Option<NoGain>,
    /// The load before the surge.
    pub calm: Option<LoadLevel>,
    /// The load before tasks were added, which it is compared with as long as it is about the same.
    pub trial: Option<LoadLevel>,
    /// The utilizations that added tasks did not lower.
    pub unresponsive: Vec<Unresponsive>,
}

/// A desired count that somebody else set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetByOthers {
    pub count: u32,
    /// When it was noticed.
    pub since: Timestamp,
}

/// A utilization of the tasks of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Utilization {
    Cpu,
    Memory,
}

/// The load of a service at a time, as means over some minutes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LoadLevel {
    pub at: Timestamp,
    pub tasks: u32,
    /// In percent.
    pub cpu: Option<f64>,
    /// CPU that all tasks use, in percent of one.
    pub used_cpu: Option<f64>,
    /// In percent.
    pub memory: Option<f64>,
    /// The highest utilization of one of the minutes, in percent.
    pub highest_cpu: Option<f64>,
    /// In percent.
    pub highest_memory: Option<f64>,
    /// Requests per minute; `None` if nothing counts them.
    pub requests: Option<f64>,
}

/// A utilization that added tasks did not lower, although the load was the same.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Unresponsive {
    pub metric: Utilization,
    /// The load before tasks were added.
    pub before: LoadLevel,
    /// The load when that was noticed.
    pub after: LoadLevel,
}

impl LoadLevel {
    /// Returns a utilization, in percent.
    #[must_use]
    pub fn utilization(&self, metric: Utilization) -> Option<f64> {
        match metric {
            Utilization::Cpu => self.cpu,
            Utilization::Memory => self.memory,
        }
    }

    /// Returns the highest utilization of one of the minutes, in percent.
    #[must_use]
    pub fn highest(&self, metric: Utilization) -> Option<f64> {
        match metric {
            Utilization::Cpu => self.highest_cpu,
            Utilization::Memory => self.highest_memory,
        }
    }
}

/// The number of tasks of a queue worker above which more of them finish no more messages.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct NoGain {
    /// Tasks before some were added.
    pub tasks: u32,
    /// Messages that all tasks finished in a minute, before and after.
    pub finished: f64,
}

/// A change of the desired count that AWS accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scaling {
    pub at: Timestamp,
    pub from: u32,
    pub to: u32,
}

/// The minimum capacity of a scalable target while Lamplighter keeps it raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RaisedMinimum {
    /// The minimum before.
    pub before: u32,
    /// The minimum that Lamplighter set. Any other value was set by someone else and is left
    /// alone.
    pub to: u32,
}

/// A surge: from the first scale-out until the count is back at its base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Surge {
    pub since: Timestamp,
    /// The count before the surge.
    pub base: u32,
    pub peak: u32,
    /// The current count, set at `at`.
    pub count: u32,
    pub at: Timestamp,
    /// Tasks above the base, multiplied by seconds, up to `at`.
    pub task_seconds: i64,
}

impl Surge {
    /// Returns the cost of the surge up to a time: tasks above the base, multiplied by minutes.
    #[must_use]
    pub fn task_minutes(&self, now: Timestamp) -> i64 {
        self.advance_to(now).task_seconds / 60
    }

    pub(super) fn advance_to(mut self, now: Timestamp) -> Self {
        let seconds = now.duration_since(self.at).as_secs().max(0);
        self.task_seconds += i64::from(self.count.saturating_sub(self.base)) * seconds;
        self.at = now;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Arn;
    use crate::plan::{Action, ScalingAction, SetDesiredCount};
    use crate::state::TargetState;
    use jiff::SignedDuration;

    #[test]
    fn a_surge_counts_what_it_cost_and_ends_at_its_base() {
        let start: Timestamp = "2026-11-21T05:00:00Z".parse().unwrap();
        let mut state = TargetState::default();
        for (minutes, from, to) in [(0, 2, 4), (10, 4, 8), (30, 8, 5)] {
            let action = Action::Scaling(ScalingAction::SetDesiredCount(SetDesiredCount {
                service: Arn::new("web"),
                from,
                to,
                base: 2,
            }));
            state.record_intent(
                "scale",
                &action,
                None,
                start + SignedDuration::from_mins(minutes),
            );
            state.record_done(&action, "");
        }
        let surge = state.scaling.surge.unwrap();
        assert_eq!((surge.base, surge.peak, surge.count), (2, 8, 5));
        // 2 tasks more for 10 minutes, 6 for 20, 3 for 5.
        assert_eq!(
            surge.task_minutes(start + SignedDuration::from_mins(35)),
            20 + 120 + 15
        );
        state.record_scaling(
            &SetDesiredCount {
                service: Arn::new("web"),
                from: 5,
                to: 2,
                base: 2,
            },
            start + SignedDuration::from_mins(35),
        );
        assert_eq!(state.scaling.surge, None);
        assert_eq!(state.scaling.scalings.len(), 4);
    }
}
