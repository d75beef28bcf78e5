//! Tests of `lamplighter:backup`.

use rstest::rstest;

use jiff::SignedDuration;
use jiff::civil::Time;

use super::backup::*;
use super::{StackDefaults, TagError};
use crate::model::{CopyDestination, Database};
use crate::policy::Retention;

fn parse(value: &str) -> Result<BackupPolicy, TagError> {
    BackupPolicy::parse(value, &StackDefaults::default())
}

#[test]
fn reads_tiers_copies_and_drills() {
    let policy = parse("every=1h keep=24h+7d+4w rpo=1h copy=eu-west-1 drill=weekly").unwrap();
    assert_eq!(policy.slots, Slots::Every { seconds: 3_600 });
    assert_eq!(
        policy.keep,
        Retention {
            hours: 24,
            days: 7,
            weeks: 4,
            ..Retention::default()
        }
    );
    assert_eq!(
        (policy.rpo, policy.drill),
        (Some(3_600), Some(DrillSchedule::Weekly))
    );
    assert_eq!(policy.copy, [CopyDestination::parse("eu-west-1").unwrap()]);
}

#[rstest]
#[case::all("3l+24h+7d+4w+12m+2y")]
#[case::last("5l")]
#[case::years("7y")]
fn retention_is_written_as_it_is_read(#[case] text: &str) {
    assert_eq!(text.parse::<Retention>().unwrap().to_string(), text);
}

#[test]
fn the_stack_provides_defaults() {
    let policy = parse("tz=Europe/Rome").unwrap();
    assert_eq!(
        policy.slots,
        Slots::Daily {
            at: Time::constant(3, 0, 0, 0)
        }
    );
    assert_eq!(policy.zone.iana_name(), Some("Europe/Rome"));
    assert_eq!(policy.keep.days, 7);
}

#[rstest]
#[case::after_it("at=03:00", "2026-11-21T03:00:00Z", "2026-11-21T03:00:00Z")]
#[case::before_it("at=03:00", "2026-11-21T02:59:59Z", "2026-11-20T03:00:00Z")]
#[case::in_a_zone(
    "at=03:00 tz=Europe/Rome",
    "2026-11-21T02:30:00Z",
    "2026-11-21T02:00:00Z"
)]
#[case::skipped_by_the_clock(
    "at=02:30 tz=Europe/Rome",
    "2026-03-29T01:30:00Z",
    "2026-03-29T01:30:00Z"
)]
#[case::twice_by_the_clock(
    "at=02:30 tz=Europe/Rome",
    "2026-10-25T02:30:00Z",
    "2026-10-25T00:30:00Z"
)]
#[case::hourly("every=1h", "2026-11-21T05:59:59Z", "2026-11-21T05:00:00Z")]
#[case::odd_hours("every=5h", "2026-11-21T23:00:00Z", "2026-11-21T20:00:00Z")]
#[case::from_midnight("every=5h", "2026-11-22T00:10:00Z", "2026-11-22T00:00:00Z")]
fn a_slot_is_due(#[case] value: &str, #[case] now: &str, #[case] slot: &str) {
    assert_eq!(
        parse(value)
            .unwrap()
            .due_slot(now.parse().unwrap())
            .to_string(),
        slot
    );
}

#[test]
fn the_recovery_point_may_be_a_quarter_older_than_a_slot() {
    assert_eq!(
        parse("at=03:00").unwrap().target_age(),
        SignedDuration::from_hours(30)
    );
    assert_eq!(
        parse("every=1h rpo=2h").unwrap().target_age(),
        SignedDuration::from_hours(2)
    );
}

/// An objective that snapshots alone can't keep would be missed at each slot.
#[rstest]
#[case::hourly("every=1h rpo=1h", 0, Some(1), 75)]
#[case::too_little_slack("every=1h rpo=80m", 0, Some(1), 75)]
#[case::enough_slack("every=1h rpo=2h", 0, None, 120)]
#[case::nightly("at=03:00 rpo=24h", 0, Some(24), 30 * 60)]
#[case::with_point_in_time_recovery("every=1h rpo=1h", 7, None, 60)]
#[case::without_an_objective("every=1h", 0, None, 75)]
fn an_objective_that_snapshots_cannot_keep_is_found(
    #[case] value: &str,
    #[case] backup_retention_days: u32,
    #[case] hours: Option<i64>,
    #[case] minutes: i64,
) {
    let database = Database {
        backup_retention_days,
        ..Database::default()
    };
    let policy = parse(value).unwrap();
    let unkept = policy.find_unkept_rpo(&database);
    assert_eq!(unkept.map(|rpo| rpo.as_hours()), hours);
    let age = policy.max_recovery_point_age(&database);
    assert_eq!(age, SignedDuration::from_mins(minutes));
}

#[rstest]
#[case("at=25:00", "25:00 is not a time of day such as 03:00")]
#[case("at=03:00 every=1h", "at= and every= are mutually exclusive")]
#[case(
    "keep=7",
    "keep=7 is not a number with the unit l (last), h, d, w, m (months) or y such as 7d"
)]
#[case("keep=7d+8d", "keep= has the unit \"d\" twice")]
#[case("every=5m", "every=5m is not a duration of at least 1 hour such as 6h")]
#[case("tz=Europe/Roma", "Europe/Roma is not a time zone such as Europe/Rome")]
#[case(
    "copy=ireland",
    "copy=ireland is neither a region such as eu-central-1 nor vault"
)]
#[case(
    "drill-group=closed",
    "drill-group=closed is not a security group such as sg-0123456789abcdef0"
)]
#[case(
    "drill-class=large",
    "drill-class=large is not an instance class such as db.r6g.large, nor a node type such as cache.r7g.large"
)]
#[case(
    "check-task=a/b",
    "check-task=a/b is not a task definition such as shop-db-check or shop-db-check:3"
)]
#[case(
    "check-task=a:latest",
    "check-task=a:latest is not a task definition such as shop-db-check or shop-db-check:3"
)]
#[case("drill=yes", "drill=yes is not one of daily, weekly, monthly")]
fn an_error_names_the_problem(#[case] value: &str, #[case] problem: &str) {
    assert_eq!(parse(value).unwrap_err().problem, problem);
}
