//! Tables of decisions about one database.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use lamplighter::Event;
use lamplighter::Plan;
use lamplighter::engine::{Operation, TargetContext};
use lamplighter::model::{Arn, Database, DatabaseKind, Quota, Snapshot, Tagged};
use lamplighter::notify::Severity;
use lamplighter::plan::{Action, BackupAction, CreateSnapshot};
use lamplighter::policy::{SLOT, STACK, StackDefaults, TARGET};
use lamplighter::state::TargetState;
use rstest::rstest;
use serde_json::json;

use crate::{Backup, Observed, decide, name_for_slot};

/// An hour after the slot of the night.
const NOW: Timestamp = Timestamp::constant(1_795_233_600, 0); // 2026-11-21T04:00:00Z

struct Given {
    backup: String,
    observed: Observed,
    event: Event,
    state: TargetState,
}

fn orders() -> Arn {
    Arn::new("arn:aws:rds:eu-west-1:123456789012:db:orders")
}

fn snapshot_arn(identifier: &str) -> Arn {
    Arn::new(format!(
        "arn:aws:rds:eu-west-1:123456789012:snapshot:{identifier}"
    ))
}

/// orders, backed up at 03:00 for seven days, with the snapshots of so many last nights, the newest of the night
/// before this one.
fn given(nights: i64) -> Given {
    let database = Database {
        arn: orders(),
        identifier: "orders".into(),
        engine: "postgres".into(),
        status: "available".into(),
        class: "db.r6g.large".into(),
        allocated_gib: Some(100),
        multi_az: true,
        encrypted: true,
        deletion_protection: true,
        tags: [("team", "shop"), ("aws:cloudformation:stack-name", "shop")]
            .map(|(k, v)| (k.into(), v.into()))
            .into(),
        ..Database::default()
    };
    let quota = Quota { used: 10, max: 100 };
    let observed = Observed {
        database: Some(database),
        quota,
        ..Observed::default()
    };
    let mut given = Given {
        backup: "at=03:00 keep=7d".into(),
        observed,
        event: Event::scheduled_sweep("sweep"),
        state: TargetState::default(),
    };
    for night in 1..=nights {
        given = given.snapshot(25 + (night - 1) * 24, "available");
    }
    given
}

impl Given {
    /// One for the slot so many hours ago.
    fn snapshot(mut self, hours_ago: i64, status: &str) -> Self {
        let at = NOW - SignedDuration::from_hours(hours_ago);
        let identifier = name_for_slot(&orders(), at);
        let tags = [
            (STACK, "lamplighter".to_owned()),
            (TARGET, orders().to_string()),
            (SLOT, at.strftime("%FT%H:%MZ").to_string()),
        ];
        self.observed.snapshots.push(Snapshot {
            arn: snapshot_arn(&identifier),
            identifier,
            database: "orders".into(),
            kind: DatabaseKind::Instance,
            status: status.into(),
            taken_at: Some(at + SignedDuration::from_mins(1)),
            encrypted: true,
            tags: tags.map(|(key, value)| (key.to_owned(), value)).into(),
            ..Snapshot::default()
        });
        self.observed.sharing_checked.extend(
            self.observed
                .snapshots
                .iter()
                .map(|snapshot| snapshot.arn.clone()),
        );
        self
    }

    fn database(&mut self) -> &mut Database {
        self.observed.database.as_mut().unwrap()
    }

    fn decided(&self) -> Plan {
        let tags = BTreeMap::from([("lamplighter:backup".to_owned(), self.backup.clone())]);
        let policy = Backup
            .parse_policy(&tags, &StackDefaults::default())
            .unwrap()
            .unwrap();
        let target = Tagged {
            arn: orders(),
            tags,
        };
        decide(
            TargetContext {
                event: &self.event,
                target: &target,
                policy: &policy,
                state: &self.state,
            },
            &self.observed,
            NOW,
        )
    }

    /// `+name` for each that is taken, `-name` for each that goes.
    fn steps(&self) -> Vec<String> {
        let said = |action: &Action| match action {
            Action::Backup(BackupAction::CreateSnapshot(backup)) => {
                format!("+{}", backup.identifier)
            }
            Action::Backup(BackupAction::DeleteSnapshot(expire)) => {
                format!("-{}", expire.snapshot.display_name())
            }
            other => panic!("{other:?}"),
        };
        self.decided()
            .steps
            .iter()
            .map(|step| said(&step.action))
            .collect()
    }

    fn titles(&self) -> Vec<String> {
        let plan = self.decided();
        let done = plan.steps.into_iter().filter_map(|step| step.message);
        done.chain(plan.messages)
            .filter(|m| m.resolves.is_none())
            .map(|message| message.title)
            .collect()
    }
}

#[test]
fn the_snapshot_of_the_slot_is_taken_with_what_tells_whose_it_is() {
    let plan = given(7).decided();
    assert_eq!(plan.reason, "due since 2026-11-21 03:00 UTC");
    let [step] = &plan.steps[..] else {
        panic!("{plan:?}")
    };
    let Action::Backup(BackupAction::CreateSnapshot(backup)) = &step.action else {
        panic!("{step:?}")
    };
    assert_eq!(backup.identifier, "lamplighter-orders-20261121-0300");
    let tags: Vec<String> = backup
        .tags
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    assert_eq!(
        tags,
        [
            "lamplighter:managed=true",
            "lamplighter:slot=2026-11-21T03:00Z",
            "lamplighter:stack=lamplighter",
            "lamplighter:target=arn:aws:rds:eu-west-1:123456789012:db:orders",
            "lamplighter:tier=7d",
            "team=shop",
        ]
    );
}

#[test]
fn when_it_is_there_the_oldest_go_and_the_reasons_are_listed() {
    let ten = given(9).snapshot(1, "available");
    assert_eq!(
        ten.steps(),
        [
            "-lamplighter-orders-20261112-0300",
            "-lamplighter-orders-20261113-0300",
            "-lamplighter-orders-20261114-0300"
        ]
    );
    let reason = ten.decided().reason;
    assert!(
        reason.starts_with(
            "lamplighter-orders-20261121-0300 is available; 3 snapshots to delete; 7 good snapshots kept: "
        ),
        "{reason}"
    );
    assert!(
        reason.contains("2026-11-15 03:01 (day 2026-11-15)"),
        "{reason}"
    );
    assert_eq!(given(6).snapshot(1, "available").steps(), [""; 0]);
}

#[rstest]
#[case::being_made(given(9).snapshot(1, "creating"))]
#[case::stopped_for_ten_days({
    let mut stopped = given(0);
    for night in 10..20 { stopped = stopped.snapshot(1 + night * 24, "available"); }
    stopped.database().status = "stopped".into();
    stopped
})]
fn nothing_goes_before_the_new_one_is_good(#[case] given: Given) {
    assert_eq!(given.steps(), [""; 0]);
}

#[rstest]
#[case("available", 1)]
#[case("storage-optimization", 1)]
#[case("backing-up", 0)]
#[case("modifying", 0)]
#[case("storage-full", 0)]
#[case("stopped", 0)]
fn a_snapshot_is_taken_only_when_the_state_allows(#[case] status: &str, #[case] steps: usize) {
    let mut given = given(1);
    given.database().status = status.into();
    assert_eq!(given.steps().len(), steps, "{}", given.decided().reason);
}

#[test]
fn one_that_failed_goes_and_comes_again() {
    let failed = given(1).snapshot(1, "failed");
    assert_eq!(failed.steps(), ["-lamplighter-orders-20261121-0300"]);
    assert!(
        failed
            .decided()
            .reason
            .starts_with("lamplighter-orders-20261121-0300 failed; 1 snapshot to delete")
    );
}

#[test]
fn a_shared_one_stays() {
    let mut shared = given(8).snapshot(1, "available");
    shared
        .observed
        .shared
        .insert(snapshot_arn("lamplighter-orders-20261113-0300"));
    assert_eq!(shared.steps(), ["-lamplighter-orders-20261114-0300"]);
}

#[test]
fn at_the_quota_rotation_goes_first_and_never_out_of_turn() {
    let full = |mut given: Given| {
        given.observed.quota = Quota {
            used: 100,
            max: 100,
        };
        given
    };
    assert_eq!(
        full(given(8)).steps(),
        ["-lamplighter-orders-20261113-0300"]
    );
    assert_eq!(full(given(7)).steps(), [""; 0]);
    let reason = full(given(7)).decided().reason;
    assert!(
        reason.ends_with(
            "waits: the quota of manual snapshots is reached, and the policy keeps them all"
        ),
        "{reason}"
    );
    assert_eq!(
        full(given(7)).titles(),
        [""; 0],
        "one database speaks for all"
    );
    let mut speaks = full(given(7));
    speaks.observed.reports_quota = true;
    let message = &speaks.decided().messages[0];
    assert_eq!(
        message.title,
        "100 of 100 manual snapshots used - new instance backups blocked"
    );
    assert_eq!(message.severity, Severity::Critical);
    let mut near = given(7);
    near.observed.quota = Quota { used: 80, max: 100 };
    assert_eq!(near.titles(), [""; 0], "one database speaks for all");
    near.observed.reports_quota = true;
    assert_eq!(
        near.titles(),
        ["80 of 100 manual snapshots used - instance backups stop at the limit"]
    );
    assert_eq!(near.steps().len(), 1);
}

#[test]
fn the_recovery_point_is_watched() {
    let old = |hours: i64| {
        let mut old = given(0).snapshot(hours, "available");
        old.database().status = "stopped".into();
        old
    };
    assert_eq!(old(27).titles(), [""; 0]);
    assert_eq!(
        old(29).titles(),
        ["RPO 30 h missed in 61 min - recovery point 28 h old"]
    );
    assert_eq!(old(31).titles(), ["recovery point 30 h old, RPO 30 h"]);
    let mut by_log = old(31);
    by_log.database().latest_restorable = Some(NOW - SignedDuration::from_mins(5));
    assert_eq!(by_log.titles(), [""; 0]);
    let over = by_log.decided().messages.remove(0);
    assert_eq!(
        (over.title.as_str(), over.resolves.as_deref()),
        (
            "recovery point 5 min old again, within the RPO",
            Some("recovery-point")
        )
    );
}

/// While a database is stopped, its data don't change: the metric that the alarm watches doesn't grow.
#[test]
fn the_metric_leaves_out_the_time_that_the_database_was_stopped() {
    let mut given = given(0).snapshot(27, "available");
    let age = |given: &Given| Backup::list_gauges(&given.observed, &given.state, NOW)[0].1;
    let whole = age(&given);
    given
        .state
        .backups
        .record_idle_time(true, given.observed.recovery_point(), NOW);
    let later = NOW + SignedDuration::from_hours(12);
    given
        .state
        .backups
        .record_idle_time(true, given.observed.recovery_point(), later);
    let difference = whole - age(&given);
    assert!((difference - 12.0 * 3_600.0).abs() < 1.0, "{difference}");
}

#[test]
fn a_first_backup_that_failed_is_critical_however_the_failure_is_worded() {
    let mut first = given(0);
    first.backup = "at=00:30 keep=7d".into();
    let late = "backup of 2026-11-21 00:30 UTC taken 3 h late";
    assert_eq!(first.titles(), [late], "it is about to be taken");
    let failed = |identifier: &str| {
        Action::Backup(BackupAction::CreateSnapshot(CreateSnapshot {
            database: orders(),
            node: None,
            identifier: identifier.into(),
            tags: BTreeMap::new(),
        }))
    };
    let described = failed("lamplighter-orders").describe();
    first
        .state
        .notified
        .insert(format!("failed:{described}"), NOW);
    assert_eq!(first.titles(), [late], "the text decides nothing");
    for identifier in ["lamplighter-orders-20261121-0030", "reworded"] {
        first.state = TargetState::default();
        first.state.record_failure(&failed(identifier), NOW);
        assert_eq!(first.titles(), [late, "no recovery point, RPO 30 h"]);
    }
}

#[test]
fn the_clock_of_aws_may_differ() {
    let mut behind = given(9).snapshot(1, "available");
    let newest = behind.observed.snapshots.last_mut().unwrap();
    newest.taken_at = newest.taken_at.map(|at| at - SignedDuration::from_mins(4));
    assert_eq!(behind.steps().len(), 3);
    let mut ahead = given(9).snapshot(1, "available");
    ahead.observed.snapshots.last_mut().unwrap().taken_at =
        Some(NOW + SignedDuration::from_mins(4));
    assert_eq!(ahead.steps().len(), 3);
}

#[test]
fn a_backup_that_waits_too_long_is_told() {
    let mut late = given(1);
    late.backup = "at=00:30 keep=7d".into();
    assert_eq!(
        late.titles(),
        ["backup of 2026-11-21 00:30 UTC taken 3 h late"]
    );
    late.database().status = "modifying".into();
    assert_eq!(
        late.titles(),
        ["backup 3 h overdue - database is modifying"]
    );
}

#[test]
fn a_member_is_backed_up_with_its_cluster() {
    let mut member = given(1);
    member.database().cluster = Some("shop".into());
    assert_eq!(
        member.titles(),
        ["no backup of its own - member of cluster shop"]
    );
}

#[test]
fn a_job_of_aws_backup_that_failed_is_told() {
    let mut job = given(7).snapshot(1, "available");
    job.event = Event::parse(json!({
        "detail-type": "Backup Job State Change", "source": "aws.backup",
        "detail": {"state": "FAILED", "backupJobId": "j1", "resourceArn": orders().as_str(), "statusMessage": "\"no vault\""},
    }))
    .unwrap();
    assert_eq!(job.titles(), ["AWS Backup job FAILED"]);
}

#[rstest]
#[case("orders", "lamplighter-orders-20261121-0300")]
#[case(
    "a-database-with-a-name-of-37-characters",
    "lamplighter-a-database-with-a-name-of-37-20261121-0300"
)]
fn names_are_what_every_engine_takes(#[case] database: &str, #[case] expected: &str) {
    let slot = "2026-11-21T03:00:00Z".parse().unwrap();
    let named = name_for_slot(
        &Arn::new(format!("arn:aws:rds:eu-west-1:123456789012:db:{database}")),
        slot,
    );
    assert!(named.len() <= 63 && !named.contains("--"), "{named}");
    assert_eq!(&named[..20], &expected[..20]);
}

#[test]
fn a_database_of_the_same_name_is_another_one() {
    let mut swapped = given(7).snapshot(1, "available");
    swapped
        .observed
        .snapshots
        .iter_mut()
        .for_each(|snapshot| snapshot.resource_id = "db-OLD".into());
    swapped.database().resource_id = "db-NEW".into();
    let steps = swapped.steps();
    assert!(
        steps.len() == 1 && steps[0].starts_with("+lamplighter-orders-20261121-0300-"),
        "{steps:?}"
    );
    assert_eq!(swapped.observed.recovery_point(), None);
}

#[test]
fn what_was_not_asked_about_stays() {
    let mut unasked = given(9).snapshot(1, "available");
    unasked.observed.sharing_checked = [snapshot_arn("lamplighter-orders-20261112-0300")].into();
    assert_eq!(unasked.steps(), ["-lamplighter-orders-20261112-0300"]);
}
