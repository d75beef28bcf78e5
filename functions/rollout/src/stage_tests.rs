//! Table of stages: the state of a service, and the progress of its rollout.

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::{Arn, Deployment, Digest, Service};
use lamplighter::state::ActiveRollout;
use lamplighter::state::ProbeStreak;
use rstest::rstest;

use crate::stage::{RolloutStage, derive_stage};

const NOW: Timestamp = Timestamp::constant(1_795_233_600, 0); // 2026-11-21T04:00:00Z
const BASE: &str = "arn:aws:ecs:eu-west-1:123456789012:task-definition/shop-web:41";
const NEXT: &str = "arn:aws:ecs:eu-west-1:123456789012:task-definition/shop-web:42";

/// Returns a service whose newest deployment has this revision and this age in minutes.
fn service(revision: &str, rollout_state: &str, age: i64) -> Service {
    let deployment = Deployment {
        id: "ecs-svc/1".into(),
        status: "PRIMARY".into(),
        task_definition: revision.into(),
        rollout_state: rollout_state.into(),
        created_at: Some(NOW - SignedDuration::from_mins(age)),
        running_count: 0,
    };
    Service {
        task_definition: revision.into(),
        deployments: vec![deployment],
        ..Service::new_rolling(
            Arn::new("arn:aws:ecs:eu-west-1:123456789012:service/shop/web"),
            2,
        )
    }
}

/// Returns a rollout over [`BASE`] that began so many minutes ago.
fn active_rollout(age: i64) -> ActiveRollout {
    ActiveRollout {
        digest: Digest::new("sha256:ab"),
        tag: "RC_1.4.2".into(),
        base: BASE.into(),
        at: NOW - SignedDuration::from_mins(age),
        deployment: None,
        probe_streak: ProbeStreak::default(),
        progress: None,
        previous: None,
        built_on: String::new(),
        template: None,
    }
}

#[rstest]
#[case::in_progress("IN_PROGRESS", 14, RolloutStage::InProgress)]
#[case::no_rollout_state_yet("", 1, RolloutStage::InProgress)]
#[case::no_rollout_state("", 14, RolloutStage::Live)]
#[case::completed("COMPLETED", 3, RolloutStage::Live)]
#[case::completed_after_the_deadline("COMPLETED", 40, RolloutStage::Live)]
#[case::past_the_deadline("IN_PROGRESS", 15, RolloutStage::TimedOut)]
#[case::failed("FAILED", 3, RolloutStage::Failed)]
fn stage_while_the_service_runs_the_release(
    #[case] rollout_state: &str,
    #[case] age: i64,
    #[case] expected: RolloutStage,
) {
    let service = service(NEXT, rollout_state, age);
    assert_eq!(
        derive_stage(&service, &active_rollout(age), true, false, Some(900), NOW),
        expected
    );
}

#[rstest]
#[case::update_not_visible_yet(BASE, 500, 1, false, RolloutStage::InProgress)]
#[case::rolled_back_with_an_event(BASE, 500, 1, true, RolloutStage::RolledBack)]
#[case::rolled_back_to_the_old_deployment(BASE, 500, 5, false, RolloutStage::RolledBack)]
#[case::rolled_back_by_a_new_deployment(BASE, 1, 5, false, RolloutStage::RolledBack)]
#[case::rolled_back_to_an_older_revision("older:1", 500, 5, false, RolloutStage::RolledBack)]
#[case::something_newer("arn:other:1", 1, 5, false, RolloutStage::Superseded)]
fn stage_while_the_service_runs_something_else(
    #[case] revision: &str,
    #[case] deployed: i64,
    #[case] age: i64,
    #[case] failed: bool,
    #[case] expected: RolloutStage,
) {
    // A rollback ends in COMPLETED as well.
    let service = service(revision, "COMPLETED", deployed);
    assert_eq!(
        derive_stage(
            &service,
            &active_rollout(age),
            false,
            failed,
            Some(900),
            NOW
        ),
        expected
    );
}

#[test]
fn an_unmanaged_service_is_superseded() {
    assert_eq!(
        derive_stage(
            &service(NEXT, "IN_PROGRESS", 1),
            &active_rollout(1),
            true,
            false,
            None,
            NOW
        ),
        RolloutStage::Superseded
    );
}
