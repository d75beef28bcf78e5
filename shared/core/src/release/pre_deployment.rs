//! Tasks that run with a new image before a service changes: their tokens, and how they end.

use serde::Serialize;

use crate::model::{Arn, Digest, Task, TaskContainer, short_hash};
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
    format!("{STARTED_BY_PREFIX}{}/", short_hash(service.as_str()))
}

/// Returns the client token and `startedBy` of an attempt, with at most 64 characters.
///
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html>
#[must_use]
pub fn build_token(service: &Arn, digest: &Digest, attempt: u32) -> String {
    let image = short_hash(digest.as_str());
    format!("{}{image}-{attempt}", token_prefix(service))
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
        let stop = StoppedTask::from_task(task, None);
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
        let Some((digest, is_requested)) = find_left_image(&step.action) else {
            continue;
        };
        let run = state.releases.pre_deployment.get(digest);
        let (Some(run), Some(message)) = (run, &mut step.message) else {
            continue;
        };
        let verb = match run.result {
            Some(PreDeploymentResult::Passed) => "ran",
            // Its own failure is what the message is about, unless a person rejects the image meanwhile.
            None if is_requested => "still runs",
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

/// Returns the digest of the image whose release an action ends without success, and whether a person requested that.
fn find_left_image(action: &Action) -> Option<(&Digest, bool)> {
    let Action::Release(action) = action else {
        return None;
    };
    match action {
        ReleaseAction::Rollback(rollback) => {
            // To other settings with the same image, whose migration it needs.
            let is_same_image = rollback.to_digest.as_ref() == Some(&rollback.digest);
            (!is_same_image).then_some((&rollback.digest, rollback.request.is_some()))
        }
        ReleaseAction::RecordResult(record) => match record.result {
            ReleaseResult::Rejected { .. } | ReleaseResult::NotBlamed { .. } => {
                Some((&record.digest, record.request.is_some()))
            }
            ReleaseResult::Verified { .. } | ReleaseResult::Superseded => None,
        },
        ReleaseAction::Rollout(_)
        | ReleaseAction::RestartTasks(_)
        | ReleaseAction::ContinueDeployment(_)
        | ReleaseAction::AnswerCodeDeployHook(_)
        | ReleaseAction::PinRevision(_)
        | ReleaseAction::RestoreStrategy(_)
        | ReleaseAction::RunPreDeploymentTask(_)
        | ReleaseAction::StopPreDeploymentTask(_) => None,
    }
}
