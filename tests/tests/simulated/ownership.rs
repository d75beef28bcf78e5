//! Whose a snapshot is: databases of one name in two regions, renamed ones, ones made again, and copies that fail.

use std::collections::{BTreeMap, BTreeSet};

use e2e::testkit::world::{Fault, World};
use jiff::{SignedDuration, Timestamp};
use lamplighter::model::{Arn, Snapshot};
use proptest::prelude::*;

use crate::vault::{self, set_policy};

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);
const HERE: &str = "eu-west-1";
const THERE: &str = "eu-central-1";
const POLICY: &str = "at=03:00 keep=3d copy=eu-central-1+vault";

fn hours(world: &World, hours: usize) {
    vault::hours(world, hours, &vault::with_vault());
}

fn start(policy: &str) -> (World, Arn) {
    let world = World::new();
    world.advance(HOUR);
    let orders = world.database("orders", policy);
    (world, orders)
}

/// The backups of a database, by the identity that survives a rename.
fn backups_of(world: &World, place: &str, resource_id: &str) -> Vec<Snapshot> {
    let all = world.snapshots_in(place).into_iter();
    let own = all.filter(|snapshot| {
        let id = snapshot.tags.get("lamplighter:target-id");
        id.is_some_and(|id| id == resource_id)
    });
    own.collect()
}

fn count_everywhere(world: &World, resource_id: &str) -> [usize; 3] {
    [HERE, THERE, "vault"].map(|place| {
        let count = backups_of(world, place, resource_id).len();
        // The vault keeps more, by a policy of its own.
        if place == "vault" {
            count.min(3)
        } else {
            count
        }
    })
}

/// A snapshot that the stack of another region or account took of its own database of this name.
fn add_namesake(world: &World, place: &str, name: &str, at: Timestamp) -> Arn {
    let (region, account) = if place == "vault" {
        (HERE, "345678901234")
    } else {
        (place, "123456789012")
    };
    let target = format!("arn:aws:rds:{THERE}:{account}:db:orders");
    let tags = [
        ("lamplighter:stack", "lamplighter"),
        ("lamplighter:target", &target),
        ("lamplighter:target-id", "db-NAMESAKE"),
        ("lamplighter:slot", &at.strftime("%FT%H:%MZ").to_string()),
        ("lamplighter:tier", "3d"),
    ];
    let arn = Arn::new(format!("arn:aws:rds:{region}:{account}:snapshot:{name}"));
    let snapshot = Snapshot {
        arn: arn.clone(),
        identifier: name.to_owned(),
        database: "orders".to_owned(),
        status: "available".to_owned(),
        taken_at: Some(at),
        resource_id: "db-NAMESAKE".to_owned(),
        tags: tags
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
        ..Snapshot::default()
    };
    world.state_mut().snapshots.insert(arn.clone(), snapshot);
    arn
}

fn slot_name(at: Timestamp) -> String {
    format!("lamplighter-orders-{}", at.strftime("%Y%m%d-%H%M"))
}

/// The next time of a backup: 03:00.
fn next_slot(world: &World) -> Timestamp {
    let mut at = world.state().now.round(jiff::Unit::Hour).unwrap() + HOUR;
    while at.strftime("%H").to_string() != "03" {
        at += HOUR;
    }
    at
}

fn has_all(world: &World, snapshots: &BTreeSet<Arn>) -> bool {
    let state = world.state();
    snapshots
        .iter()
        .all(|arn| state.snapshots.contains_key(arn))
}

/// Gives the database another name, as ModifyDBInstance does: it keeps its resource ID, and snapshots keep the old name.
pub fn rename(world: &World, database: &Arn, name: &str) -> Arn {
    let mut state = world.state_mut();
    let mut renamed = state.databases.remove(database).unwrap();
    let arn = Arn::new(format!("arn:aws:rds:{HERE}:123456789012:db:{name}"));
    renamed.arn = arn.clone();
    name.clone_into(&mut renamed.identifier);
    state.databases.insert(arn.clone(), renamed);
    let tags = state.tags.remove(database).unwrap();
    state.tags.insert(arn.clone(), tags);
    arn
}

/// Two stacks in two regions back up a database of the same name at the same time.
#[test]
fn a_namesake_at_a_copy_place_hides_nothing_and_keeps_its_backups() {
    let (world, _) = start(POLICY);
    let mut namesakes = BTreeSet::new();
    for _ in 0..10 {
        let slot = next_slot(&world);
        for place in [THERE, "vault"] {
            namesakes.insert(add_namesake(&world, place, &slot_name(slot), slot));
        }
        hours(&world, 24);
        assert!(has_all(&world, &namesakes));
    }
    hours(&world, 3);
    assert_eq!(count_everywhere(&world, "db-ORDERS"), [3, 3, 3]);
    assert_eq!(world.titles(), Vec::<String>::new());
    let copies = backups_of(&world, THERE, "db-ORDERS");
    let originals: BTreeSet<_> = backups_of(&world, HERE, "db-ORDERS")
        .into_iter()
        .map(|snapshot| snapshot.taken_at)
        .collect();
    assert!(copies.iter().all(|copy| originals.contains(&copy.taken_at)));
}

/// Copies of a namesake arrive here, under a name of their own or one that somebody gave them by hand.
#[test]
fn copies_of_a_namesake_are_no_backups_of_this_database() {
    let (world, orders) = start("at=03:00 keep=3d rpo=30h");
    world.state_mut().databases.get_mut(&orders).unwrap().status = "modifying".into();
    let mut namesakes = BTreeSet::new();
    for _ in 0..3 {
        let slot = next_slot(&world);
        namesakes.insert(add_namesake(
            &world,
            HERE,
            &format!("{}-3f2a", slot_name(slot)),
            slot,
        ));
        namesakes.insert(add_namesake(&world, HERE, &slot_name(slot), slot));
        hours(&world, 24);
    }
    assert!(
        world
            .titles()
            .iter()
            .any(|title| title.contains("no recovery point")),
        "{:?}",
        world.titles()
    );
    world.state_mut().databases.get_mut(&orders).unwrap().status = "available".into();
    hours(&world, 24 * 5);
    assert!(has_all(&world, &namesakes));
    assert_eq!(backups_of(&world, HERE, "db-ORDERS").len(), 3);
}

/// A name that somebody else uses elsewhere than under this database is an error that names it.
#[test]
fn a_name_that_is_in_use_is_told() {
    let (world, _) = start("at=03:00 keep=3d");
    let slot = next_slot(&world);
    let arn = add_namesake(&world, HERE, &slot_name(slot), slot);
    "carts".clone_into(&mut world.state_mut().snapshots.get_mut(&arn).unwrap().database);
    hours(&world, 24);
    let notes = world.titles();
    assert!(
        notes
            .iter()
            .any(|title| title.contains("DBSnapshotAlreadyExists")),
        "{notes:?}"
    );
}

#[test]
fn a_renamed_database_keeps_its_backups_and_they_are_rotated() {
    let (world, orders) = start(POLICY);
    hours(&world, 24 * 5 + 4);
    assert_eq!(count_everywhere(&world, "db-ORDERS"), [3, 3, 3]);
    let taken = world.count("CreateDBSnapshot");
    let shop = rename(&world, &orders, "shop");
    hours(&world, 2);
    // Its slot has a backup.
    assert_eq!(world.count("CreateDBSnapshot"), taken);
    hours(&world, 24 * 6);
    assert_eq!(count_everywhere(&world, "db-ORDERS"), [3, 3, 3]);
    assert_eq!(world.titles(), Vec::<String>::new());
    let names = backups_of(&world, HERE, "db-ORDERS");
    assert!(
        names.iter().all(|s| s.database == shop.display_name()),
        "{names:?}"
    );
}

/// The snapshots of the database that was deleted stay everywhere; those of the new one are copied and rotated.
#[test]
fn a_database_made_again_shares_nothing_with_the_earlier_one() {
    let (world, orders) = start(POLICY);
    hours(&world, 24 * 5 + 4);
    world
        .state_mut()
        .databases
        .get_mut(&orders)
        .unwrap()
        .resource_id = "db-AGAIN".to_owned();
    hours(&world, 24 * 6);
    assert_eq!(count_everywhere(&world, "db-ORDERS"), [3, 3, 3]);
    assert_eq!(count_everywhere(&world, "db-AGAIN"), [3, 3, 3]);
}

/// AWS shows the time of the copying for the copies of clusters.
#[test]
fn copies_of_clusters_are_rotated_by_the_time_of_their_data() {
    let world = World::new();
    world.advance(HOUR);
    let cluster = Arn::new("arn:aws:rds:eu-west-1:123456789012:cluster:shop");
    world.keep_database(&cluster, "every=6h keep=2d copy=eu-central-1", |database| {
        database
    });
    hours(&world, 24 * 2);
    // Nothing is copied for a day; then all at once.
    world
        .state_mut()
        .unreadable_regions
        .insert(THERE.to_owned());
    hours(&world, 24);
    world.state_mut().unreadable_regions.clear();
    hours(&world, 24 * 3);
    let times = |place: &str| -> Vec<Timestamp> {
        let taken = backups_of(&world, place, "db-SHOP").into_iter();
        taken.filter_map(|snapshot| snapshot.taken_at).collect()
    };
    assert_eq!(times(THERE), times(HERE));
}

/// A copy of a backup from days ago isn't stuck because of its age.
#[test]
fn a_copy_of_an_old_backup_has_its_time() {
    let (world, orders) = start("every=96h keep=30d");
    hours(&world, 60);
    let told = world.titles();
    set_policy(&world, &orders, "every=96h keep=30d copy=eu-central-1");
    hours(&world, 2);
    let calls = ["CopyDBSnapshot", "DeleteDBSnapshot"].map(|call| world.count(call));
    assert_eq!((calls, world.titles()), ([1, 0], told));
}

/// The first copy that fails is told; attempts become rarer; that it is over is told, and nothing is missing then.
#[test]
fn copies_that_fail_are_told_at_once_and_retried_ever_more_rarely() {
    let (world, _) = start("at=03:00 keep=7d copy=eu-central-1");
    hours(&world, 24 * 3 + 2);
    let before = world.count("CopyDBSnapshot");
    world.state_mut().failing_places.insert(THERE.to_owned());
    // The backup of 03:00 is copied at 04:00, and AWS gives the copy up.
    hours(&world, 24);
    assert_eq!(world.titles(), ["backup copy in eu-central-1 failed"]);
    hours(&world, 24 * 2);
    let attempts = world.count("CopyDBSnapshot") - before;
    assert!((3..=20).contains(&attempts), "{attempts} attempts");
    world.state_mut().failing_places.clear();
    hours(&world, 26);
    assert!(
        world
            .titles()
            .iter()
            .any(|title| title == "backup copies in eu-central-1 succeed again"),
        "{:?}",
        world.titles()
    );
    let taken = |place| -> BTreeSet<_> {
        let own = backups_of(&world, place, "db-ORDERS").into_iter();
        own.map(|snapshot| snapshot.taken_at).collect()
    };
    assert_eq!(
        taken(THERE),
        taken(HERE),
        "the copies that failed were made again"
    );
}

/// Frequent backups whose copies all fail don't pile up failed copies or calls.
#[test]
fn frequent_copies_that_fail_are_few() {
    let (world, _) = start("every=2h keep=12h copy=eu-central-1");
    hours(&world, 30);
    let before = world.count("CopyDBSnapshot");
    let told = world.titles().len();
    world.state_mut().failing_places.insert(THERE.to_owned());
    let mut most = 0;
    for _ in 0..24 * 3 {
        hours(&world, 1);
        let there = backups_of(&world, THERE, "db-ORDERS");
        most = most.max(there.iter().filter(|copy| copy.status == "failed").count());
    }
    let attempts = world.count("CopyDBSnapshot") - before;
    assert!(
        attempts <= 15 && most <= 4,
        "{attempts} attempts, {most} failed copies"
    );
    let titles = world.titles();
    assert!(
        titles[told..]
            .iter()
            .all(|title| title == "backup copy in eu-central-1 failed"),
        "{titles:?}"
    );
    world.state_mut().failing_places.clear();
    // The next attempt comes after a day at the latest, and then one copy at a time.
    hours(&world, 24 * 3);
    assert_eq!(backups_of(&world, THERE, "db-ORDERS").len(), 12);
    let last = world.titles();
    assert_eq!(
        last.last().unwrap(),
        "backup copies in eu-central-1 succeed again"
    );
}

/// One old backup can never be copied: the later ones are, the others are rotated, and the warning stays.
#[test]
fn one_copy_that_always_fails_holds_up_no_others() {
    let (world, _) = start("at=03:00 keep=5d copy=eu-central-1");
    hours(&world, 24 * 2 + 2);
    let slot = next_slot(&world);
    let name = Snapshot {
        identifier: slot_name(slot),
        ..backups_of(&world, HERE, "db-ORDERS")[0].clone()
    }
    .copy_name();
    world.state_mut().failing_places.insert(name);
    for day in 0..9 {
        hours(&world, 24);
        let newest = newest_by_place(&world, "db-ORDERS");
        let lag = newest[HERE].duration_since(newest[THERE]);
        assert!(day == 0 || lag <= DAY, "day {day}: {lag}");
    }
    hours(&world, 30);
    assert_eq!(count_everywhere(&world, "db-ORDERS"), [5, 5, 0]);
    let ends = world.titles();
    let ends = ends.iter().filter(|title| title.ends_with("succeed again"));
    assert_eq!(ends.count(), 1, "{:?}", world.titles());
}

/// A copy that failed is made again, also of a backup that somebody holds.
#[test]
fn a_failed_copy_of_a_held_backup_is_made_again() {
    let (world, _) = start("at=03:00 keep=3d copy=eu-central-1");
    hours(&world, 24 * 2 + 2);
    world.state_mut().failing_places.insert(THERE.to_owned());
    hours(&world, 24);
    let newest = backups_of(&world, HERE, "db-ORDERS").pop().unwrap().arn;
    let mut state = world.state_mut();
    state.failing_places.clear();
    for snapshot in state.snapshots.values_mut() {
        if snapshot.identifier.starts_with(&newest.display_name()) {
            snapshot
                .tags
                .insert("lamplighter:hold".to_owned(), "true".to_owned());
        }
    }
    drop(state);
    hours(&world, 24);
    let copies = backups_of(&world, THERE, "db-ORDERS");
    assert!(copies.iter().all(Snapshot::is_restorable), "{copies:?}");
    assert!(copies.iter().any(Snapshot::is_held));
}

/// Databases whose copies AWS refuses don't take the turn of the others.
#[test]
fn refused_copies_hold_up_no_others() {
    let (world, _) = start("at=03:00 keep=3d copy=eu-central-1");
    // So many that each sweep of an hour begins with the same one.
    let broken = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"].map(|name| {
        world.database(name, "at=03:00 keep=3d copy=eu-central-1");
        format!("db-{}", name.to_uppercase())
    });
    hours(&world, 1);
    // Their names are in use there.
    for id in &broken {
        let copy = backups_of(&world, HERE, id)[0].copy_name();
        let now = world.state().now;
        add_namesake(&world, THERE, &copy, now);
    }
    hours(&world, 4);
    assert_eq!(backups_of(&world, THERE, "db-ORDERS").len(), 1);
    assert!(
        broken
            .iter()
            .all(|id| backups_of(&world, THERE, id).is_empty())
    );
    let titles = world.titles();
    assert!(
        titles
            .iter()
            .any(|title| title.contains("DBSnapshotAlreadyExists")),
        "{titles:?}"
    );
}

/// Copies to the place of a database are none of a cache.
#[test]
fn a_cache_beside_a_database_is_not_copied() {
    let (world, _) = start("at=03:00 keep=3d copy=eu-central-1");
    let cache = Arn::new("arn:aws:elasticache:eu-west-1:123456789012:serverlesscache:carts");
    world.keep_database(&cache, "at=03:00 keep=3d copy=eu-central-1", |database| {
        lamplighter::model::Database {
            resource_id: String::new(),
            ..database
        }
    });
    hours(&world, 24 * 4);
    assert_eq!(world.taken(&cache).len(), 3);
    assert_eq!(world.taken_in(THERE, &cache).len(), 0);
    let titles = world.titles();
    assert!(
        titles
            .iter()
            .all(|title| title.contains("does not support copy=")),
        "{titles:?}"
    );
}

#[test]
fn a_place_that_copy_no_longer_names_is_told_once() {
    let (world, orders) = start(POLICY);
    hours(&world, 24 * 4 + 3);
    set_policy(&world, &orders, "at=03:00 keep=3d copy=vault");
    hours(&world, 24 * 5 + 3);
    assert_eq!(
        world.titles(),
        ["copies in eu-central-1 stay - copy= names it no longer"]
    );
    assert_eq!(count_everywhere(&world, "db-ORDERS"), [3, 3, 3]);
}

/// Somebody lets another account restore from a copy.
#[test]
fn copies_that_are_shared_stay_and_hold_up_no_others() {
    let (world, orders) = start("at=03:00 keep=14d copy=eu-central-1");
    hours(&world, 24 * 14);
    let shared: BTreeSet<Arn> = backups_of(&world, THERE, "db-ORDERS")
        .into_iter()
        .take(12)
        .map(|copy| copy.arn)
        .collect();
    world.state_mut().shared.extend(shared.clone());
    set_policy(&world, &orders, "at=03:00 keep=3d copy=eu-central-1");
    hours(&world, 24 * 6 + 3);
    assert!(has_all(&world, &shared));
    assert_eq!(backups_of(&world, THERE, "db-ORDERS").len(), 3 + 12);
}

#[derive(Debug, Clone)]
enum Happening {
    Hours(usize),
    Namesake(&'static str),
    Rename(&'static str),
    MadeAgain(u32),
    Failing(&'static str, bool),
    Unreadable(&'static str, bool),
    Fault(&'static str, Fault),
}

fn happening() -> impl Strategy<Value = Happening> {
    let place = || prop::sample::select(vec![THERE, "vault"]);
    let anywhere = prop::sample::select(vec![HERE, THERE, "vault"]);
    let calls = vec![
        "CreateDBSnapshot",
        "CopyDBSnapshot",
        "DeleteDBSnapshot",
        "DescribeDBSnapshotAttributes",
    ];
    let faults = vec![Fault::Throttled, Fault::AnswerLost, Fault::Killed];
    prop_oneof![
        6 => (1_usize..40).prop_map(Happening::Hours),
        2 => anywhere.prop_map(Happening::Namesake),
        1 => prop::sample::select(vec!["orders", "shop", "orders-2"]).prop_map(Happening::Rename),
        1 => (0_u32..100).prop_map(Happening::MadeAgain),
        2 => (place(), any::<bool>()).prop_map(|(place, fails)| Happening::Failing(place, fails)),
        1 => (place(), any::<bool>()).prop_map(|(place, fails)| Happening::Unreadable(place, fails)),
        2 => (prop::sample::select(calls), prop::sample::select(faults)).prop_map(|(call, fault)| Happening::Fault(call, fault)),
    ]
}

/// The newest good backup of a database at each place.
fn newest_by_place(world: &World, resource_id: &str) -> BTreeMap<&'static str, Timestamp> {
    let newest = |place| {
        let good = backups_of(world, place, resource_id).into_iter();
        let good = good.filter(Snapshot::is_restorable);
        good.filter_map(|snapshot| snapshot.taken_at).max()
    };
    [HERE, THERE, "vault"]
        .into_iter()
        .filter_map(|place| Some((place, newest(place)?)))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    /// Another database keeps its backups at every place, whatever happens; the newest backup is never deleted; a slot without its copy is told;
    /// and when all works again, every place has what the policy keeps, and rests.
    #[test]
    fn whatever_happens_nobody_elses_backup_is_touched(history in prop::collection::vec(happening(), 5..40)) {
        let (world, mut database) = start(POLICY);
        let mut id = "db-ORDERS".to_owned();
        let mut others = BTreeSet::new();
        for (n, happening) in history.into_iter().enumerate() {
            let now = world.state().now;
            match happening {
                Happening::Hours(count) => {
                    for _ in 0..count {
                        let before = newest_by_place(&world, &id);
                        hours(&world, 1);
                        let after = newest_by_place(&world, &id);
                        for (place, newest) in before {
                            let is_there = after.get(place).is_some_and(|after| *after >= newest);
                            prop_assert!(is_there, "{place}: {newest} is gone");
                        }
                        prop_assert!(has_all(&world, &others), "somebody else's is gone");
                    }
                }
                Happening::Namesake(place) => {
                    let slot = now.round(jiff::Unit::Hour).unwrap();
                    let name = if n % 2 == 0 { slot_name(slot) } else { format!("{}-3f2a", slot_name(slot)) };
                    others.insert(add_namesake(&world, place, &name, slot));
                }
                Happening::Rename(name) => {
                    if name != database.display_name() {
                        database = rename(&world, &database, name);
                    }
                }
                Happening::MadeAgain(n) => {
                    for place in [HERE, THERE, "vault"] {
                        others.extend(backups_of(&world, place, &id).into_iter().map(|snapshot| snapshot.arn));
                    }
                    id = format!("db-{n}-{}", now.as_second());
                    world.state_mut().databases.get_mut(&database).unwrap().resource_id.clone_from(&id);
                }
                Happening::Failing(place, fails) => {
                    let mut state = world.state_mut();
                    if fails { state.failing_places.insert(place.to_owned()); } else { state.failing_places.remove(place); }
                }
                Happening::Unreadable(place, fails) => {
                    let mut state = world.state_mut();
                    if fails { state.unreadable_regions.insert(place.to_owned()); } else { state.unreadable_regions.remove(place); }
                }
                Happening::Fault(call, fault) => world.inject_fault(call, fault),
            }
        }
        for place in [THERE, "vault"] {
            let newest = newest_by_place(&world, &id).get(place).copied();
            let is_late = newest.is_some_and(|newest| world.state().now.duration_since(newest) > DAY * 2 + HOUR * 6);
            let name = if place == "vault" { "the vault" } else { place };
            prop_assert!(!is_late || world.titles().iter().any(|title| title.contains(name)), "{:?}", world.titles());
        }
        {
            let mut state = world.state_mut();
            state.failing_places.clear();
            state.unreadable_regions.clear();
            state.faults.clear();
        }
        // Until some hours after a slot.
        hours(&world, 24 * 6);
        for _ in 0..24 {
            if world.state().now.strftime("%H").to_string() == "09" { break; }
            hours(&world, 1);
        }
        prop_assert!(has_all(&world, &others));
        prop_assert_eq!(count_everywhere(&world, &id), [3, 3, 3]);
        let count = || ["CreateDBSnapshot", "CopyDBSnapshot", "DeleteDBSnapshot"].map(|call| world.count(call));
        let before = count();
        hours(&world, 1);
        prop_assert_eq!(before, count(), "it rests");
    }
}
