//! How far a rollout has come.

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::{Arn, Deployment, Digest, Service};
use lamplighter::state::ActiveRollout;
use lamplighter::state::ProbeStreak;
use rstest::rstest;

use crate::decide::{RolloutStage, derive_stage};

const NOW: Timestamp = Timestamp::constant(1_795_233_600, 0); // 2026-11-21T04:00:00Z
const BASE: &str = "arn:aws:ecs:eu-west-1:123456789012:task-definition/shop-web:41";
const NEXT: &str = "arn:aws:ecs:eu-west-1:123456789012:task-definition/shop-web:42";

/// A service whose newest deployment is of this revision and this old, in minutes.
fn service(revision: &str, rollout_state: &str, age: i64) -> Service {
    let deployment = Deployment {
        id: "ecs-svc/1".into(),
        status: "PRIMARY".into(),
        task_definition: revision.into(),
        rollout_state: rollout_state.into(),
        created_at: Some(NOW - SignedDuration::from_mins(age)),
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

/// What was rolled out so many minutes ago, over [`BASE`].
fn following(age: i64) -> ActiveRollout {
    let (digest, at) = (
        Digest::new("sha256:ab"),
        NOW - SignedDuration::from_mins(age),
    );
    ActiveRollout {
        digest,
        tag: "RC_1.4.2".into(),
        base: BASE.into(),
        at,
        deployment: None,
        looks: ProbeStreak::default(),
    }
}

#[rstest]
#[case::moving("IN_PROGRESS", 14, RolloutStage::InProgress)]
#[case::of_which_ecs_says_nothing_yet("", 1, RolloutStage::InProgress)]
#[case::of_which_ecs_says_nothing("", 14, RolloutStage::Live)]
#[case::live("COMPLETED", 3, RolloutStage::Live)]
#[case::live_at_last("COMPLETED", 40, RolloutStage::Live)]
#[case::late("IN_PROGRESS", 15, RolloutStage::TimedOut)]
#[case::given_up("FAILED", 3, RolloutStage::Failed)]
fn while_the_service_has_it(
    #[case] rollout_state: &str,
    #[case] age: i64,
    #[case] expected: RolloutStage,
) {
    let service = service(NEXT, rollout_state, age);
    assert_eq!(
        derive_stage(&service, &following(age), true, false, Some(900), NOW),
        expected
    );
}

#[rstest]
#[case::not_shown_yet(BASE, 500, 1, false, RolloutStage::InProgress)]
#[case::back_and_ecs_says_so(BASE, 500, 1, true, RolloutStage::RolledBack)]
#[case::back_at_its_old_deployment(BASE, 500, 5, false, RolloutStage::RolledBack)]
#[case::back_by_a_new_deployment(BASE, 1, 5, false, RolloutStage::RolledBack)]
#[case::back_further_than_before("older:1", 500, 5, false, RolloutStage::RolledBack)]
#[case::something_newer("arn:other:1", 1, 5, false, RolloutStage::Superseded)]
fn when_the_service_has_something_else(
    #[case] revision: &str,
    #[case] deployed: i64,
    #[case] age: i64,
    #[case] failed: bool,
    #[case] expected: RolloutStage,
) {
    // A rollback ends in COMPLETED as well.
    let service = service(revision, "COMPLETED", deployed);
    assert_eq!(
        derive_stage(&service, &following(age), false, failed, Some(900), NOW),
        expected
    );
}

#[test]
fn what_is_not_ours_is_not_followed() {
    assert_eq!(
        derive_stage(
            &service(NEXT, "IN_PROGRESS", 1),
            &following(1),
            true,
            false,
            None,
            NOW
        ),
        RolloutStage::Superseded
    );
}
