//! The health of a service, and the symptom of an unhealthy one.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use lamplighter::model::{Service, Task};
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
    /// Whether another attempt can help, as [`StoppedTask::is_retriable`] says of the newest of these tasks.
    ///
    /// [`StoppedTask::is_retriable`]: lamplighter::release::stopped_task::StoppedTask::is_retriable
    pub is_retriable: bool,
    /// What a person can do about it; empty if the reason alone doesn't say.
    pub advice: &'static str,
    /// Time of the first failure of this revision that ECS still lists.
    pub first_failure_at: Option<Timestamp>,
    /// Time of the newest failure.
    pub last_failure_at: Option<Timestamp>,
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

    /// Drops failures to start after which another task of the revision started: they explain nothing any more.
    #[must_use]
    pub fn forget_replaced_failures(self, running: &[Task], service: &Service) -> Self {
        let Self::Unhealthy(Symptom::Failing(failing)) = &self else {
            return self;
        };
        let has_started_since = running.iter().any(|task| {
            task.task_definition == service.task_definition
                && task.started_at > failing.last_failure_at
        });
        if !failing.is_before_start() || !has_started_since {
            self
        } else if service.count_missing_tasks() > 0 {
            Self::Unhealthy(Symptom::MissingTasks)
        } else {
            Self::Recovering
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
    /// Reports whether a person must change something before tasks can start.
    #[must_use]
    pub fn needs_operator(&self) -> bool {
        self.is_before_start() && !self.is_retriable
    }

    /// Reports whether ECS recovers from it by itself, if at all: it tries to start tasks anyway, so a restart adds nothing.
    #[must_use]
    pub fn is_left_to_ecs(&self) -> bool {
        self.is_before_start() && self.is_retriable && self.cause != StopCause::Start
    }

    /// Reports whether the tasks failed before they ran.
    fn is_before_start(&self) -> bool {
        match self.cause {
            StopCause::Image | StopCause::Setup | StopCause::Start | StopCause::Capacity => true,
            StopCause::OutOfMemory
            | StopCause::Exit
            | StopCause::HealthCheck
            | StopCause::Spot
            | StopCause::Host
            | StopCause::Routine
            | StopCause::Unknown => false,
        }
    }

    /// Reports whether the release that runs can be the cause. If ECS got no container to start and says nothing else,
    /// the image is not to blame.
    #[must_use]
    pub fn can_start_with_release(&self) -> bool {
        let is_before_containers = self.cause == StopCause::Start && self.container.is_none();
        self.cause.can_start_with_release() && !is_before_containers
    }

    /// Returns the time at which the failures started: the first one that ECS still lists, or the
    /// first unhealthy observation, whichever is earlier.
    #[must_use]
    pub fn start_time(&self, first_observed: Timestamp) -> Timestamp {
        self.first_failure_at
            .unwrap_or(first_observed)
            .min(first_observed)
    }
}
