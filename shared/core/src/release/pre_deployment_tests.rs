//! Tests of how a pre-deployment task ends.

use jiff::Timestamp;
use rstest::rstest;

use super::pre_deployment::*;
use crate::model::{Arn, Digest, Task, TaskContainer};
use crate::state::PreDeploymentRun;

const SERVICE: &str = "arn:aws:ecs:eu-west-1:123456789012:service/shop/web";

fn run(containers: &[&str]) -> PreDeploymentRun {
    PreDeploymentRun {
        containers: containers.iter().map(|name| (*name).to_owned()).collect(),
        ..PreDeploymentRun::started_at(Timestamp::UNIX_EPOCH)
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
