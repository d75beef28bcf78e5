//! Every message about a run, as people read it.

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::{Task, TaskContainer};
use lamplighter::release::evidence::Evidence;
use lamplighter::release::stopped_task::StoppedTask;

use crate::messages;
use crate::observed_runs::{FailedRun, ObservedRuns};

const NOW: Timestamp = Timestamp::constant(1_795_230_000, 0); // 2026-11-21T03:00:00Z

fn failed(stop_code: &str, reason: &str, exit_code: Option<i32>, said: &str) -> ObservedRuns {
    let task = Task {
        task: "arn:aws:ecs:eu-west-1:123456789012:task/shop/0f3c0006".to_owned(),
        stop_code: stop_code.to_owned(),
        reason: reason.to_owned(),
        started_at: exit_code.map(|_| NOW - SignedDuration::from_mins(4)),
        stopped_at: Some(NOW),
        containers: vec![TaskContainer {
            name: "migrate".to_owned(),
            exit_code,
            reason: said.to_owned(),
            ..TaskContainer::default()
        }],
        ..Task::default()
    };
    let lines = exit_code.map(|_| {
        let line = "ERROR relation \"orders\" does not exist".to_owned();
        ("migrate".to_owned(), vec![line])
    });
    ObservedRuns {
        cluster: "shop".to_owned(),
        ended: 5,
        failed: 3,
        last_failure: Some(FailedRun {
            task: StoppedTask::from_task(&task, None),
            evidence: Evidence {
                lines,
                ..Evidence::default()
            },
        }),
        ..ObservedRuns::default()
    }
}

#[test]
fn every_message_as_people_read_it() {
    let exited = "Essential container in task exited";
    let refused = ObservedRuns {
        cluster: "shop".to_owned(),
        refused: Some((NOW, "RESOURCE:MEMORY".to_owned())),
        ..ObservedRuns::default()
    };
    let runs = [
        failed("EssentialContainerExited", exited, Some(1), ""),
        failed(
            "EssentialContainerExited",
            exited,
            Some(137),
            "OutOfMemoryError: Container killed due to memory usage",
        ),
        failed(
            "TaskFailedToStart",
            "CannotPullContainerError: pull image manifest has been retried 1 time(s): image not found",
            None,
            "",
        ),
        failed(
            "SpotInterruption",
            "Your Spot Task was interrupted.",
            Some(137),
            "",
        ),
        refused,
    ];
    let mut texts: Vec<String> = runs
        .iter()
        .filter_map(|runs| messages::failed_run_message(runs, "nightly"))
        .map(|message| message.to_string())
        .collect();
    texts.push(messages::run_succeeded_message(NOW, "shop").to_string());
    texts.push(messages::runs_ignored_message().to_string());
    insta::assert_snapshot!(texts.join("\n\n"));
}
