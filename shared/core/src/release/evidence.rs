//! Evidence for why a service is unhealthy: how its tasks stopped, and their last log lines.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::AwsError;
use crate::model::{EnvironmentCause, Service, Task, TaskContainer, TaskDefinition, pluralize};
use crate::notify::redact;
use crate::ports::{Logs, Services, TaskLifecycle, TaskOwner, Tasks};
use crate::release::stopped_task::{StopCause, StoppedTask};

/// The number of log lines that are read, and of those that are reported.
const LINES_READ: usize = 50;
const LINES_REPORTED: usize = 5;
/// Words that mark a log line as an error.
const ERROR_WORDS: [&str; 5] = ["error", "exception", "fatal", "panic", "fail"];

/// Evidence as sentences; empty if nothing was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// A summary of how tasks stopped.
    pub stops: Option<String>,
    /// The name of a container and its log lines.
    pub lines: Option<(String, Vec<String>)>,
    /// The log group of the container.
    pub log_group: Option<String>,
    /// The part of the evidence that could not be read.
    pub missing: Option<String>,
    /// What the stopped tasks blame.
    pub blame: Blame,
}

/// What made tasks of a release fail.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub enum Blame {
    /// No task failed, or none gives a reason.
    #[default]
    Unknown,
    /// A container of the release started and failed, or the image can't run there.
    Image,
    /// No task got as far as to run the image.
    Environment(EnvironmentCause),
}

/// Words of a failed pull that the image itself causes.
const UNFIT_IMAGE: [&str; 2] = ["no matching manifest", "exec format error"];
/// Errors of a start that the image itself causes: a wrong entry point, or a wrong platform.
const UNFIT_START: [&str; 2] = ["CannotStartContainerError", "CannotCreateContainerError"];

impl Blame {
    /// Returns what the failed tasks blame: the image if one of them ran it, else the first cause.
    #[must_use]
    pub fn from_tasks(stopped: &[Task]) -> Self {
        let mut blame = Self::Unknown;
        for stop in stopped
            .iter()
            .map(|task| StoppedTask::from_task(task, None))
        {
            match Self::from_stop(&stop) {
                Self::Image => return Self::Image,
                Self::Environment(cause) if blame == Self::Unknown => {
                    blame = Self::Environment(cause);
                }
                Self::Environment(_) | Self::Unknown => {}
            }
        }
        blame
    }

    fn from_stop(stop: &StoppedTask) -> Self {
        match stop.cause {
            StopCause::OutOfMemory | StopCause::Exit | StopCause::HealthCheck => Self::Image,
            StopCause::Start if UNFIT_START.iter().any(|sign| stop.reason.contains(sign)) => {
                Self::Image
            }
            StopCause::Image if UNFIT_IMAGE.iter().any(|sign| stop.reason.contains(sign)) => {
                Self::Image
            }
            StopCause::Image => Self::Environment(EnvironmentCause::Registry),
            StopCause::Setup => Self::Environment(EnvironmentCause::MissingResource),
            StopCause::Capacity => Self::Environment(EnvironmentCause::Capacity),
            StopCause::Start
            | StopCause::Spot
            | StopCause::Host
            | StopCause::Routine
            | StopCause::Unknown => Self::Unknown,
        }
    }
}

impl Evidence {
    /// Returns all evidence as text. The text starts with a space unless it is empty.
    #[must_use]
    pub fn render_text(&self) -> String {
        let sentences = self
            .stops
            .iter()
            .chain(&self.missing)
            .map(|sentence| format!(" {sentence}"));
        let log_lines = self.lines.as_ref().map(|(container, lines)| {
            format!(
                "\nLast log lines of container {container}:\n  {}",
                lines.join("\n  ")
            )
        });
        sentences.chain(log_lines).collect()
    }
}

/// Collects evidence from tasks of a service that stopped since a time, or that run.
///
/// Tasks of the revision `base` are left out. Never fails: unreadable logs must not block a
/// repair.
pub async fn collect_evidence<C: Services + Tasks + Logs>(
    service: &Service,
    since: Timestamp,
    base: &str,
    cloud: &C,
) -> Evidence {
    let mut evidence = Evidence::default();
    if let Err(error) = read_evidence(&mut evidence, service, since, base, cloud).await {
        evidence.missing = Some(format!("More evidence could not be read: {error}."));
    }
    evidence
}

/// Collects the last log lines of a task that failed. Never fails.
pub async fn collect_task_evidence<C: Services + Logs>(task: &Task, cloud: &C) -> Evidence {
    match read_log_lines(task, cloud).await {
        Ok((log_group, lines)) => Evidence {
            lines,
            log_group,
            ..Evidence::default()
        },
        Err(error) => Evidence {
            missing: Some(format!("Its log could not be read: {error}.")),
            ..Evidence::default()
        },
    }
}

async fn read_evidence<C: Services + Tasks + Logs>(
    evidence: &mut Evidence,
    service: &Service,
    since: Timestamp,
    base: &str,
    cloud: &C,
) -> Result<(), AwsError> {
    let mut stopped = cloud
        .list_tasks(TaskOwner::Service(&service.arn), TaskLifecycle::Stopped)
        .await?;
    stopped.retain(|task| {
        is_suspect(task, service, base) && task.stopped_at.is_none_or(|at| at >= since)
    });
    evidence.blame = Blame::from_tasks(&stopped);
    let newest_failed = stopped
        .iter()
        .filter(|task| has_failed(task))
        .max_by_key(|task| task.stopped_at)
        .cloned();
    let newest_stop = newest_failed.as_ref().or(stopped.last());
    // What is known without the task definition stays, should the read fail.
    evidence.stops = summarize_stops(&stopped, None);
    let definition = match newest_stop {
        Some(task) => Some(
            cloud
                .describe_task_definition(&task.task_definition)
                .await?,
        ),
        None => None,
    };
    evidence.stops = summarize_stops(&stopped, definition.as_ref());
    (evidence.log_group, evidence.lines) = match (newest_failed, definition) {
        (Some(task), Some(definition)) => read_lines_of(&task, &definition, cloud).await?,
        (Some(_) | None, _) => match find_running_suspect(service, base, cloud).await? {
            Some(task) => read_log_lines(&task, cloud).await?,
            None => (None, None),
        },
    };
    Ok(())
}

/// Reports whether a task may explain the state of the service. The previous revision `base`, and
/// the one that the service was rolled back to, are not to blame.
fn is_suspect(task: &Task, service: &Service, base: &str) -> bool {
    let is_rolled_back = service.task_definition == base;
    task.task_definition != base
        && (is_rolled_back || task.task_definition == service.task_definition)
}

/// Reports whether a container of the task exited with an error.
fn has_failed(task: &Task) -> bool {
    task.containers
        .iter()
        .any(|container| container.exit_code.is_some_and(|code| code != 0))
}

async fn find_running_suspect<C: Tasks>(
    service: &Service,
    base: &str,
    cloud: &C,
) -> Result<Option<Task>, AwsError> {
    let running = cloud
        .list_tasks(TaskOwner::Service(&service.arn), TaskLifecycle::Running)
        .await?;
    Ok(running
        .into_iter()
        .find(|task| is_suspect(task, service, base) && task.status == "RUNNING"))
}

/// A log group, and the name and last log lines of a container; `None` for what there is not.
type LastLines = (Option<String>, Option<(String, Vec<String>)>);

/// Reads the last log lines of the failed container of a task.
async fn read_log_lines<C: Services + Logs>(task: &Task, cloud: &C) -> Result<LastLines, AwsError> {
    let definition = cloud
        .describe_task_definition(&task.task_definition)
        .await?;
    read_lines_of(task, &definition, cloud).await
}

async fn read_lines_of<C: Logs>(
    task: &Task,
    definition: &TaskDefinition,
    cloud: &C,
) -> Result<LastLines, AwsError> {
    let Some(container) = find_failed_container(task, Some(definition)) else {
        return Ok((None, None));
    };
    let Some(stream) = definition.log_stream(&container.name, &task.task) else {
        return Ok((None, None));
    };
    let lines = select_log_lines(&cloud.last_log_lines(&stream, LINES_READ).await?);
    let lines = (!lines.is_empty()).then(|| (container.name.clone(), lines));
    Ok((Some(stream.group), lines))
}

/// Returns the container that failed, or the first container if none did.
fn find_failed_container<'a>(
    task: &'a Task,
    definition: Option<&TaskDefinition>,
) -> Option<&'a TaskContainer> {
    task.find_failed_container(definition)
        .or_else(|| task.containers.first())
}

/// Selects the last lines that contain an error word, or else the last lines. They are redacted together, because a key has
/// several lines.
fn select_log_lines(lines: &[String]) -> Vec<String> {
    let redacted = redact::redact_lines(lines);
    let both: Vec<(&String, String)> = lines.iter().zip(redacted).collect();
    // A message shows the beginning of a line, and the word may be further back.
    let has_errors = both.iter().any(|(line, _)| contains_error_word(line));
    let mut selected: Vec<String> = both
        .into_iter()
        .rev()
        .filter(|(line, _)| !has_errors || contains_error_word(line))
        .take(LINES_REPORTED)
        .map(|(_, shown)| shown)
        .filter(|shown| !shown.is_empty())
        .collect();
    selected.reverse();
    selected
}

fn contains_error_word(line: &str) -> bool {
    let line = line.to_lowercase();
    ERROR_WORDS.iter().any(|word| line.contains(word))
}

/// Summarizes how most of the tasks stopped that were not stopped by a deployment.
fn summarize_stops(tasks: &[Task], definition: Option<&TaskDefinition>) -> Option<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for task in tasks.iter().filter(|task| task.is_stopped()) {
        // ECS stopped this task as part of a deployment.
        if task.reason.starts_with("Scaling activity initiated by") {
            continue;
        }
        *counts
            .entry(redact::redact_line(&describe_stop(
                task,
                definition.filter(|definition| definition.arn() == task.task_definition),
            )))
            .or_default() += 1;
    }
    let (how, count) = counts.into_iter().max_by_key(|(_, count)| *count)?;
    Some(format!("{} stopped: {how}.", pluralize(count, "task")))
}

fn describe_stop(task: &Task, definition: Option<&TaskDefinition>) -> String {
    let Some(container) = find_failed_container(task, definition) else {
        return task.reason.clone();
    };
    let name = &container.name;
    match (container.exit_code, container.reason.as_str()) {
        (Some(code), "") if code != 0 => {
            format!("container {name} exited with code {code}")
        }
        (Some(code), reason) if code != 0 => {
            format!("container {name} exited with code {code} ({reason})")
        }
        (_, reason) if !reason.is_empty() => {
            format!("{} ({reason})", task.reason.trim_end_matches('.'))
        }
        _ => task.reason.trim_end_matches('.').to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// JSON logs name the level late, after what a message shows.
    #[test]
    fn an_error_word_beyond_what_is_shown_selects_the_line() {
        let error = format!("{{\"host\":\"{}\",\"level\":\"error\"}}", "h ".repeat(150));
        let lines = [error.clone(), "ready".to_owned(), "served".to_owned()];
        let selected = select_log_lines(&lines);
        assert_eq!(selected.len(), 1);
        assert!(selected[0].starts_with("{\"host\":\"h h ") && selected[0].len() < error.len());
    }
}
