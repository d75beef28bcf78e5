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
        Action::Release(ReleaseAction::Rollback(rollback)) => Some(&rollback.digest),
        Action::Release(ReleaseAction::RecordResult(record)) => match record.result {
            ReleaseResult::Rejected { .. } | ReleaseResult::NotBlamed { .. } => {
                Some(&record.digest)
            }
            ReleaseResult::Verified { .. } | ReleaseResult::Superseded => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use rstest::rstest;

    use super::*;
    use crate::model::Digest;

    const SERVICE: &str = "arn:aws:ecs:eu-west-1:123456789012:service/shop/web";

    fn run(containers: &[&str]) -> PreDeploymentRun {
        PreDeploymentRun {
            tag: "RC_1.4.2".to_owned(),
            family: "shop-migrate".to_owned(),
            token: String::new(),
            containers: containers.iter().map(|name| (*name).to_owned()).collect(),
            attempt: 1,
            at: Timestamp::UNIX_EPOCH,
            commit: None,
            pushed_at: None,
            snapshots_since: Timestamp::UNIX_EPOCH,
            is_confirmed: true,
            stopped_at: None,
            is_rejected: false,
            failure: None,
            result: None,
        }
    }

    fn container(name: &str, exit_code: Option<i32>, reason: &str) -> TaskContainer {
        TaskContainer {
            name: name.to_owned(),
            exit_code,
            reason: reason.to_owned(),
            ..TaskContainer::default()
        }
    }

    /// A stopped task; `code`: its stop code.
    fn stopped(code: &str, reason: &str, containers: &[TaskContainer]) -> Task {
        Task {
            status: "STOPPED".to_owned(),
            stop_code: code.to_owned(),
            reason: reason.to_owned(),
            containers: containers.to_vec(),
            ..Task::default()
        }
    }

    const EXITED: &str = "Essential container in task exited";

    #[rstest]
    #[case::good(Some(0), Some(0), TaskProgress::Passed)]
    #[case::killed_sidecar(Some(0), Some(137), TaskProgress::Passed)]
    #[case::error(Some(1), Some(0), TaskProgress::Failed("exited with code 1".to_owned()))]
    #[case::killed_by_sidecar(Some(137), Some(1), TaskProgress::Failed("exited with code 137".to_owned()))]
    fn only_containers_with_the_new_image_count(
        #[case] own: Option<i32>,
        #[case] sidecar: Option<i32>,
        #[case] expected: TaskProgress,
    ) {
        let containers = [
            container("migrate", own, ""),
            container("router", sidecar, ""),
        ];
        let task = stopped("EssentialContainerExited", EXITED, &containers);
        assert_eq!(TaskProgress::from_task(&task, &run(&["migrate"])), expected);
    }

    #[rstest]
    #[case::by_a_person(
        "UserInitiated",
        "Task stopped by user",
        "was stopped (Task stopped by user)"
    )]
    #[case::by_aws(
        "SpotInterruption",
        "Your Spot Task was interrupted.",
        "was stopped (Your Spot Task was interrupted)"
    )]
    fn a_task_that_was_stopped_fails_whatever_its_exit_code(
        #[case] code: &str,
        #[case] reason: &str,
        #[case] expected: &str,
    ) {
        let task = stopped(code, reason, &[container("migrate", Some(0), "")]);
        let progress = TaskProgress::from_task(&task, &run(&["migrate"]));
        assert_eq!(progress, TaskProgress::Failed(expected.to_owned()));
    }

    /// A person's words may look like those of ECS, and a sidecar may have run out of memory as well.
    #[rstest]
    #[case::words("You've reached the limit of my patience", "")]
    #[case::sidecar("Stopped by Bob", "OutOfMemoryError: Container killed")]
    fn a_task_that_a_person_stopped_fails_whatever_else_it_says(
        #[case] reason: &str,
        #[case] sidecar: &str,
    ) {
        let containers = [
            container("migrate", Some(0), ""),
            container("router", Some(137), sidecar),
        ];
        let task = stopped("UserInitiated", reason, &containers);
        let expected = TaskProgress::Failed(format!("was stopped ({reason})"));
        assert_eq!(TaskProgress::from_task(&task, &run(&["migrate"])), expected);
    }

    #[test]
    fn a_task_without_the_container_does_not_pass() {
        let task = stopped(
            "EssentialContainerExited",
            EXITED,
            &[container("migrate", Some(0), "")],
        );
        let expected = TaskProgress::Failed("has no container db-migrate".to_owned());
        assert_eq!(
            TaskProgress::from_task(&task, &run(&["db-migrate"])),
            expected
        );
    }

    #[rstest]
    #[case::by_a_person(None, TaskProgress::Failed("was stopped (Task stopped by user)".to_owned()))]
    #[case::for_its_time(
        Some(Timestamp::UNIX_EPOCH),
        TaskProgress::NotStarted("it did not start in time".to_owned())
    )]
    fn a_task_that_was_stopped_before_it_ran(
        #[case] stopped_at: Option<Timestamp>,
        #[case] expected: TaskProgress,
    ) {
        let task = stopped(
            "UserInitiated",
            "Task stopped by user",
            &[container("migrate", None, "")],
        );
        let run = PreDeploymentRun {
            stopped_at,
            ..run(&["migrate"])
        };
        assert_eq!(TaskProgress::from_task(&task, &run), expected);
    }

    #[test]
    fn a_task_that_was_stopped_for_its_time_fails_even_if_it_ended_well() {
        let task = stopped(
            "EssentialContainerExited",
            EXITED,
            &[container("migrate", Some(0), "")],
        );
        let late = PreDeploymentRun {
            stopped_at: Some(Timestamp::UNIX_EPOCH),
            ..run(&["migrate"])
        };
        assert_eq!(
            TaskProgress::from_task(&task, &late),
            TaskProgress::TimedOut
        );
    }

    #[rstest]
    #[case::secret("ResourceInitializationError: unable to pull secrets", None, true)]
    #[case::capacity("Capacity is unavailable at this time.", None, true)]
    #[case::pull("CannotPullContainerError: denied", None, true)]
    #[case::unknown("something new", None, true)]
    #[case::entry_point("CannotStartContainerError: exec: \"migrate\": not found", None, false)]
    #[case::other_container_ran("ResourceInitializationError", Some(0), false)]
    fn only_a_task_that_never_ran_is_started_again(
        #[case] reason: &str,
        #[case] sidecar: Option<i32>,
        #[case] is_retried: bool,
    ) {
        let containers = [
            container("migrate", None, ""),
            container("router", sidecar, ""),
        ];
        let task = stopped("TaskFailedToStart", reason, &containers);
        let progress = TaskProgress::from_task(&task, &run(&["migrate"]));
        let retried = matches!(progress, TaskProgress::NotStarted(_));
        assert_eq!(retried, is_retried, "{progress:?}");
    }

    #[test]
    fn a_token_fits_and_differs_by_service_image_and_attempt() {
        let token = |service: &str, digest: &str, attempt| {
            build_token(&Arn::new(service), &Digest::new(digest), attempt)
        };
        let first = token(SERVICE, "sha256:ab12cd34ef56ab12", 1);
        assert!(first.len() <= 64 && first.starts_with(&token_prefix(&Arn::new(SERVICE))));
        let others = [
            token(
                &SERVICE.replace("web", "worker"),
                "sha256:ab12cd34ef56ab12",
                1,
            ),
            token(SERVICE, "sha256:bb12cd34ef56ab12", 1),
            token(SERVICE, "sha256:ab12cd34ef56ab12", 2),
        ];
        assert!(others.iter().all(|other| *other != first));
        assert!(
            first
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-/_".contains(c))
        );
    }
}
