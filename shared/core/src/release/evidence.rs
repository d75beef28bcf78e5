//! What can be found out about why a service is not well: how its tasks stopped, and what they wrote last.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::AwsError;
use crate::model::{Service, Task, TaskContainer, counted};
use crate::notify::redact;
use crate::ports::cloud::{Cloud, Lifecycle, TasksOf};

/// Lines that are read, and those of them that are told.
const READ: usize = 50;
const TOLD: usize = 5;
/// How a line is known to tell of an error.
const SIGNS: [&str; 5] = ["error", "exception", "fatal", "panic", "fail"];

/// In sentences; empty where nothing was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// How tasks stopped.
    pub stops: Option<String>,
    /// The container that wrote the lines, and the lines.
    pub lines: Option<(String, Vec<String>)>,
    /// What could not be read.
    pub missing: Option<String>,
}

impl Evidence {
    /// All of it as text; begins with a space where there is something.
    #[must_use]
    pub fn text(&self) -> String {
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

/// What is known of the tasks of a service that stopped since a time, or run; those of the revision `base` are left
/// out. Never an error: that logs can't be read must not keep anything from being mended.
pub async fn find<C: Cloud>(
    service: &Service,
    since: Timestamp,
    base: &str,
    cloud: &C,
) -> Evidence {
    let mut evidence = Evidence::default();
    if let Err(error) = fill(&mut evidence, service, since, base, cloud).await {
        evidence.missing = Some(format!("More could not be read: {error}."));
    }
    evidence
}

async fn fill<C: Cloud>(
    evidence: &mut Evidence,
    service: &Service,
    since: Timestamp,
    base: &str,
    cloud: &C,
) -> Result<(), AwsError> {
    // What ran before, and what is gone back to, is not to blame.
    let has_gone_back = service.task_definition == base;
    let is_to_blame = |task: &Task| {
        task.task_definition != base
            && (has_gone_back || task.task_definition == service.task_definition)
    };
    let mut stopped = cloud
        .tasks(TasksOf::Service(&service.arn), Lifecycle::Stopped)
        .await?;
    stopped.retain(|task| is_to_blame(task) && task.stopped_at.is_none_or(|at| at >= since));
    evidence.stops = stops(&stopped);
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
            .tasks(TasksOf::Service(&service.arn), Lifecycle::Running)
            .await?;
        newest = running
            .into_iter()
            .find(|task| is_to_blame(task) && task.status == "RUNNING");
    }
    let Some(task) = newest.as_ref() else {
        return Ok(());
    };
    let Some(container) = culprit(task) else {
        return Ok(());
    };
    let definition = cloud.task_definition(&task.task_definition).await?;
    let Some(stream) = definition.log_stream(&container.name, &task.task) else {
        return Ok(());
    };
    let lines = telling(&cloud.last_lines(&stream, READ).await?);
    evidence.lines = (!lines.is_empty()).then(|| (container.name.clone(), lines));
    Ok(())
}

/// The container that failed; the first one where none did.
fn culprit(task: &Task) -> Option<&TaskContainer> {
    task.failed_container().or_else(|| task.containers.first())
}

/// The last lines that tell of an error, or else the last ones.
fn telling(lines: &[String]) -> Vec<String> {
    let tells = |line: &&String| {
        let line = line.to_lowercase();
        SIGNS.iter().any(|sign| line.contains(sign))
    };
    let mut told: Vec<&String> = lines.iter().rev().filter(tells).take(TOLD).collect();
    if told.is_empty() {
        told = lines.iter().rev().take(TOLD).collect();
    }
    told.into_iter()
        .rev()
        .map(|line| redact::line(line))
        .filter(|line| !line.is_empty())
        .collect()
}

/// How most of the tasks stopped that did so by themselves.
fn stops(tasks: &[Task]) -> Option<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for task in tasks.iter().filter(|task| task.is_over()) {
        // By ECS itself, as its part of a deployment.
        if task.reason.starts_with("Scaling activity initiated by") {
            continue;
        }
        *counts.entry(redact::line(&how(task))).or_default() += 1;
    }
    let (how, count) = counts.into_iter().max_by_key(|(_, count)| *count)?;
    Some(format!("{} of it stopped: {how}.", counted(count, "task")))
}

fn how(task: &Task) -> String {
    let Some(container) = culprit(task) else {
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
