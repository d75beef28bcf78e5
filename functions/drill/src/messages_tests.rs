//! Every message of `drill`, as people read it. A change of a text is a change of its snapshot.

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::{Arn, Database, Snapshot};
use lamplighter::notify::Message;
use lamplighter::plan::DrillResult;

use crate::messages;

fn book(messages: &[Message]) -> String {
    messages
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n\n")
}

#[test]
fn every_message() {
    let began = Timestamp::constant(1_795_230_000, 0);
    let arn =
        Arn::new("arn:aws:rds:eu-west-1:123456789012:snapshot:lamplighter-orders-20261121-0300");
    let snapshot = Snapshot {
        arn: arn.clone(),
        taken_at: Some(began),
        ..Snapshot::default()
    };
    let broken = Database {
        identifier: "lamplighter-drill-orders".into(),
        status: "incompatible-parameters".into(),
        class: "db.t4g.micro".into(),
        ..Database::default()
    };
    let outcome = DrillResult {
        snapshot: arn.clone(),
        began,
        took: 14 * 60,
        checked: None,
        passed: true,
    };
    let looked = DrillResult {
        checked: Some(17 * 60),
        ..outcome.clone()
    };
    let hours = SignedDuration::from_hours;
    let differs = ["its engine is 15.4 instead of 16.2".to_owned()];
    let messages = [
        messages::name_taken("lamplighter-drill-orders"),
        messages::no_security_group(),
        messages::no_instance_class("docdb", began),
        messages::restore_unusable(&arn, &broken, began),
        messages::restore_timed_out(&arn, hours(6), "creating", began),
        messages::check_timed_out(&arn, "orders-check:3", hours(1), began),
        messages::no_check_cluster(),
        messages::drill_result(Some(&snapshot), &outcome, &[], None),
        messages::drill_result(Some(&snapshot), &looked, &[], Some(15 * 60)),
        messages::drill_result(Some(&snapshot), &outcome, &differs, None),
    ];
    insta::assert_snapshot!(book(&messages));
}
