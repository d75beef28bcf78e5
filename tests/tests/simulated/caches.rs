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
    let is_group = resource.starts_with("replicationgroup:");
    let valkey = |database: Database| Database {
        engine: "valkey".into(),
        resource_id: String::new(),
        snapshot_node: is_group.then(|| format!("{}-002", database.identifier)),
        created_at: Some(BEGINNING - HOUR * 10_000),
        ..database
    };
    world.keep_database(&arn, backup, valkey)
}

/// The same with cluster mode.
fn cache_in_cluster_mode(world: &World, name: &str, backup: &str) -> Arn {
    let arn = cache(world, &format!("replicationgroup:{name}"), backup);
    let mut state = world.state_mut();
    let database = state.databases.get_mut(&arn).unwrap();
    (database.snapshot_node, database.has_cluster_mode) = (None, true);
    drop(state);
    arn
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
#[case("every=1h", 3)]
#[case("every=2h", 0)]
fn more_backups_than_elasticache_takes_are_told(#[case] tag: &str, #[case] told: usize) {
    let world = World::new();
    cache(&world, "replicationgroup:sessions", tag);
    days(&world, 1);
    assert_eq!(world.titles().len(), told, "{:?}", world.titles());
}

/// A cache that is deleted and made again under its name is another one: what the first one held stays, and has no part in the
/// rotation of the second.
#[rstest]
#[case::replication_group("replicationgroup:sessions")]
#[case::serverless("serverlesscache:sessions")]
fn a_cache_made_again_keeps_the_backups_of_the_first_one(#[case] resource: &str) {
    let world = World::new();
    world.advance(HOUR);
    let sessions = cache(&world, resource, "at=03:00 keep=4d");
    days(&world, 6);
    let first = world.taken(&sessions);
    assert_eq!(first.len(), 4);
    let now = world.state().now;
    world
        .state_mut()
        .databases
        .get_mut(&sessions)
        .unwrap()
        .created_at = Some(now);
    days(&world, 9);
    let all = world.taken(&sessions);
    assert_eq!(all[..4], first);
    assert_eq!(all.len(), 4 + 4);
}

/// A cache whose name leaves no room for the time of the backup is backed up like any other.
#[test]
fn a_cache_with_a_long_name_is_backed_up() {
    let world = World::new();
    world.advance(HOUR);
    let names = [
        "sessions-of-the-web-shop-in-production-1",
        "sessions-of-the-web-shop-in-production-2",
    ];
    let caches = names.map(|name| {
        cache(
            &world,
            &format!("replicationgroup:{name}"),
            "at=03:00 keep=3d",
        )
    });
    days(&world, 5);
    for arn in &caches {
        assert_eq!(world.taken(arn).len(), 3, "{:?}", world.titles());
    }
}

/// A backup that AWS refuses for its quota is told at once, with what to do, and taken when the quota allows it.
#[test]
fn a_quota_that_is_used_up_is_told_at_once() {
    let world = World::new();
    let sessions = cache(&world, "replicationgroup:sessions", "at=03:00 keep=7d");
    let now = world.state().now;
    for n in 0..20 {
        let at = now - SignedDuration::from_mins(n * 30);
        world.snapshot(&sessions, &format!("by-hand-{n}"), at, BTreeMap::new());
    }
    world.sweep(&Backup).unwrap().unwrap();
    assert_eq!(
        world.titles(),
        [
            "failed to take the snapshot lamplighter-sessions-20261121-0300 - SnapshotQuotaExceededFault"
        ]
    );
    days(&world, 2);
    let own = world.state();
    let own = own.snapshots.values().filter(|s| s.has_own_name());
    assert!(own.count() >= 2, "{:?}", world.titles());
}

/// AWS calls the snapshot of a running restore `restoring`. It is as good as before: no alarm, and the rotation goes on.
#[test]
fn a_snapshot_that_is_being_restored_is_a_recovery_point() {
    let world = World::new();
    let sessions = cache(&world, "replicationgroup:sessions", "at=03:00 rpo=26h");
    world.sweep(&Backup).unwrap().unwrap();
    days(&world, 1);
    for _ in 0..24 * 4 {
        let newest = {
            let state = world.state();
            state
                .snapshots
                .values()
                .max_by_key(|s| s.taken_at)
                .unwrap()
                .arn
                .clone()
        };
        let now = world.state().now;
        world.state_mut().restored_from.insert(newest, now);
        world.advance(SignedDuration::from_mins(15));
        world.sweep(&Backup).unwrap().unwrap();
    }
    assert!(world.taken(&sessions).len() >= 2);
    assert_eq!(world.titles(), [""; 0]);
}

#[rstest]
#[case::replication_group("replicationgroup", "cache.r7g.large", false)]
#[case::cluster_mode("replicationgroup", "cache.r7g.large", true)]
#[case::serverless("serverlesscache", "", false)]
fn a_backup_of_a_cache_is_proven_and_nothing_is_left(
    #[case] kind: &str,
    #[case] class: &str,
    #[case] has_cluster_mode: bool,
) {
    let world = World::new();
    let sessions = if has_cluster_mode {
        cache_in_cluster_mode(&world, "sessions", "at=03:00 drill=weekly")
    } else {
        cache(&world, &format!("{kind}:sessions"), "at=03:00 drill=weekly")
    };
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
