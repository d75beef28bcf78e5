//! Tests of the schedule of drills.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use lamplighter::Event;
use lamplighter::engine::{Operation, TargetContext};
use lamplighter::model::{Arn, Tagged};
use lamplighter::plan::{Action, DrillAction, RestoreCall, RestoreForDrill, RestoreInstance};
use lamplighter::policy::StackDefaults;
use lamplighter::state::TargetState;
use rstest::rstest;

use crate::Drill;
use crate::schedule::is_due;

const NOW: Timestamp = Timestamp::constant(1_795_233_600, 0); // 2026-11-21T04:00:00Z

fn orders() -> Arn {
    Arn::new("arn:aws:rds:eu-west-1:123456789012:db:orders")
}

fn restore_into(name: &str) -> Action {
    Action::Drill(DrillAction::RestoreForDrill(RestoreForDrill {
        source: orders(),
        snapshot: orders(),
        call: RestoreCall::Instance(RestoreInstance {
            name: name.into(),
            ..RestoreInstance::default()
        }),
    }))
}

fn is_weekly_drill_due(state: &TargetState) -> bool {
    let tags = BTreeMap::from([("lamplighter:backup".to_owned(), "drill=weekly".to_owned())]);
    let policy = Drill
        .parse_policy(&tags, &StackDefaults::default())
        .unwrap()
        .unwrap();
    let target = Tagged {
        arn: orders(),
        tags,
    };
    let context = TargetContext {
        event: &Event::scheduled_sweep("sweep"),
        target: &target,
        policy: &policy,
        state,
    };
    is_due(context, NOW)
}

#[rstest]
#[case::within_a_day(23, false)]
#[case::a_day_later(24, true)]
fn drills_pause_for_a_day_after_a_restore_failed(#[case] hours_ago: i64, #[case] due: bool) {
    let failed_at = NOW - SignedDuration::from_hours(hours_ago);
    // The action is described differently, but it is the same failure.
    for name in ["lamplighter-drill-orders", "another-name"] {
        let mut state = TargetState::default();
        state.record_failure(&restore_into(name), failed_at);
        assert_eq!(is_weekly_drill_due(&state), due);
    }
}

#[test]
fn the_text_of_a_notification_does_not_pause_drills() {
    let mut state = TargetState::default();
    let key = format!("failed:{}", restore_into("orders").describe());
    state.notified.insert(key, NOW);
    assert!(is_weekly_drill_due(&state));
}
