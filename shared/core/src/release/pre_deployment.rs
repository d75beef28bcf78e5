//! Tasks that run with a new image before a service changes: their tokens, and how they end.

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::model::{Arn, Digest, Task, TaskContainer};
use crate::notify::redact;
use crate::plan::{Action, Plan, ReleaseAction, ReleaseResult};
use crate::release::evidence::Blame;
use crate::release::stopped_task::{StopCause, StoppedTask};
use crate::state::{PreDeploymentResult, PreDeploymentRun, TargetState};

/// The beginning of `startedBy` of these tasks.
pub const STARTED_BY_PREFIX: &str = "lamplighter-before/";

/// Returns the beginning of the tokens of a service's tasks.
#[must_use]
pub fn token_prefix(service: &Arn) -> String {
    format!("{STARTED_BY_PREFIX}{}/", hash_text(service.as_str()))
}

/// Returns the client token and `startedBy` of an attempt, with at most 64 characters.
///
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html>
#[must_use]
pub fn build_token(service: &Arn, digest: &Digest, attempt: u32) -> String {
    let image = hash_text(digest.as_str());
    format!("{}{image}-{attempt}", token_prefix(service))
}

/// Hashes a text to 16 hexadecimal digits.
fn hash_text(text: &str) -> String {
    let hash = Sha256::digest(text)
        .iter()
        .take(8)
        .fold(0_u64, |hash, byte| (hash << 8) | u64::from(*byte));
    format!("{hash:016x}")
}

/// How a pre-deployment task stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum TaskProgress {
    Running,
    Passed,
    /// It ran, and did not pass. The text continues the name of its family: `exited with code 1`.
    Failed(String),
    /// Lamplighter stopped it, because it ran for too long.
    TimedOut,
    /// None of its containers ran, and the image is not to blame. The stop reason of ECS.
    NotStarted(String),
}

impl TaskProgress {
    /// Returns how the task of a run stands.
    #[must_use]
    pub fn from_task(task: &Task, run: &PreDeploymentRun) -> Self {
        if !task.is_stopped() {
            return Self::Running;
        }
        let stop = StoppedTask::from_task(task);
        let has_run = task.started_at.is_some()
            || task
                .containers
                .iter()
                .any(|container| container.exit_code.is_some());
        let is_stopped_by_us = run.stopped_at.is_some();
        if !has_run && is_stopped_by_us {
            return Self::NotStarted("it did not start in time".to_owned());
        }
        if is_stopped_by_us {
            return Self::TimedOut;
        }
        if was_stopped(task, &stop) && (has_run || task.stop_code == "UserInitiated") {
            return Self::Failed(format!("was stopped ({})", clean(&task.reason)));
        }
        if !has_run && Blame::from_tasks(std::slice::from_ref(task)) != Blame::Image {
            return Self::NotStarted(redact::redact_line(&stop.reason));
        }
        match find_failure(task, run) {
            Some(failure) => Self::Failed(failure),
            None => Self::Passed,
        }
    }
}

/// Reports whether a person stopped the task, or AWS took its host away: exit code 0 means nothing then.
fn was_stopped(task: &Task, stop: &StoppedTask) -> bool {
    let by_code = ["UserInitiated", "SpotInterruption", "TerminationNotice"];
    by_code.contains(&task.stop_code.as_str())
        || matches!(
            stop.cause,
            StopCause::Routine | StopCause::Spot | StopCause::Host
        )
}

/// Describes the first container with the new image that did not exit with code 0. Other containers, such as log routers,
/// are killed when it exits.
fn find_failure(task: &Task, run: &PreDeploymentRun) -> Option<String> {
    run.containers.iter().find_map(|name| {
        let mut containers = task.containers.iter();
        match containers.find(|container| container.name == *name) {
            Some(container) if container.exit_code == Some(0) => None,
            Some(container) => Some(describe_exit(container, task, run)),
            None => Some(format!("has no container {name}")),
        }
    })
}

fn describe_exit(container: &TaskContainer, task: &Task, run: &PreDeploymentRun) -> String {
    let place = if run.containers.len() > 1 {
        format!(" in the container {}", container.name)
    } else {
        String::new()
    };
    match (container.exit_code, container.reason.as_str()) {
        (Some(code), "") => format!("exited with code {code}{place}"),
        (Some(code), reason) => format!("exited with code {code}{place} ({})", clean(reason)),
        (None, "") => format!("never ran{place} ({})", clean(&task.reason)),
        (None, reason) => format!("never ran{place} ({})", clean(reason)),
    }
}

/// Returns a reason of ECS for use within a sentence.
fn clean(reason: &str) -> String {
    let redacted = redact::redact_line(reason);
    redacted.trim_end_matches('.').to_owned()
}

/// Adds to every notification about the end of a release that no rollback undoes what its pre-deployment task changed.
#[must_use]
pub fn mention_kept_changes(mut plan: Plan, state: &TargetState) -> Plan {
    for step in &mut plan.steps {
        let run = find_left_image(&step.action)
            .and_then(|digest| state.releases.pre_deployment.get(digest));
        let (Some(run), Some(message)) = (run, &mut step.message) else {
            continue;
        };
        let verb = match run.result {
            Some(PreDeploymentResult::Passed) => "ran",
            // Its own failure is what the message is about, unless a person rejects the image meanwhile.
            None if is_requested(&step.action) => "still runs",
            Some(PreDeploymentResult::Failed | PreDeploymentResult::NotStarted { .. }) | None => {
                continue;
            }
        };
        message.next = format!(
            "Check that the version that runs fits the database: {} {verb} before {}, and no rollback undoes it. {}",
            run.family, run.tag, message.next
        );
    }
    plan
}

/// Reports whether a person requested the end of a release.
fn is_requested(action: &Action) -> bool {
    match action {
        Action::Release(ReleaseAction::Rollback(rollback)) => rollback.request.is_some(),
        Action::Release(ReleaseAction::RecordResult(record)) => record.request.is_some(),
        _ => false,
    }
}

/// Returns the digest of the image whose release an action ends without success.
fn find_left_image(action: &Action) -> Option<&Digest> {
    match action {
        Action::Release(ReleaseAction::Rollback(rollback)) => {
            // To other settings with the same image, whose migration it needs.
            let is_same_image = rollback.to_digest.as_ref() == Some(&rollback.digest);
            Some(&rollback.digest).filter(|_| !is_same_image)
        }
        Action::Release(ReleaseAction::RecordResult(record)) => match record.result {
            ReleaseResult::Rejected { .. } | ReleaseResult::NotBlamed { .. } => {
                Some(&record.digest)
            }
            ReleaseResult::Verified { .. } | ReleaseResult::Superseded => None,
        },
        _ => None,
    }
}
