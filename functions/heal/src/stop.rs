//! Why a task stopped, by what ECS says of it.
//!
//! Sources: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html>,
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html>

use jiff::Timestamp;
use lamplighter::model::{Task, TaskContainer};
use serde::Serialize;

/// Why a task stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Cause {
    /// A container was killed for the memory that it used.
    OutOfMemory,
    /// An essential container ended, with whatever code: one of a service is to run on.
    Exit,
    /// It failed the health checks of its load balancer, or its own.
    HealthCheck,
    /// Its image can't be pulled.
    Image,
    /// A secret, a role, a log group, a volume or a network that it needs is missing or out of reach.
    Setup,
    /// It could not be started for another reason.
    Start,
    /// There is no room for it.
    Capacity,
    /// AWS took its Spot capacity back.
    Spot,
    /// The instance or the hardware under it went away.
    Host,
    /// It was to stop: scaled in, deployed over, or stopped by somebody.
    Routine,
    /// In words that are not known here.
    Unknown,
}

/// A task that stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stop {
    /// The ARN of the task.
    pub task: String,
    pub at: Option<Timestamp>,
    /// When it began to run; `None` where it never did.
    pub started: Option<Timestamp>,
    /// The ARN of the revision that it was of.
    pub revision: String,
    pub cause: Cause,
    /// The container that it stopped for, where one did.
    pub container: Option<String>,
    /// What ECS says, as it says it.
    pub says: String,
    pub zone: String,
}

/// What says, wherever it stands, that something is missing or full: on EC2 it follows other words.
const WITHIN: [(&str, Cause); 5] = [
    ("failed to initialize logging driver", Cause::Setup),
    ("log group does not exist", Cause::Setup),
    ("Fetching secret data from", Cause::Setup),
    ("failed to fetch secret", Cause::Setup),
    ("InsufficientFreeAddresses", Cause::Capacity),
];

/// How what ECS says begins, and what that means; the first that fits counts.
const SIGNS: [(&str, Cause); 35] = [
    ("OutOfMemoryError", Cause::OutOfMemory),
    ("CannotPull", Cause::Image),
    ("Task failed ELB health checks", Cause::HealthCheck),
    ("Task failed container health checks", Cause::HealthCheck),
    ("Task failed Service Connect", Cause::HealthCheck),
    ("ResourceInitializationError", Cause::Setup),
    ("ResourceNotFoundException", Cause::Setup),
    ("AccessDeniedException", Cause::Setup),
    ("CannotCreateVolumeError", Cause::Setup),
    ("ECS was unable to assume the role", Cause::Setup),
    ("EFS utils", Cause::Setup),
    ("CannotStartContainerError", Cause::Start),
    ("CannotStopContainerError", Cause::Start),
    ("CannotInspectContainerError", Cause::Start),
    ("CannotCreateContainerError", Cause::Start),
    ("ContainerRuntime", Cause::Start),
    ("DockerTimeoutError", Cause::Start),
    ("InternalError", Cause::Start),
    (
        "Timeout waiting for network interface provisioning",
        Cause::Capacity,
    ),
    (
        "Timeout waiting for EphemeralStorage provisioning",
        Cause::Capacity,
    ),
    ("Capacity is unavailable", Cause::Capacity),
    ("RESOURCE:", Cause::Capacity),
    ("No Fargate Spot capacity", Cause::Capacity),
    ("You've reached the limit", Cause::Capacity),
    ("Your Spot Task was interrupted", Cause::Spot),
    ("SpotInterruptionError", Cause::Spot),
    ("Host EC2", Cause::Host),
    ("Container instance", Cause::Host),
    ("ECS is performing maintenance", Cause::Host),
    ("Amazon ECS is performing maintenance", Cause::Host),
    ("Scaling activity initiated by", Cause::Routine),
    ("Availability-zone rebalancing", Cause::Routine),
    ("Availability Zone rebalancing", Cause::Routine),
    ("Task stopped by", Cause::Routine),
    ("Essential container in task exited", Cause::Exit),
];

impl Cause {
    /// Something is wrong with the service, or with what it needs.
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
            // ECS starts another one, and nothing is to be mended.
            Self::Spot | Self::Host | Self::Routine | Self::Unknown => false,
        }
    }

    /// No restart helps: something that is missing must be put there.
    #[must_use]
    pub fn needs_person(self) -> bool {
        matches!(self, Self::Image | Self::Setup)
    }
}

impl Stop {
    #[must_use]
    pub fn of(task: &Task) -> Self {
        let (cause, container) = classify(task);
        let own = container
            .filter(|container| !container.reason.is_empty())
            .map(|container| &container.reason);
        Self {
            task: task.task.clone(),
            at: task.stopped_at,
            started: task.started_at,
            revision: task.task_definition.clone(),
            cause,
            container: container.map(|container| container.name.clone()),
            says: own.unwrap_or(&task.reason).clone(),
            zone: task.zone.clone(),
        }
    }

    #[must_use]
    pub fn is_failure(&self) -> bool {
        self.cause.is_failure()
    }
}

/// The cause, and the container that shows it.
fn classify(task: &Task) -> (Cause, Option<&TaskContainer>) {
    let killed = task
        .containers
        .iter()
        .find(|container| by_sign(&container.reason) == Some(Cause::OutOfMemory));
    if killed.is_some() {
        return (Cause::OutOfMemory, killed);
    }
    // What a container says is more precise than what is said of its task, unless AWS stopped it.
    match by_sign(&task.reason) {
        Some(Cause::Exit) | None => {}
        Some(cause) => return (cause, None),
    }
    let telling = task
        .containers
        .iter()
        .find_map(|c| Some((by_sign(&c.reason)?, Some(c))));
    let ended = || task.failed_container();
    telling.unwrap_or_else(|| match task.stop_code.as_str() {
        "SpotInterruption" | "TerminationNotice" => (Cause::Spot, None),
        "UserInitiated" | "ServiceSchedulerInitiated" => (Cause::Routine, None),
        "TaskFailedToStart" => (Cause::Start, None),
        "EssentialContainerExited" => (Cause::Exit, ended()),
        _ if by_sign(&task.reason) == Some(Cause::Exit) => (Cause::Exit, ended()),
        _ if task.reason.starts_with("Task failed to start") => (Cause::Start, None),
        _ => (Cause::Unknown, None),
    })
}

fn by_sign(says: &str) -> Option<Cause> {
    let within = WITHIN.iter().find(|(sign, _)| says.contains(sign));
    within
        .or_else(|| SIGNS.iter().find(|(sign, _)| says.starts_with(sign)))
        .map(|(_, cause)| *cause)
}

/// The ARN that ECS names as missing or out of reach, without what follows it.
#[must_use]
pub fn missing(says: &str) -> Option<&str> {
    // Who was refused is named before what.
    let says = says
        .split_once("on resource: ")
        .map_or(says, |(_, after)| after);
    let named = says.get(says.find("arn:aws")?..)?;
    let end = named
        .find(|c: char| !(c.is_ascii_alphanumeric() || ":/_+=.@-".contains(c)))
        .unwrap_or(named.len());
    named
        .get(..end)
        .map(|arn| arn.trim_end_matches(['.', ':', '-']))
}
