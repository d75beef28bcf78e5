//! Evidence for why a service is unhealthy: how its tasks stopped, and their last log lines.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::AwsError;
use crate::model::{Service, Task, TaskContainer, pluralize};
use crate::notify::redact;
use crate::ports::{Logs, Services, TaskLifecycle, TaskOwner, Tasks};

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
    /// The part of the evidence that could not be read.
    pub missing: Option<String>,
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
        let last = |(container, lines): &(String, Vec<String>)| {
            format!(
                "\nLast lines of the container {container}:\n  {}",
                lines.join("\n  ")
            )
        };
        sentences.chain(self.lines.as_ref().map(last)).collect()
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
        evidence.missing = Some(format!("More could not be read: {error}."));
    }
    evidence
}

async fn read_evidence<C: Services + Tasks + Logs>(
    evidence: &mut Evidence,
    service: &Service,
    since: Timestamp,
    base: &str,
    cloud: &C,
) -> Result<(), AwsError> {
    // The previous revision, and the one that the service was rolled back to, are not to blame.
    let has_gone_back = service.task_definition == base;
    let is_to_blame = |task: &Task| {
        task.task_definition != base
            && (has_gone_back || task.task_definition == service.task_definition)
    };
    let mut stopped = cloud
        .list_tasks(TaskOwner::Service(&service.arn), TaskLifecycle::Stopped)
        .await?;
    stopped.retain(|task| is_to_blame(task) && task.stopped_at.is_none_or(|at| at >= since));
    evidence.stops = summarize_stops(&stopped);
    let failed = |task: &&Task| {
        task.containers
            .iter()
            .any(|container| container.exit_code.is_some_and(|code| code != 0))
    };
    let mut newest = stopped
        .iter()
        .filter(failed)
        .max_by_key(|task| task.stopped_at)
        .cloned();
    if newest.is_none() {
        let running = cloud
            .list_tasks(TaskOwner::Service(&service.arn), TaskLifecycle::Running)
            .await?;
        newest = running
            .into_iter()
            .find(|task| is_to_blame(task) && task.status == "RUNNING");
    }
    let Some(task) = newest.as_ref() else {
        return Ok(());
    };
    let Some(container) = find_failed_container(task) else {
        return Ok(());
    };
    let definition = cloud
        .describe_task_definition(&task.task_definition)
        .await?;
    let Some(stream) = definition.log_stream(&container.name, &task.task) else {
        return Ok(());
    };
    let lines = select_log_lines(&cloud.last_log_lines(&stream, LINES_READ).await?);
    evidence.lines = (!lines.is_empty()).then(|| (container.name.clone(), lines));
    Ok(())
}

/// Returns the container that failed, or the first container if none did.
fn find_failed_container(task: &Task) -> Option<&TaskContainer> {
    task.find_failed_container()
        .or_else(|| task.containers.first())
}

/// Selects the last lines that contain an error word, or else the last lines.
fn select_log_lines(lines: &[String]) -> Vec<String> {
    let tells = |line: &&String| {
        let line = line.to_lowercase();
        ERROR_WORDS.iter().any(|sign| line.contains(sign))
    };
    let mut told: Vec<&String> = lines
        .iter()
        .rev()
        .filter(tells)
        .take(LINES_REPORTED)
        .collect();
    if told.is_empty() {
        told = lines.iter().rev().take(LINES_REPORTED).collect();
    }
    told.into_iter()
        .rev()
        .map(|line| redact::redact_line(line))
        .filter(|line| !line.is_empty())
        .collect()
}

/// Summarizes how most of the tasks stopped that were not stopped by a deployment.
fn summarize_stops(tasks: &[Task]) -> Option<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for task in tasks.iter().filter(|task| task.is_stopped()) {
        // ECS stopped this task as part of a deployment.
        if task.reason.starts_with("Scaling activity initiated by") {
            continue;
        }
        *counts
            .entry(redact::redact_line(&describe_stop(task)))
            .or_default() += 1;
    }
    let (how, count) = counts.into_iter().max_by_key(|(_, count)| *count)?;
    Some(format!(
        "{} of it stopped: {how}.",
        pluralize(count, "task")
    ))
}

fn describe_stop(task: &Task) -> String {
    let Some(container) = find_failed_container(task) else {
        return task.reason.clone();
    };
    let name = &container.name;
    match (container.exit_code, container.reason.as_str()) {
        (Some(code), "") if code != 0 => {
            format!("the container {name} ended with exit code {code}")
        }
        (Some(code), reason) if code != 0 => {
            format!("the container {name} ended with exit code {code} ({reason})")
        }
        (_, reason) if !reason.is_empty() => {
            format!("{} ({reason})", task.reason.trim_end_matches('.'))
        }
        _ => task.reason.trim_end_matches('.').to_owned(),
    }
}
