//! The observed runs of one-off and scheduled tasks.

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::Arn;
use lamplighter::release::evidence::Evidence;
use lamplighter::release::stopped_task::StoppedTask;
use lamplighter::state::{RunWatch, TargetState};
use serde::Serialize;

/// The time after which a failed run without a successor is forgotten. `alert` closes its incident then.
const FORGOTTEN_AFTER: SignedDuration = SignedDuration::from_hours(8 * 24);

/// The runs of a family, by cluster.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ObservedFamily {
    pub clusters: Vec<ObservedRuns>,
    /// Whether an event led here. Other runs may end at the same moment, so the sweep looks again.
    pub is_event: bool,
    /// Whether the tags ask for no reports.
    pub is_ignored: bool,
}

/// The runs of a family in one cluster that belong to no service, as far as ECS keeps them (about an hour).
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ObservedRuns {
    /// The name of the cluster.
    pub cluster: String,
    /// The number of runs that ended, and of those that failed.
    pub ended: usize,
    pub failed: usize,
    /// The last run that failed.
    pub last_failure: Option<FailedRun>,
    /// When ECS refused to start a run, and why, if the event reports it.
    pub refused: Option<(Timestamp, String)>,
    /// The time at which the newest run that succeeded began.
    pub last_success: Option<Timestamp>,
    /// The time at which the newest run that is in progress began.
    pub in_progress: Option<Timestamp>,
    /// The time of the failure that was known before.
    pub known_failure: Option<Timestamp>,
}

/// A run that failed, with its evidence.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FailedRun {
    pub task: StoppedTask,
    pub evidence: Evidence,
}

impl ObservedFamily {
    /// Reports whether the sweep must look at the family again.
    #[must_use]
    pub fn needs_requeue(&self) -> bool {
        !self.is_ignored && (self.is_event || self.clusters.iter().any(ObservedRuns::is_failing))
    }

    /// Updates the clusters that the sweep looks at.
    pub fn update_state(&self, state: &mut TargetState, now: Timestamp) {
        let watched = &mut state.health.runs;
        for runs in &self.clusters {
            let failed_at = runs
                .failed_at()
                .filter(|at| runs.is_failing() && now.duration_since(*at) < FORGOTTEN_AFTER);
            if !self.is_ignored && (self.is_event || failed_at.is_some()) {
                watched.insert(runs.cluster.clone(), RunWatch { failed_at });
            } else {
                watched.remove(&runs.cluster);
            }
        }
    }
}

impl ObservedRuns {
    /// Returns the time of the last failure.
    fn failed_at(&self) -> Option<Timestamp> {
        let stopped = self
            .last_failure
            .as_ref()
            .and_then(|failure| failure.task.stopped_at);
        let refused = self.refused.as_ref().map(|(at, _)| *at);
        stopped.max(refused).max(self.known_failure)
    }

    /// Reports whether a run failed, and none that began later succeeded.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.failed_at()
            .is_some_and(|failed| self.last_success.is_none_or(|began| began < failed))
    }

    /// Returns when a run began after the last failure that is still in progress.
    #[must_use]
    pub fn find_later_run(&self) -> Option<Timestamp> {
        self.in_progress
            .filter(|began| Some(*began) >= self.failed_at())
    }

    /// Returns the condition that fires while the last run in the cluster failed. AWS reports a run only once, so the
    /// condition expires like a failed job of AWS.
    #[must_use]
    pub fn key(&self) -> String {
        format!("failed:run:{}", self.cluster)
    }
}

/// Returns the family of a target that is a task definition.
#[must_use]
pub fn family_of(target: &Arn) -> Option<&str> {
    target.resource().strip_prefix("task-definition/")
}
