//! The real `backup`, in a simulated world, over nights and years.

use std::collections::BTreeMap;

use backup::Backup;
use e2e::testkit::world::{BEGINNING, Fault, World};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use lamplighter::model::{Arn, Database};
use lamplighter::notify::Severity;
use lamplighter::plan::Outcome;
use lamplighter::policy::{ROLLOUT_TIER, StackDefaults, TIER};
use proptest::prelude::*;
use rstest::rstest;
use serde_json::json;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// A world in which the day is half over.
fn afternoon() -> World {
    let world = World::new();
    world.advance(HOUR * 12);
    world
}

fn sweep(world: &World) {
    world.sweep(&Backup).unwrap().unwrap();
}

/// So many days, with a sweep every so many hours.
fn days(world: &World, days: i64, every: i64) {
    for _ in 0..days * 24 / every {
        world.advance(HOUR * i32::try_from(every).unwrap());
        sweep(world);
    }
}

fn count(world: &World, database: &Arn) -> usize {
    world.taken(database).len()
}

#[test]
fn seven_nights_are_kept_and_somebody_elses_snapshot_stays() {
    let world = afternoon();
    let orders = world.database("orders", "at=03:00 keep=7d");
    let by_hand = world.snapshot(
        &orders,
        "before-the-migration",
        BEGINNING - HOUR * 1_000,
        BTreeMap::new(),
    );
    days(&world, 10, 1);
    assert_eq!(count(&world, &orders), 7 + 1);
    assert!(world.state().snapshots.contains_key(&by_hand));
    let nights: Vec<String> = world.taken(&orders)[1..]
        .iter()
        .map(|at| at.strftime("%F %H").to_string())
        .collect();
    assert_eq!(nights[0], "2026-11-25 03");
    assert_eq!(nights[6], "2026-12-01 03");
    assert_eq!(
        world.titles(),
        ["backup of 2026-11-21 03:00 UTC taken 13 h late"]
    );
    let expired = world.count("DeleteDBSnapshot");
    sweep(&world);
    assert_eq!(
        world.count("DeleteDBSnapshot"),
        expired,
        "it did not settle"
    );
}

#[test]
fn the_journal_says_of_each_step_of_a_plan_in_order_what_came_of_it() {
    let world = afternoon();
    let orders = world.database("orders", "at=03:00 keep=7d");
    days(&world, 10, 1);
    let fewer = "at=03:00 keep=3d".to_owned();
    world
        .state_mut()
        .tags
        .get_mut(&orders)
        .unwrap()
        .insert("lamplighter:backup".into(), fewer);
    let two = StackDefaults {
        actions_per_run: 2,
        ..StackDefaults::default()
    };
    // What a shorter policy no longer keeps waits for a day.
    days(&world, 1, 1);
    world.advance(HOUR);
    world
        .invoke_with(&Backup, e2e::testkit::world::sweep(), two)
        .unwrap()
        .unwrap();
    let journal = world.state().journal.clone();
    let [.., intent, outcome] = journal.as_slice() else {
        panic!("{journal:?}")
    };
    assert_eq!(intent.plan.as_ref().unwrap().steps.len(), 4);
    let is_done: Vec<bool> = outcome
        .outcomes
        .iter()
        .map(|outcome| matches!(outcome, Outcome::Done(_)))
        .collect();
    assert_eq!(
        is_done,
        [true, true, false, false],
        "{:?}",
        outcome.outcomes
    );
}

#[test]
fn one_that_is_refused_stands_in_nobodys_way() {
    let world = World::new();
    let databases = ["a", "b", "c"].map(|name| world.database(name, "at=03:00"));
    world.inject_fault("CreateDBSnapshot", Fault::Throttled);
    sweep(&world);
    let taken = |world: &World| {
        databases
            .iter()
            .filter(|database| count(world, database) == 1)
            .count()
    };
    assert_eq!(
        (taken(&world), world.titles().len()),
        (2, 1),
        "{:?}",
        world.titles()
    );
    sweep(&world);
    assert_eq!((taken(&world), world.titles().len()), (3, 1));
}

#[test]
fn when_backups_stop_nothing_is_deleted_and_one_critical_message_says_so() {
    let world = afternoon();
    let orders = world.database("orders", "at=03:00 keep=7d");
    days(&world, 9, 1);
    assert_eq!(count(&world, &orders), 7);
    world.state_mut().databases.get_mut(&orders).unwrap().status = "modifying".into();
    days(&world, 10, 1);
    assert_eq!(count(&world, &orders), 7);
    let critical = |world: &World| {
        let state = world.state();
        let mut all: Vec<String> = state
            .notices
            .iter()
            .filter(|n| n.message.severity == Severity::Critical)
            .map(|n| n.message.title.clone())
            .collect();
        all.dedup();
        all
    };
    let told = critical(&world);
    assert_eq!(told[0], "recovery point 31 h old, RPO 30 h");
    // Once a day while it lasts.
    assert!(told.len() <= 10, "{told:?}");
    world.state_mut().databases.get_mut(&orders).unwrap().status = "available".into();
    days(&world, 1, 1);
    assert_eq!(
        world.titles().last().unwrap(),
        "recovery point 60 min old again, within the RPO"
    );
    assert_eq!(count(&world, &orders), 7);
}

/// Days on which the database runs from 8 to 20 o'clock.
fn office_hours(world: &World, database: &Arn, days: i64) {
    for _ in 0..days * 24 * 4 {
        world.advance(HOUR / 4);
        let hour: i8 = world
            .state()
            .now
            .strftime("%H")
            .to_string()
            .parse()
            .unwrap();
        let status = match hour {
            8 if world.state().now.as_second() % 3_600 == 0 => "starting",
            8..20 => "available",
            _ => "stopped",
        };
        world
            .state_mut()
            .databases
            .get_mut(database)
            .unwrap()
            .status = status.into();
        sweep(world);
    }
}

/// A database that is stopped at night has a backup of each day, and nobody hears of it.
#[rstest]
#[case::at_night("at=03:00 keep=7d", 7)]
#[case::every_six_hours("every=6h keep=24h", 20)]
#[case::with_an_objective("at=03:00 keep=7d rpo=25h", 7)]
fn a_database_that_is_stopped_at_night_is_quiet(#[case] policy: &str, #[case] least: usize) {
    let world = World::new();
    world.advance(HOUR * 8);
    let orders = world.database("orders", policy);
    office_hours(&world, &orders, 1);
    let told = world.titles().len();
    office_hours(&world, &orders, 14);
    assert_eq!(world.titles().len(), told, "{:?}", world.titles());
    assert!(
        count(&world, &orders) >= least,
        "{}",
        count(&world, &orders)
    );
    // For weeks.
    world.state_mut().databases.get_mut(&orders).unwrap().status = "stopped".into();
    days(&world, 20, 1);
    assert_eq!(world.titles().len(), told, "{:?}", world.titles());
}

/// That it is stopped at night hides no backups that fail by day.
#[test]
fn backups_that_fail_by_day_are_told_though_the_database_is_stopped_at_night() {
    let world = World::new();
    world.advance(HOUR * 8);
    let orders = world.database("orders", "at=03:00 keep=7d");
    office_hours(&world, &orders, 3);
    world.state_mut().snapshots_allowed = 1;
    office_hours(&world, &orders, 5);
    let titles = world.titles();
    assert!(
        titles
            .iter()
            .any(|title| title.starts_with("recovery point ")),
        "{titles:?}"
    );
}

#[rstest]
#[case::taking("CreateDBSnapshot")]
#[case::listing("DescribeDBSnapshots")]
#[case::journalling("Intend")]
#[case::concluding("Conclude")]
#[case::deleting("DeleteDBSnapshot")]
fn a_function_killed_anywhere_is_made_up_for(
    #[case] call: &'static str,
    #[values(Fault::Killed, Fault::AnswerLost, Fault::Throttled)] fault: Fault,
) {
    let world = afternoon();
    let orders = world.database("orders", "at=03:00 keep=7d");
    days(&world, 8, 1);
    for _ in 0..3 {
        world.inject_fault(call, fault);
        for _ in 0..24 {
            world.advance(HOUR);
            let _ = world.sweep(&Backup);
        }
    }
    days(&world, 1, 1);
    assert_eq!(count(&world, &orders), 7, "{:?}", world.taken(&orders));
    let mut taken: Vec<Timestamp> = world.taken(&orders);
    taken.dedup_by_key(|at| at.strftime("%F").to_string());
    assert_eq!(taken.len(), 7, "two for one night");
}

#[test]
fn a_missed_night_is_made_up_for_and_a_repeated_event_takes_none() {
    let world = afternoon();
    let orders = world.database("orders", "at=03:00 keep=7d");
    days(&world, 2, 1);
    world.state_mut().databases.get_mut(&orders).unwrap().status = "modifying".into();
    days(&world, 1, 1);
    assert_eq!(count(&world, &orders), 3);
    world.state_mut().databases.get_mut(&orders).unwrap().status = "available".into();
    world.advance(HOUR);
    sweep(&world);
    assert_eq!(count(&world, &orders), 4);
    let newest = world.state().snapshots.keys().next_back().cloned().unwrap();
    let event = json!({
        "detail-type": "RDS DB Snapshot Event", "source": "aws.rds", "region": "eu-west-1", "account": "123456789012",
        "detail": {"EventID": "RDS-EVENT-0042", "SourceArn": newest.as_str(), "Message": "Manual snapshot created"},
    });
    for _ in 0..5 {
        world.invoke(&Backup, event.clone()).unwrap().unwrap();
    }
    assert_eq!(world.count("CreateDBSnapshot"), 4);
}

/// A cluster and its member: taken once, as the cluster.
#[test]
fn a_cluster_is_backed_up_once() {
    let world = afternoon();
    let cluster = Arn::new("arn:aws:rds:eu-west-1:123456789012:cluster:shop");
    let docdb = |database: Database| Database {
        engine: "docdb".into(),
        ..database
    };
    world.keep_database(&cluster, "at=03:00", docdb);
    let member = Arn::new("arn:aws:rds:eu-west-1:123456789012:db:shop-1");
    world.keep_database(&member, "at=03:00", |database| Database {
        cluster: Some("shop".into()),
        ..docdb(database)
    });
    days(&world, 1, 1);
    // Today's, which was late, and tonight's.
    assert_eq!((count(&world, &cluster), count(&world, &member)), (2, 0));
    assert!(
        world
            .titles()
            .contains(&"no backup of its own - member of cluster shop".to_owned())
    );
}

#[test]
fn an_unreadable_policy_deletes_nothing_and_stops_nobody_else() {
    let world = afternoon();
    let (orders, carts) = (
        world.database("orders", "at=03:00 keep=7d"),
        world.database("carts", "at=03:00 keep=7d"),
    );
    days(&world, 8, 1);
    world
        .state_mut()
        .tags
        .get_mut(&orders)
        .unwrap()
        .insert("lamplighter:backup".into(), "keep=none".into());
    days(&world, 5, 1);
    assert_eq!((count(&world, &orders), count(&world, &carts)), (7, 7));
    let newest = |database: &Arn| *world.taken(database).last().unwrap();
    assert!(newest(&orders) < newest(&carts));
    let about = |title: &&String| title.starts_with("invalid tag lamplighter:backup");
    assert_eq!(world.titles().iter().filter(about).count(), 5, "once a day");
}

/// Nights at half past two in Rome: with an hour that comes twice and one that is skipped, a leap day and New Year.
#[test]
fn over_years_every_night_has_one_and_only_one() {
    let world = World::new();
    let orders = world.database("orders", "at=02:30 tz=Europe/Rome keep=7d+4w+12m");
    world.state_mut().now = "2027-09-01T12:00:00Z".parse().unwrap();
    let rome = TimeZone::get("Europe/Rome").unwrap();
    let mut nights: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..(550 * 4) {
        let before = world.count("CreateDBSnapshot");
        world.advance(HOUR * 6);
        sweep(&world);
        if world.count("CreateDBSnapshot") > before {
            let night = world
                .state()
                .now
                .to_zoned(rome.clone())
                .strftime("%F")
                .to_string();
            *nights.entry(night).or_default() += 1;
        }
    }
    assert!(nights.values().all(|taken| *taken == 1), "{nights:?}");
    assert!(
        nights.len() >= 549 && nights.contains_key("2028-02-29"),
        "{}",
        nights.len()
    );
    let kept = count(&world, &orders);
    // 7 days, 3 more weeks, 11 more months, where a month's last night may be a week's.
    assert!((19..=22).contains(&kept), "{kept}");
}

#[test]
fn a_hundred_databases_with_three_thousand_snapshots_are_read_by_the_page() {
    let world = World::new();
    world.state_mut().snapshots_allowed = 10_000;
    for n in 0..100 {
        let database = world.database(&format!("db{n:03}"), "at=03:00 keep=7d");
        for night in 0..30 {
            world.snapshot(
                &database,
                &format!("by-hand-{n}-{night}"),
                BEGINNING - HOUR * (night * 24),
                BTreeMap::new(),
            );
        }
    }
    let all = || StackDefaults {
        actions_per_run: 1_000,
        ..StackDefaults::default()
    };
    world
        .invoke_with(&Backup, e2e::testkit::world::sweep(), all())
        .unwrap()
        .unwrap();
    assert_eq!(world.count("DescribeDBSnapshots"), 30);
    assert_eq!(
        (
            world.count("DescribeDBInstances"),
            world.count("DescribeAccountAttributes")
        ),
        (1, 1)
    );
    assert_eq!(world.count("CreateDBSnapshot"), 100);
}

#[derive(Debug, Clone)]
enum Happening {
    Night,
    Busy,
    Fault(&'static str, Fault),
    ByHand,
    Outage { hours: i32 },
}

fn happening() -> impl Strategy<Value = Happening> {
    let calls = prop::sample::select(vec![
        "CreateDBSnapshot",
        "DeleteDBSnapshot",
        "Intend",
        "Conclude",
        "DescribeDBSnapshots",
    ]);
    let faults = prop::sample::select(vec![Fault::Throttled, Fault::AnswerLost, Fault::Killed]);
    prop_oneof![
        8 => Just(Happening::Night),
        1 => Just(Happening::Busy),
        2 => (calls, faults).prop_map(|(call, fault)| Happening::Fault(call, fault)),
        1 => Just(Happening::ByHand),
        1 => (1..200).prop_map(|hours| Happening::Outage { hours }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// Busy databases, killed functions, throttled calls, days without any sweep: the newest good snapshot is never
    /// deleted, and once there were seven nights there are never fewer.
    #[test]
    fn whatever_happens_what_is_promised_stays(history in prop::collection::vec(happening(), 10..60)) {
        let world = afternoon();
        let orders = world.database("orders", "at=03:00 keep=7d");
        let mut by_hand = 0;
        let mut met = false;
        for (n, happening) in history.into_iter().enumerate() {
            let newest = world.taken(&orders).last().copied();
            let busy = matches!(happening, Happening::Busy);
            match happening {
                Happening::Fault(call, fault) => world.inject_fault(call, fault),
                Happening::ByHand => {
                    let old = world.state().now - HOUR * 5_000;
                    world.snapshot(&orders, &format!("by-hand-{n}"), old, BTreeMap::new());
                    by_hand += 1;
                }
                Happening::Outage { hours } => world.advance(HOUR * hours),
                Happening::Night | Happening::Busy => {}
            }
            world.state_mut().databases.get_mut(&orders).unwrap().status = if busy { "modifying" } else { "available" }.into();
            for _ in 0..8 {
                world.advance(HOUR * 3);
                let _ = world.sweep(&Backup);
            }
            let taken = world.taken(&orders);
            prop_assert!(newest.is_none_or(|newest| taken.contains(&newest) || taken.iter().any(|at| *at > newest)));
            let ours = taken.len() - by_hand;
            met |= ours >= 7;
            prop_assert!(!met || ours >= 7, "{ours} after there were seven");
        }
        world.state_mut().faults.clear();
        world.state_mut().databases.get_mut(&orders).unwrap().status = "available".into();
        days(&world, 8, 3);
        // One that is asked for this very hour is not good yet.
        let now = world.state().now;
        let good = world.taken(&orders).into_iter().filter(|at| *at < now).count();
        prop_assert_eq!(good, 7 + by_hand);
        prop_assert!(world.is_settled());
    }
}

/// How many good ones there are in the other region.
fn copied(world: &World, database: &Arn) -> usize {
    world.taken_in("eu-central-1", database).len()
}

#[test]
fn every_new_backup_is_copied_and_rotated_there() {
    let world = afternoon();
    let orders = world.database("orders", "at=03:00 keep=3d copy=eu-central-1");
    days(&world, 1, 1);
    assert_eq!((count(&world, &orders), copied(&world, &orders)), (2, 2));
    days(&world, 5, 1);
    assert_eq!((count(&world, &orders), copied(&world, &orders)), (3, 3));
    let state = world.state();
    let copy = state
        .snapshots
        .values()
        .rfind(|s| s.arn.region() == "eu-central-1")
        .unwrap();
    assert_eq!(
        (
            copy.tags["lamplighter:target"].as_str(),
            copy.tags["team"].as_str()
        ),
        (orders.as_str(), "shop")
    );
}

#[test]
fn a_region_that_is_new_gets_the_newest_and_from_then_on_all() {
    let world = afternoon();
    let orders = world.database("orders", "at=03:00 keep=7d");
    days(&world, 8, 1);
    let tag = "at=03:00 keep=7d copy=eu-central-1";
    world
        .state_mut()
        .tags
        .get_mut(&orders)
        .unwrap()
        .insert("lamplighter:backup".into(), tag.into());
    world.advance(HOUR);
    sweep(&world);
    assert_eq!(world.count("CopyDBSnapshot"), 1);
    days(&world, 2, 1);
    assert_eq!(copied(&world, &orders), 3);
}

#[test]
fn no_more_than_five_copies_run_in_a_region_at_a_time() {
    let world = afternoon();
    for n in 0..12 {
        world.database(&format!("db{n}"), "at=03:00 copy=eu-central-1");
    }
    sweep(&world);
    world.advance(SignedDuration::from_mins(11));
    for copies in [5, 10, 12] {
        sweep(&world);
        assert_eq!(world.count("CopyDBSnapshot"), copies);
        sweep(&world);
        assert_eq!(
            world.count("CopyDBSnapshot"),
            copies,
            "the first five are not done"
        );
        world.advance(SignedDuration::from_mins(11));
    }
}

#[test]
fn a_copy_that_fails_is_deleted_and_made_again_and_its_source_stays_meanwhile() {
    let world = afternoon();
    let orders = world.database("orders", "at=03:00 keep=1d copy=eu-central-1");
    sweep(&world);
    world.advance(HOUR);
    sweep(&world);
    {
        let mut state = world.state_mut();
        let copy = state
            .snapshots
            .values_mut()
            .find(|s| s.arn.region() == "eu-central-1")
            .unwrap();
        copy.status = "failed".into();
    }
    for _ in 0..3 {
        world.advance(HOUR);
        sweep(&world);
    }
    assert_eq!((count(&world, &orders), copied(&world, &orders)), (1, 1));
    assert_eq!(world.count("CopyDBSnapshot"), 2);
}

#[test]
fn copies_that_stop_are_told_and_nothing_goes_there() {
    let world = afternoon();
    let orders = world.database("orders", "at=03:00 keep=3d copy=eu-central-1");
    days(&world, 5, 1);
    assert_eq!(copied(&world, &orders), 3);
    for _ in 0..24 * 6 {
        world.advance(HOUR);
        // Those of the earlier days as well.
        for _ in 0..3 {
            world.inject_fault("CopyDBSnapshot", Fault::Throttled);
        }
        let _ = world.sweep(&Backup);
    }
    assert_eq!(copied(&world, &orders), 3);
    assert!(
        world
            .titles()
            .iter()
            .any(|title| title.starts_with("no new copy in eu-central-1 for")),
        "{:?}",
        world.titles()
    );
}

#[test]
fn a_region_that_cannot_be_read_stops_nothing_here() {
    let world = afternoon();
    let (orders, carts) = (
        world.database("orders", "at=03:00 copy=eu-west-9"),
        world.database("carts", "at=03:00"),
    );
    for _ in 0..3 {
        // The first listing is of this region.
        world
            .state_mut()
            .unreadable_regions
            .insert("eu-west-9".into());
        sweep(&world);
        world.advance(HOUR);
    }
    assert_eq!((count(&world, &orders), count(&world, &carts)), (1, 1));
    let about = |title: &&String| {
        title.as_str() == "backups not copied to eu-west-9 - snapshots there can't be read"
    };
    assert_eq!(
        world.titles().iter().filter(about).count(),
        1,
        "{:?}",
        world.titles()
    );
}

/// A snapshot of before a rollout is copied as any other, and does not stand in the way of those that follow.
#[test]
fn a_snapshot_of_before_a_rollout_is_one_among_others() {
    let world = afternoon();
    let orders = world.database("orders", "at=03:00 keep=3d copy=eu-central-1");
    days(&world, 2, 1);
    let mut tags = world
        .state()
        .snapshots
        .values()
        .next()
        .unwrap()
        .tags
        .clone();
    tags.insert(TIER.to_owned(), ROLLOUT_TIER.to_owned());
    let now = world.state().now;
    let name = format!(
        "lamplighter-orders-{}-before-ab12cd34",
        now.strftime("%Y%m%d-%H%M")
    );
    world.snapshot(&orders, &name, now, tags);
    world.advance(HOUR);
    sweep(&world);
    let there = |world: &World, name: &str| {
        let state = world.state();
        let mut copies = state.snapshots.keys().map(Arn::display_name);
        copies.any(|copy| copy.starts_with(&format!("{name}-")))
    };
    assert!(there(&world, &name));
    days(&world, 5, 1);
    assert_eq!((count(&world, &orders), copied(&world, &orders)), (3, 3));
    let newest = world.taken(&orders).pop().unwrap();
    assert_eq!(world.taken_in("eu-central-1", &orders).pop(), Some(newest));
    assert!(!there(&world, &name), "it goes when its day goes");
}
