//! Classifies why a task stopped, from the reasons that ECS reports.
//!
//! Sources: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html>,
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html>

use crate::model::{Task, TaskContainer};
use jiff::Timestamp;
use serde::Serialize;

/// The cause for which a task stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum StopCause {
    /// A container was killed because it ran out of memory.
    OutOfMemory,
    /// An essential container exited. Any exit code is a failure, because a service must keep
    /// running.
    Exit,
    /// The task failed its load balancer, container or Service Connect health checks.
    HealthCheck,
    /// The image can't be pulled.
    Image,
    /// A required secret, role, log group, volume or network is missing or unreachable.
    Setup,
    /// The task could not be started for another reason.
    Start,
    /// There is no capacity for the task.
    Capacity,
    /// AWS reclaimed the Spot capacity.
    Spot,
    /// The instance or the hardware was lost or is under maintenance.
    Host,
    /// The stop was intended: a scale-in, a deployment, or a StopTask call.
    Routine,
    /// The stop reason is not recognized.
    Unknown,
}

/// A task that stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StoppedTask {
    /// The ARN of the task.
    pub task: String,
    pub stopped_at: Option<Timestamp>,
    /// Time at which the task started to run; `None` if it never did.
    pub started_at: Option<Timestamp>,
    /// The ARN of its task definition revision.
    pub revision: String,
    pub cause: StopCause,
    /// The container that caused the stop, if it is known.
    pub container: Option<String>,
    /// The exit code of that container, if it exited.
    pub exit_code: Option<i32>,
    /// The stop reason, verbatim from ECS.
    pub reason: String,
    pub zone: String,
}

/// Signs that are matched anywhere in a stop reason, because on EC2 other text precedes them.
const CONTAINED_SIGNS: [(&str, StopCause); 5] = [
    ("failed to initialize logging driver", StopCause::Setup),
    ("log group does not exist", StopCause::Setup),
    ("Fetching secret data from", StopCause::Setup),
    ("failed to fetch secret", StopCause::Setup),
    ("InsufficientFreeAddresses", StopCause::Capacity),
];

/// Prefixes of stop reasons and their causes; the first match counts.
const PREFIX_SIGNS: [(&str, StopCause); 35] = [
    ("OutOfMemoryError", StopCause::OutOfMemory),
    ("CannotPull", StopCause::Image),
    ("Task failed ELB health checks", StopCause::HealthCheck),
    (
        "Task failed container health checks",
        StopCause::HealthCheck,
    ),
    ("Task failed Service Connect", StopCause::HealthCheck),
    ("ResourceInitializationError", StopCause::Setup),
    ("ResourceNotFoundException", StopCause::Setup),
    ("AccessDeniedException", StopCause::Setup),
    ("CannotCreateVolumeError", StopCause::Setup),
    ("ECS was unable to assume the role", StopCause::Setup),
    ("EFS utils", StopCause::Setup),
    ("CannotStartContainerError", StopCause::Start),
    ("CannotStopContainerError", StopCause::Start),
    ("CannotInspectContainerError", StopCause::Start),
    ("CannotCreateContainerError", StopCause::Start),
    ("ContainerRuntime", StopCause::Start),
    ("DockerTimeoutError", StopCause::Start),
    ("InternalError", StopCause::Start),
    (
        "Timeout waiting for network interface provisioning",
        StopCause::Capacity,
    ),
    (
        "Timeout waiting for EphemeralStorage provisioning",
        StopCause::Capacity,
    ),
    ("Capacity is unavailable", StopCause::Capacity),
    ("RESOURCE:", StopCause::Capacity),
    ("No Fargate Spot capacity", StopCause::Capacity),
    ("You've reached the limit", StopCause::Capacity),
    ("Your Spot Task was interrupted", StopCause::Spot),
    ("SpotInterruptionError", StopCause::Spot),
    ("Host EC2", StopCause::Host),
    ("Container instance", StopCause::Host),
    ("ECS is performing maintenance", StopCause::Host),
    ("Amazon ECS is performing maintenance", StopCause::Host),
    ("Scaling activity initiated by", StopCause::Routine),
    ("Availability-zone rebalancing", StopCause::Routine),
    ("Availability Zone rebalancing", StopCause::Routine),
    ("Task stopped by", StopCause::Routine),
    ("Essential container in task exited", StopCause::Exit),
];

impl StopCause {
    /// Reports whether the cause is a failure of the service or of a resource that it needs.
    #[must_use]
    pub fn is_failure(self) -> bool {
        match self {
            Self::OutOfMemory
            | Self::Exit
            | Self::HealthCheck
            | Self::Image
            | Self::Setup
            | Self::Start
            | Self::Capacity => true,
            // ECS starts a replacement by itself, so there is nothing to heal.
            Self::Spot | Self::Host | Self::Routine | Self::Unknown => false,
        }
    }

    /// Reports whether an operator must act, because no restart restores a missing resource.
    #[must_use]
    pub fn needs_operator(self) -> bool {
        match self {
            Self::Image | Self::Setup => true,
            Self::OutOfMemory
            | Self::Exit
            | Self::HealthCheck
            | Self::Start
            | Self::Capacity
            | Self::Spot
            | Self::Host
            | Self::Routine
            | Self::Unknown => false,
        }
    }

    /// Reports whether a release can be the cause. A release changes the image; it neither takes
    /// capacity away nor removes a secret.
    #[must_use]
    pub fn can_start_with_release(self) -> bool {
        match self {
            Self::Setup | Self::Capacity => false,
            Self::OutOfMemory
            | Self::Exit
            | Self::HealthCheck
            | Self::Image
            | Self::Start
            | Self::Spot
            | Self::Host
            | Self::Routine
            | Self::Unknown => true,
        }
    }
}

impl StoppedTask {
    #[must_use]
    pub fn from_task(task: &Task) -> Self {
        let (cause, container) = classify_task(task);
        let own = container
            .filter(|container| !container.reason.is_empty())
            .map(|container| &container.reason);
        Self {
            task: task.task.clone(),
            stopped_at: task.stopped_at,
            started_at: task.started_at,
            revision: task.task_definition.clone(),
            cause,
            container: container.map(|container| container.name.clone()),
            exit_code: container.and_then(|container| container.exit_code),
            reason: own.unwrap_or(&task.reason).clone(),
            zone: task.zone.clone(),
        }
    }

    #[must_use]
    pub fn is_failure(&self) -> bool {
        self.cause.is_failure()
    }
}

/// Returns the cause of a stop, and the container that caused it.
fn classify_task(task: &Task) -> (StopCause, Option<&TaskContainer>) {
    let killed = task
        .containers
        .iter()
        .find(|container| match_cause(&container.reason) == Some(StopCause::OutOfMemory));
    if killed.is_some() {
        return (StopCause::OutOfMemory, killed);
    }
    // A container's reason is more precise than its task's, unless AWS itself stopped the task.
    match match_cause(&task.reason) {
        Some(StopCause::Exit) | None => {}
        Some(cause) => return (cause, None),
    }
    find_container_with_cause(task).unwrap_or_else(|| classify_by_stop_code(task))
}

/// Returns the first container whose reason has a known cause, with that cause.
fn find_container_with_cause(task: &Task) -> Option<(StopCause, Option<&TaskContainer>)> {
    task.containers
        .iter()
        .find_map(|container| Some((match_cause(&container.reason)?, Some(container))))
}

/// Classifies a task whose containers report no known reason, by its stop code. Some tasks have a
/// reason but no stop code.
fn classify_by_stop_code(task: &Task) -> (StopCause, Option<&TaskContainer>) {
    match task.stop_code.as_str() {
        "SpotInterruption" | "TerminationNotice" => (StopCause::Spot, None),
        "UserInitiated" | "ServiceSchedulerInitiated" => (StopCause::Routine, None),
        "TaskFailedToStart" => (StopCause::Start, None),
        "EssentialContainerExited" => (StopCause::Exit, task.find_failed_container()),
        _ if match_cause(&task.reason) == Some(StopCause::Exit) => {
            (StopCause::Exit, task.find_failed_container())
        }
        _ if task.reason.starts_with("Task failed to start") => (StopCause::Start, None),
        _ => (StopCause::Unknown, None),
    }
}

/// Returns the cause that ECS's wording of a stop reason indicates, if it is known.
fn match_cause(reason: &str) -> Option<StopCause> {
    CONTAINED_SIGNS
        .iter()
        .find(|(sign, _)| reason.contains(sign))
        .or_else(|| {
            PREFIX_SIGNS
                .iter()
                .find(|(sign, _)| reason.starts_with(sign))
        })
        .map(|(_, cause)| *cause)
}
