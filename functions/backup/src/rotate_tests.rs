//! Which snapshots stay: a table of cases, and what always holds.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use lamplighter::model::{Arn, Database, DatabaseKind, Snapshot};
use lamplighter::policy::{
    BackupPolicy, HOLD, Retention, STACK, StackDefaults, TARGET, TIER, VERIFIED,
};
use proptest::prelude::*;
use rstest::rstest;

use crate::rotate::{RotationDecision, RotationRules, rotate_snapshots};

const DATABASE: &str = "arn:aws:rds:eu-west-1:123456789012:db:orders";

fn database(resource_id: &str) -> Database {
    Database {
        arn: Arn::new(DATABASE),
        resource_id: resource_id.to_owned(),
        ..Database::default()
    }
}

fn keep(text: &str) -> Retention {
    BackupPolicy::parse(&format!("keep={text}"), &StackDefaults::default())
        .unwrap()
        .keep
}

fn snapshot(at: Timestamp) -> Snapshot {
    let tags = [(STACK, "lamplighter"), (TARGET, DATABASE)]
        .map(|(key, value)| (key.to_owned(), value.to_owned()));
    let identifier = format!("lamplighter-orders-{}", at.strftime("%Y%m%d-%H%M%S"));
    Snapshot {
        arn: Arn::new(format!(
            "arn:aws:rds:eu-west-1:123456789012:snapshot:{identifier}"
        )),
        identifier,
        database: "orders".into(),
        kind: DatabaseKind::Instance,
        status: "available".into(),
        taken_at: Some(at),
        encrypted: true,
        tags: tags.into(),
        ..Snapshot::default()
    }
}

fn verdicts<'s>(
    snapshots: &'s [Snapshot],
    keep: &Retention,
    zone: &TimeZone,
) -> Vec<(&'s Snapshot, RotationDecision)> {
    let database = database("");
    let in_use = BTreeSet::new();
    let rules = RotationRules {
        stack: "lamplighter",
        database: &database,
        keep,
        policies: &[],
        zone,
        in_use: &in_use,
    };
    let now = snapshots
        .iter()
        .filter_map(|snapshot| snapshot.taken_at)
        .max()
        .unwrap_or_default();
    rotate_snapshots(snapshots, rules, now)
}

fn stay(snapshots: &[Snapshot], keep: &Retention, zone: &TimeZone) -> Vec<Snapshot> {
    let kept = verdicts(snapshots, keep, zone)
        .into_iter()
        .filter(|(_, verdict)| matches!(verdict, RotationDecision::Keep(_)));
    kept.map(|(snapshot, _)| snapshot.clone()).collect()
}

/// Times of day, minute and hour as `2026-11-21T03:00`, or a stretch of them: `2026-11-12T03:00 x10 24h`.
fn times(text: &str) -> Vec<Timestamp> {
    let at = |text: &str| format!("{text}:00Z").parse::<Timestamp>().unwrap();
    let several = |text: &str| match text.trim().split(' ').collect::<Vec<_>>()[..] {
        [first, count, hours] => {
            let hours: i64 = hours.trim_end_matches('h').parse().unwrap();
            let count: i64 = count.trim_start_matches('x').parse().unwrap();
            (0..count)
                .map(|n| at(first) + SignedDuration::from_hours(n * hours))
                .collect()
        }
        [one] => vec![at(one)],
        _ => panic!("{text}"),
    };
    text.split(',').flat_map(several).collect()
}

// Cases marked (restic) follow <https://restic.readthedocs.io/en/stable/060_forget.html>: a tier counts hours, days,
// weeks and months that have a snapshot, keeps the newest of each, and keeps the oldest while it is not full. Those
// marked (pgBackRest) follow <https://pgbackrest.org/user-guide.html#retention>: what is kept is counted, so nothing
// expires for its age alone, and only when a newer one covers it.
#[rstest]
#[case::seven_of_ten_nights("7d", "2026-11-12T03:00 x10 24h", "2026-11-15T03:00 x7 24h")] // restic
#[case::fewer_than_promised("7d", "2026-11-18T03:00 x4 24h", "2026-11-18T03:00 x4 24h")] // restic, pgBackRest
#[case::exactly_as_many("7d", "2026-11-15T03:00 x7 24h", "2026-11-15T03:00 x7 24h")] // pgBackRest
#[case::one_too_many("2d", "2026-11-19T03:00 x3 24h", "2026-11-20T03:00 x2 24h")] // pgBackRest: the third expires the first
#[case::only_on_sundays("4d", "2026-09-06T03:00 x12 168h", "2026-11-01T03:00 x4 168h")] // restic: its own example
#[case::sundays_by_the_week("4w", "2026-09-06T03:00 x12 168h", "2026-11-01T03:00 x4 168h")] // restic
#[case::two_a_day("2d", "2026-11-19T03:00 x6 12h", "2026-11-20T15:00,2026-11-21T15:00")] // restic
#[case::two_a_day_not_full(
    "7d",
    "2026-11-20T03:00 x4 12h",
    "2026-11-20T03:00,2026-11-20T15:00,2026-11-21T15:00"
)] // restic
#[case::a_day_of_hours("24h", "2026-11-20T00:00 x30 1h", "2026-11-20T06:00 x24 1h")] // restic
#[case::thrice_an_hour(
    "2h",
    "2026-11-21T01:00,2026-11-21T01:20,2026-11-21T01:40,2026-11-21T02:00",
    "2026-11-21T01:40,2026-11-21T02:00"
)] // restic
#[case::hours_and_days(
    "3h+2d",
    "2026-11-19T00:00 x60 1h",
    "2026-11-20T23:00,2026-11-21T09:00 x3 1h"
)] // restic
#[case::days_and_weeks(
    "7d+4w",
    "2026-10-13T03:00 x40 24h",
    "2026-11-01T03:00,2026-11-08T03:00,2026-11-15T03:00 x7 24h"
)] // restic
#[case::weeks("2w", "2026-11-07T03:00 x15 24h", "2026-11-15T03:00,2026-11-21T03:00")] // restic: ISO weeks, from Monday
#[case::new_years_week(
    "2w",
    "2026-12-27T03:00,2026-12-31T03:00,2027-01-01T03:00,2027-01-04T03:00",
    "2027-01-01T03:00,2027-01-04T03:00"
)]
#[case::months(
    "2m",
    "2026-01-31T03:00,2026-02-28T03:00,2026-03-01T03:00",
    "2026-02-28T03:00,2026-03-01T03:00"
)] // restic
#[case::months_of_nights(
    "3m",
    "2026-08-20T03:00 x94 24h",
    "2026-09-30T03:00,2026-10-31T03:00,2026-11-21T03:00"
)] // restic
#[case::a_leap_day("2d", "2028-02-28T03:00 x3 24h", "2028-02-29T03:00,2028-03-01T03:00")]
#[case::stopped_for_ten_days(
    "7d",
    "2026-11-01T03:00 x10 24h,2026-11-21T03:00",
    "2026-11-05T03:00 x6 24h,2026-11-21T03:00"
)] // restic, pgBackRest
#[case::the_only_one("1h", "2020-01-01T00:00", "2020-01-01T00:00")] // pgBackRest
#[case::all_tiers("1h+1d+1w+1m", "2026-11-19T03:00 x3 24h", "2026-11-21T03:00")] // restic: one may be all of them
#[case::the_last_three("3l", "2026-11-12T03:00 x10 24h", "2026-11-19T03:00 x3 24h")] // restic
#[case::the_last_three_of_an_hour(
    "3l",
    "2026-11-21T03:00,2026-11-21T03:10,2026-11-21T03:20,2026-11-21T03:30",
    "2026-11-21T03:10,2026-11-21T03:20,2026-11-21T03:30"
)] // restic
#[case::the_last_besides_days(
    "2l+2d",
    "2026-11-19T03:00 x6 12h",
    "2026-11-20T15:00,2026-11-21T03:00,2026-11-21T15:00"
)] // restic
#[case::years(
    "2y",
    "2025-06-30T03:00,2025-12-31T03:00,2026-01-01T03:00,2026-11-21T03:00",
    "2025-12-31T03:00,2026-11-21T03:00"
)] // restic
#[case::a_year_of_months("12m", "2025-01-15T03:00 x24 720h", "2026-01-10T03:00 x12 720h")] // restic
fn the_policy_keeps(#[case] policy: &str, #[case] taken: &str, #[case] kept: &str) {
    let snapshots: Vec<Snapshot> = times(taken).into_iter().map(snapshot).collect();
    let stays: Vec<Timestamp> = stay(&snapshots, &keep(policy), &TimeZone::UTC)
        .into_iter()
        .filter_map(|s| s.taken_at)
        .collect();
    assert_eq!(stays, times(kept));
}

#[rstest]
#[case::days_are_those_of_the_zone("1d", "2026-11-20T22:30,2026-11-20T23:30", 1)]
#[case::midnight_in_rome("2d", "2026-11-20T22:30,2026-11-20T23:30", 2)]
#[case::an_hour_that_comes_twice("2h", "2026-10-25T00:30,2026-10-25T01:30", 2)]
#[case::an_hour_that_is_skipped("2h", "2026-03-29T00:30,2026-03-29T01:30", 2)]
fn the_clock_of_the_zone_counts(#[case] policy: &str, #[case] taken: &str, #[case] kept: usize) {
    let snapshots: Vec<Snapshot> = times(taken).into_iter().map(snapshot).collect();
    assert_eq!(
        stay(
            &snapshots,
            &keep(policy),
            &TimeZone::get("Europe/Rome").unwrap()
        )
        .len(),
        kept
    );
}

#[test]
fn what_is_not_ours_or_wanted_for_another_reason_stays() {
    let mut snapshots: Vec<Snapshot> = times("2026-11-10T03:00 x10 24h")
        .into_iter()
        .map(snapshot)
        .collect();
    snapshots[0].tags = BTreeMap::new();
    snapshots[1].tags.insert(HOLD.into(), "true".into());
    snapshots[2]
        .tags
        .insert(VERIFIED.into(), "2026-11-12".into());
    snapshots[3].status = "modifying".into();
    snapshots[4].status = "failed".into();
    snapshots[5].tags.insert(STACK.into(), "another".into());
    let said: Vec<String> = verdicts(&snapshots, &keep("2d"), &TimeZone::UTC)
        .into_iter()
        .map(|(_, verdict)| match verdict {
            RotationDecision::Keep(reasons) | RotationDecision::Wait(reasons) => {
                format!("+ {}", reasons.join(", "))
            }
            RotationDecision::Delete(reason) => format!("- {reason}"),
        })
        .collect();
    insta::assert_snapshot!(said.join("\n"), @"
    + not taken by this stack of this database
    + held by lamplighter:hold
    + newest verified snapshot
    + modifying
    - failed
    + not taken by this stack of this database
    - newer snapshots fill keep=2d
    - newer snapshots fill keep=2d
    + day 2026-11-18
    + day 2026-11-19, newest good snapshot
    ");
    let nothing = Retention::default();
    snapshots.remove(4);
    assert_eq!(stay(&snapshots, &nothing, &TimeZone::UTC), snapshots);
}

#[rstest]
#[case::before_a_rollout("rollout", "lamplighter-orders-20261121-0100", 1, true)]
#[case::of_a_slot_with_such_a_name("1d", "lamplighter-orders-before-ab12cd34", 1, false)]
#[case::long_before_a_rollout("rollout", "lamplighter-orders-before-ab12cd34", 12, false)]
fn a_snapshot_that_a_rollout_may_wait_for_stays(
    #[case] tier: &str,
    #[case] identifier: &str,
    #[case] hours_ago: i64,
    #[case] kept: bool,
) {
    let now: Timestamp = "2026-11-21T23:00:00Z".parse().unwrap();
    let mut before = snapshot(now - SignedDuration::from_hours(hours_ago));
    before.tags.insert(TIER.into(), tier.into());
    before.identifier = identifier.into();
    let snapshots = [before, snapshot(now)];
    let stays = stay(&snapshots, &keep("1d"), &TimeZone::UTC).contains(&snapshots[0]);
    assert_eq!(stays, kept);
}

#[test]
fn one_that_is_being_made_for_a_day_is_stuck() {
    let mut snapshots: Vec<Snapshot> = times("2026-11-19T03:00,2026-11-21T03:00")
        .into_iter()
        .map(snapshot)
        .collect();
    snapshots[0].status = "creating".into();
    let first = |snapshots: &[Snapshot]| {
        verdicts(snapshots, &keep("7d"), &TimeZone::UTC)[0]
            .1
            .clone()
    };
    assert_eq!(
        first(&snapshots),
        RotationDecision::Delete("still creating after 48 h".into())
    );
    snapshots[0].taken_at = Some("2026-11-20T12:00:00Z".parse().unwrap());
    assert_eq!(
        first(&snapshots),
        RotationDecision::Keep(vec!["being created".into()])
    );
}

prop_compose! {
    fn policies()(
        last in 0_u32..5, hours in 0_u32..30, days in 0_u32..10, weeks in 0_u32..6, months in 0_u32..6, years in 0_u32..3
    ) -> Retention {
        Retention { last, hours, days, weeks, months, years }
    }
}

prop_compose! {
    /// Snapshots at any times of two years; some failed, held, verified or not ours.
    fn any_snapshots()(
        made in prop::collection::btree_map(0_i64..1_051_200, 0_u8..20, 1..60)
    ) -> Vec<Snapshot> {
        let beginning: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        made.into_iter().map(|(minute, kind)| {
            let mut snapshot = snapshot(beginning + SignedDuration::from_mins(minute));
            match kind {
                0 => snapshot.status = "failed".into(),
                1 => snapshot.status = "creating".into(),
                2 => drop(snapshot.tags.insert(HOLD.into(), "true".into())),
                3 => drop(snapshot.tags.insert(VERIFIED.into(), "2026".into())),
                4 => snapshot.tags.clear(),
                _ => {}
            }
            snapshot
        }).collect()
    }
}

fn good(snapshots: &[Snapshot]) -> Vec<&Snapshot> {
    let ours = |s: &&Snapshot| s.is_taken_by("lamplighter", &database("")) && s.is_restorable();
    snapshots.iter().filter(ours).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_there_is(snapshots in any_snapshots(), keep in policies(), rome in any::<bool>(), seed in any::<u64>()) {
        let zone = if rome { TimeZone::get("Europe/Rome").unwrap() } else { TimeZone::UTC };
        let kept = stay(&snapshots, &keep, &zone);
        // What is not ours or held stays; so do the newest good one and the newest that was checked.
        let newest = |of: &dyn Fn(&&Snapshot) -> bool| good(&snapshots).into_iter().filter(of).max_by_key(|s| s.taken_at).cloned();
        for must in [newest(&|_| true), newest(&|s| s.is_verified())].into_iter().flatten() {
            prop_assert!(kept.contains(&must));
        }
        prop_assert!(snapshots.iter().filter(|s| s.is_held() || s.tags.is_empty()).all(|s| kept.contains(s)));
        // Each tier alone has what it promises, as far as there was that much.
        let days = |snapshots: &[Snapshot]| -> BTreeSet<String> {
            let day = |s: &&Snapshot| s.taken_at.unwrap().to_zoned(zone.clone()).strftime("%F").to_string();
            good(snapshots).iter().map(day).collect()
        };
        let promised = days(&snapshots).len().min(keep.days as usize);
        prop_assert!(days(&kept).len() >= promised, "{} of {promised} days", days(&kept).len());
        // A second look deletes nothing more, and the order of the list means nothing.
        prop_assert_eq!(&stay(&kept, &keep, &zone), &kept);
        let mut turned = snapshots.clone();
        turned.rotate_left(usize::try_from(seed % snapshots.len() as u64).unwrap());
        turned.reverse();
        let names = |snapshots: &[Snapshot]| snapshots.iter().map(|s| s.identifier.clone()).collect::<BTreeSet<_>>();
        prop_assert_eq!(names(&stay(&turned, &keep, &zone)), names(&kept));
    }
}

#[test]
fn snapshots_of_a_database_that_had_the_name_before_stay_and_fill_no_tier() {
    let mut snapshots: Vec<Snapshot> = times("2026-11-10T03:00 x10 24h")
        .into_iter()
        .map(snapshot)
        .collect();
    for (snapshot, n) in snapshots.iter_mut().zip(0..) {
        snapshot.resource_id = if n < 5 {
            "db-OLD".into()
        } else {
            "db-NEW".into()
        };
    }
    let (database, in_use, keep) = (database("db-NEW"), BTreeSet::new(), keep("3d"));
    let rules = RotationRules {
        stack: "lamplighter",
        database: &database,
        keep: &keep,
        policies: &[],
        zone: &TimeZone::UTC,
        in_use: &in_use,
    };
    let said = rotate_snapshots(&snapshots, rules, snapshots[9].taken_at.unwrap());
    let earlier = RotationDecision::Keep(vec!["not taken by this stack of this database".into()]);
    assert!(said[..5].iter().all(|(_, verdict)| *verdict == earlier));
    assert_eq!(
        said[5..]
            .iter()
            .filter(|(_, verdict)| matches!(verdict, RotationDecision::Delete(_)))
            .count(),
        2
    );
}
