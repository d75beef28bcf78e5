//! The real `backup` and `enroll` on caches, in a simulated world.

use std::collections::BTreeMap;

use backup::Backup;
use drill::Drill;
use e2e::testkit::world::{BEGINNING, World, sweep};
use enroll::Enroll;
use jiff::SignedDuration;
use lamplighter::model::{Arn, Database};
use lamplighter::policy::{StackDefaults, VERIFIED};
use rstest::rstest;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

fn cache(world: &World, resource: &str, backup: &str) -> Arn {
    let arn = Arn::new(format!(
        "arn:aws:elasticache:eu-west-1:123456789012:{resource}"
    ));
    let valkey = |database: Database| Database {
        engine: "valkey".into(),
        resource_id: String::new(),
        ..database
    };
    world.keep_database(&arn, backup, valkey)
}

fn days(world: &World, days: i32) {
    for _ in 0..days * 24 {
        world.advance(HOUR);
        world.sweep(&Backup).unwrap().unwrap();
    }
}

#[rstest]
#[case::replication_group("replicationgroup:sessions")]
#[case::serverless("serverlesscache:sessions")]
fn a_cache_has_seven_nights_and_somebody_elses_snapshot_stays(#[case] resource: &str) {
    let world = World::new();
    world.advance(HOUR);
    let sessions = cache(&world, resource, "at=03:00 keep=7d");
    // A database of the same name is another target.
    let database = world.database("sessions", "at=03:00 keep=2d");
    let by_hand = world.snapshot(
        &sessions,
        "by-hand",
        BEGINNING - HOUR * 1_000,
        BTreeMap::new(),
    );
    days(&world, 12);
    assert_eq!(
        (world.taken(&sessions).len(), world.taken(&database).len()),
        (7 + 1, 2)
    );
    assert!(world.state().snapshots.contains_key(&by_hand));
    assert_eq!(world.titles().len(), 0, "{:?}", world.titles());
}

#[test]
fn while_a_cache_is_busy_it_waits_and_nothing_goes() {
    let world = World::new();
    let sessions = cache(&world, "replicationgroup:sessions", "at=03:00 keep=7d");
    days(&world, 9);
    world
        .state_mut()
        .databases
        .get_mut(&sessions)
        .unwrap()
        .status = "modifying".into();
    days(&world, 3);
    assert_eq!(world.taken(&sessions).len(), 7);
    assert!(
        world
            .titles()
            .iter()
            .any(|title| title.starts_with("recovery point ")),
        "{:?}",
        world.titles()
    );
}

#[test]
fn what_a_cache_cannot_have_is_told_once() {
    let world = World::new();
    cache(
        &world,
        "replicationgroup:sessions",
        "at=03:00 copy=eu-central-1",
    );
    days(&world, 1);
    assert_eq!(
        world.titles(),
        ["no backup copies - ElastiCache does not support copy="]
    );
    assert_eq!(world.count("CopyDBSnapshot"), 0);
}

#[rstest]
#[case("every=1h", 1)]
#[case("every=2h", 0)]
fn more_backups_than_elasticache_takes_are_told(#[case] tag: &str, #[case] told: usize) {
    let world = World::new();
    cache(&world, "replicationgroup:sessions", tag);
    days(&world, 1);
    assert_eq!(world.titles().len(), told, "{:?}", world.titles());
}

#[rstest]
#[case::replication_group("replicationgroup", "cache.r7g.large")]
#[case::serverless("serverlesscache", "")]
fn a_backup_of_a_cache_is_proven_and_nothing_is_left(#[case] kind: &str, #[case] class: &str) {
    let world = World::new();
    let sessions = cache(&world, &format!("{kind}:sessions"), "at=03:00 drill=weekly");
    world
        .state_mut()
        .databases
        .get_mut(&sessions)
        .unwrap()
        .class = class.into();
    world.sweep(&Backup).unwrap().unwrap();
    let closed = StackDefaults {
        drill_group: "sg-0123456789abcdef0".into(),
        ..StackDefaults::default()
    };
    let step = |world: &World| {
        world.advance(SignedDuration::from_mins(15));
        world
            .invoke_with(&Drill, sweep(), closed.clone())
            .unwrap()
            .unwrap();
    };
    step(&world);
    let throwaway = Arn::new(format!(
        "arn:aws:elasticache:eu-west-1:123456789012:{kind}:lamplighter-drill-sessions"
    ));
    assert_eq!(world.state().databases[&throwaway].class, class);
    (0..3).for_each(|_| step(&world));
    assert!(
        !world.state().databases.contains_key(&throwaway)
            && world.state().databases.contains_key(&sessions)
    );
    assert_eq!(
        world.titles(),
        ["drill passed in 30 min - backup of 2026-11-21 03:00 UTC usable"]
    );
    assert!(
        world
            .state()
            .snapshots
            .values()
            .all(|snapshot| snapshot.tags.contains_key(VERIFIED))
    );
}

#[test]
fn a_throwaway_cache_whose_tags_are_not_known_yet_is_waited_for() {
    let world = World::new();
    cache(&world, "replicationgroup:sessions", "at=03:00 drill=weekly");
    world.sweep(&Backup).unwrap().unwrap();
    let closed = StackDefaults {
        drill_group: "sg-0123456789abcdef0".into(),
        ..StackDefaults::default()
    };
    let look = |world: &World| {
        world.advance(SignedDuration::from_mins(15));
        world
            .invoke_with(&Drill, sweep(), closed.clone())
            .unwrap()
            .unwrap()
    };
    look(&world);
    let throwaway = Arn::new(
        "arn:aws:elasticache:eu-west-1:123456789012:replicationgroup:lamplighter-drill-sessions",
    );
    let tags = world.state_mut().tags.remove(&throwaway).unwrap();
    let reason = look(&world)["targets"][0]["reason"].clone();
    assert_eq!(
        (reason.as_str(), world.titles().len()),
        (Some("lamplighter-drill-sessions is creating"), 0)
    );
    world.state_mut().tags.insert(throwaway.clone(), tags);
    (0..3).for_each(|_| drop(look(&world)));
    assert!(!world.state().databases.contains_key(&throwaway));
}

#[test]
fn a_cache_that_is_backed_up_gets_the_alarm_of_its_recovery_point() {
    let world = World::new();
    cache(&world, "serverlesscache:sessions", "at=03:00");
    world.invoke(&Enroll, sweep()).unwrap().unwrap();
    let names: Vec<String> = world.state().alarms.keys().cloned().collect();
    assert_eq!(
        names,
        ["lamplighter/serverlesscache:sessions/recovery-point"]
    );
    assert_eq!(world.titles(), [""; 0]);
}
