//! Classifies why a task stopped, from the reasons that ECS reports.
//!
//! Sources: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html>,
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html>

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::model::{Task, TaskContainer, TaskDefinition};
pub use crate::release::stop_cause::StopCause;
use crate::release::stop_reasons::{self, StopReason};

/// A task that stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StoppedTask {
    /// The ARN of the task.
    pub task: String,
    pub stopped_at: Option<Timestamp>,
    /// Time at which the task started to run; `None` if it never did.
    pub started_at: Option<Timestamp>,
    /// Time from its creation until its containers ran; `None` if they never did.
    pub startup: Option<SignedDuration>,
    /// The ARN of its task definition revision.
    pub revision: String,
    pub cause: StopCause,
    /// The container that caused the stop, if it is known.
    pub container: Option<String>,
    /// The exit code of that container, if it exited.
    pub exit_code: Option<i32>,
    /// The stop reason, verbatim from ECS.
    pub reason: String,
    /// Whether another attempt can help. False if a person must change something first.
    pub is_retriable: bool,
    /// What a person can do; empty if the reason alone doesn't say.
    pub advice: &'static str,
    pub zone: String,
}

/// The result of a classification.
struct Classification<'a> {
    cause: StopCause,
    /// The container that caused the stop, if it is known.
    container: Option<&'a TaskContainer>,
    /// The text that tells the cause; empty if none does.
    reason: &'a str,
    is_retriable: bool,
    advice: &'static str,
}

impl StoppedTask {
    /// Classifies a task. `definition`: its task definition, if a caller has read it. It tells which containers are
    /// essential.
    #[must_use]
    pub fn from_task(task: &Task, definition: Option<&TaskDefinition>) -> Self {
        let classified = classify_task(task, definition);
        let reason = if classified.reason.is_empty() {
            &task.reason
        } else {
            classified.reason
        };
        Self {
            task: task.task.clone(),
            stopped_at: task.stopped_at,
            started_at: task.started_at,
            startup: task.startup_time(),
            revision: task.task_definition.clone(),
            cause: classified.cause,
            container: classified.container.map(|container| container.name.clone()),
            exit_code: classified
                .container
                .and_then(|container| container.exit_code),
            reason: reason.to_owned(),
            is_retriable: classified.is_retriable,
            advice: classified.advice,
            zone: task.zone.clone(),
        }
    }

    #[must_use]
    pub fn is_failure(&self) -> bool {
        self.cause.is_failure()
    }

    /// Returns how long the task ran; `None` if it never did.
    #[must_use]
    pub fn lifetime(&self) -> Option<SignedDuration> {
        Some(self.stopped_at?.duration_since(self.started_at?))
    }
}

impl<'a> Classification<'a> {
    fn from_reason(
        text: &'a str,
        reason: &StopReason,
        container: Option<&'a TaskContainer>,
    ) -> Self {
        Self {
            container,
            reason: text,
            cause: reason.cause,
            is_retriable: reason.is_retriable,
            advice: reason.advice,
        }
    }

    /// Builds the classification of a task whose reason says nothing about a remedy.
    fn from_cause(cause: StopCause) -> Self {
        Self {
            cause,
            container: None,
            reason: "",
            is_retriable: true,
            advice: "",
        }
    }
}

/// Returns the cause of a stop, and the container that caused it.
fn classify_task<'a>(task: &'a Task, definition: Option<&TaskDefinition>) -> Classification<'a> {
    let has_exited = task.containers.iter().any(|c| c.exit_code.is_some());
    let matched = |container: &'a TaskContainer| {
        // What went wrong while ECS stopped the others is not why the task stopped.
        if has_exited && is_about_stopping(&container.reason) {
            return None;
        }
        stop_reasons::find_reason(&container.reason)
            .map(|reason| Classification::from_reason(&container.reason, reason, Some(container)))
    };
    let by_container = || task.containers.iter().filter_map(matched);
    if let Some(dependent) = find_failed_dependency(task) {
        return dependent;
    }
    if let Some(killed) = by_container().find(|found| found.cause == StopCause::OutOfMemory) {
        return killed;
    }
    // A container's reason is more precise than its task's, unless AWS itself stopped the task. The reason of a person
    // who stops a task is any text.
    let by_task = stop_reasons::find_reason(&task.reason)
        .filter(|reason| task.stop_code != "UserInitiated" || reason.cause == StopCause::Host);
    if let Some(reason) = by_task.filter(|reason| reason.cause != StopCause::Exit) {
        return Classification::from_reason(&task.reason, reason, None);
    }
    by_container()
        .find(|found| found.cause != StopCause::Exit)
        .unwrap_or_else(|| classify_by_stop_code(task, definition))
}

/// Reports whether a container's reason is about its end, not its start.
fn is_about_stopping(reason: &str) -> bool {
    reason.contains("CannotStopContainerError") || reason.contains("transition to stopped")
}

/// Finds the container on which another one waits in vain. ECS gives its name in the reason of the one that waits:
/// `container ordering dependency [migrate(…) (STOPPED->RUNNING) -  Exit: 1]`.
fn find_failed_dependency(task: &Task) -> Option<Classification<'_>> {
    let (text, reason, name) = task.containers.iter().find_map(|waiting| {
        let (_, after) = waiting
            .reason
            .split_once("container ordering dependency [")?;
        let name = after.split(['(', ']']).next()?;
        let reason = stop_reasons::find_reason(&waiting.reason)?;
        Some((waiting.reason.as_str(), reason, name))
    })?;
    let container = task.containers.iter().find(|c| c.name == name)?;
    Some(Classification::from_reason(text, reason, Some(container)))
}

/// Classifies a task whose containers report no known reason, by its stop code. Some tasks have a
/// reason but no stop code.
fn classify_by_stop_code<'a>(
    task: &'a Task,
    definition: Option<&TaskDefinition>,
) -> Classification<'a> {
    let has_exited = stop_reasons::find_reason(&task.reason).is_some();
    match task.stop_code.as_str() {
        "SpotInterruption" | "TerminationNotice" => Classification::from_cause(StopCause::Spot),
        "UserInitiated" | "ServiceSchedulerInitiated" => {
            Classification::from_cause(StopCause::Routine)
        }
        "EssentialContainerExited" => classify_exit(task, definition),
        "TaskFailedToStart" => classify_failed_start(task),
        _ if has_exited => classify_exit(task, definition),
        _ if task.reason.starts_with("Task failed to start") => classify_failed_start(task),
        _ => Classification::from_cause(StopCause::Unknown),
    }
}

/// Classifies a task that failed to start for a reason that no table has. If no container gives a reason, none was
/// started: what the task needs is wrong, and another attempt fails as well.
fn classify_failed_start(task: &Task) -> Classification<'_> {
    let container = task
        .containers
        .iter()
        .find(|container| !container.reason.is_empty());
    Classification {
        container,
        reason: container.map_or("", |container| &container.reason),
        is_retriable: container.is_some(),
        ..Classification::from_cause(StopCause::Start)
    }
}

/// Classifies a task whose essential container exited, by the exit code of that container.
fn classify_exit<'a>(task: &'a Task, definition: Option<&TaskDefinition>) -> Classification<'a> {
    let container = task.find_failed_container(definition);
    Classification {
        container,
        reason: container.map_or("", |container| &container.reason),
        advice: container
            .and_then(|container| container.exit_code)
            .map_or("", stop_reasons::advise_about_exit_code),
        ..Classification::from_cause(StopCause::Exit)
    }
}
