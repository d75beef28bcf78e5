//! Every message of `backup`, as people read it. A change of a text is a change of its snapshot.

use jiff::{SignedDuration, Timestamp};
use lamplighter::event::detail::rds::BackupJob;
use lamplighter::model::{CopyDestination, Database, Quota, Snapshot};
use lamplighter::notify::Message;

use crate::messages;

fn book(messages: &[Message]) -> String {
    messages
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n\n")
}

/// More backups than a message lists.
fn shorter_policy() -> Message {
    let here = ["a", "b"].map(str::to_owned).to_vec();
    let there = (0..12).map(|n| format!("backup-{n}")).collect();
    let places = [("here".to_owned(), here), ("vault".to_owned(), there)];
    messages::shorter_policy(&"1d".parse().unwrap(), &places)
}

#[test]
fn every_message() {
    let slot = Timestamp::constant(1_795_230_000, 0);
    let later = |hours: i64| slot + SignedDuration::from_hours(hours);
    let hours = SignedDuration::from_hours;
    let quota = |used| Quota { used, max: 100 };
    let orders = Database {
        identifier: "orders".into(),
        ..Database::default()
    };
    let job = BackupJob {
        state: "FAILED".into(),
        status_message: "\"The role may not describe it.\"".into(),
        backup_job_id: "5c3b".into(),
        resource_arn: String::new(),
    };
    let messages = [
        messages::cluster_member("shop"),
        shorter_policy(),
        messages::shorter_policy_ended(&"1d".parse().unwrap()),
        messages::copy_in_own_region("eu-west-1"),
        messages::cache_copies_unsupported(),
        messages::too_many_cache_snapshots(24, 20),
        messages::backup_overdue("modifying", slot, later(3)),
        messages::backup_late(slot, later(2)),
        messages::quota_usage(&orders, quota(100)),
        messages::quota_usage(&orders, quota(82)),
        messages::recovery_point_too_old(None, hours(30)),
        messages::recovery_point_too_old(Some(hours(31)), hours(30)),
        messages::recovery_point_aging(hours(26), hours(30), hours(4)),
        messages::recovery_point_ok(SignedDuration::from_mins(3)),
        messages::job_failed(&job),
        messages::job_failed(&BackupJob {
            status_message: String::new(),
            ..job.clone()
        }),
    ];
    insta::assert_snapshot!(book(&messages));
}

#[test]
fn every_message_about_copies() {
    let retry = Timestamp::constant(1_795_230_000, 0);
    let elsewhere = CopyDestination::parse("eu-central-1").unwrap();
    let vault = CopyDestination::parse("vault").unwrap();
    let copy = Snapshot {
        identifier: "lamplighter-orders-20261121-0300-dcc4".into(),
        ..Snapshot::default()
    };
    let denied = "DescribeDBSnapshots: AccessDenied: not authorized";
    let messages = [
        messages::copy_failed(&elsewhere, Some((&copy, Some(retry)))),
        messages::copy_failed(&vault, None),
        messages::unknown_sharing(&elsewhere, denied),
        messages::unknown_sharing(&vault, denied),
        messages::copies_succeed(&elsewhere),
        messages::copies_left(&elsewhere),
        messages::copies_left(&vault),
        messages::copy_too_old(&elsewhere, SignedDuration::from_hours(50)),
        messages::no_vault(),
        messages::unreadable_place(&elsewhere, denied),
        messages::unreadable_place(&vault, "AssumeRole: AccessDenied: not authorized"),
    ];
    insta::assert_snapshot!(book(&messages));
}
