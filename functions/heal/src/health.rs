//! The health of a service, and the symptom of an unhealthy one.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use lamplighter::release::stopped_task::StopCause;

/// The health of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub enum Health {
    /// All tasks run, and none failed recently.
    Healthy,
    /// All tasks run after recent failures, or a rollout is still starting tasks.
    #[default]
    Recovering,
    Unhealthy(Symptom),
}

/// The symptom of an unhealthy service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Symptom {
    /// Tasks fail.
    Failing(Failing),
    /// Tasks run but fail their load balancer health checks.
    Unhealthy(Unhealthy),
    /// Tasks are missing, and no failure explains it.
    MissingTasks,
}

/// The failures of a service, summarized.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failing {
    /// The most frequent cause.
    pub cause: StopCause,
    /// Number of tasks that failed with this cause; `total` counts all failed tasks.
    pub count: usize,
    pub total: usize,
    pub within: SignedDuration,
    pub container: Option<String>,
    /// The exit code of that container, if it exited.
    pub exit_code: Option<i32>,
    /// The stop reason that ECS reports for the newest of these tasks.
    pub reason: String,
    /// Time of the first failure of this revision that ECS still lists.
    pub first_failure_at: Option<Timestamp>,
}

/// The running tasks whose load balancer targets are unhealthy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unhealthy {
    /// ARNs of the unhealthy tasks, longest-running first.
    pub tasks: Vec<String>,
    /// Number of unhealthy tasks; `total` counts all running tasks.
    pub targets: usize,
    pub total: usize,
    pub reason: String,
}

impl Health {
    #[must_use]
    pub fn is_unhealthy(&self) -> bool {
        match self {
            Self::Unhealthy(_) => true,
            Self::Healthy | Self::Recovering => false,
        }
    }

    /// Reports whether tasks of the service fail.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        match self {
            Self::Unhealthy(Symptom::Failing(_)) => true,
            Self::Unhealthy(Symptom::Unhealthy(_) | Symptom::MissingTasks)
            | Self::Healthy
            | Self::Recovering => false,
        }
    }
}

impl Failing {
    /// Returns the time at which the failures started: the first one that ECS still lists, or the
    /// first unhealthy observation, whichever is earlier.
    #[must_use]
    pub fn start_time(&self, first_observed: Timestamp) -> Timestamp {
        self.first_failure_at
            .unwrap_or(first_observed)
            .min(first_observed)
    }
}
