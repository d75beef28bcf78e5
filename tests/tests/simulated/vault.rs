//! The real `backup` with a vault in another account, in a simulated world.

use std::collections::BTreeSet;

use ::vault::{Settings, rotate};
use backup::{Backup, RotationRules, rotate_snapshots};
use e2e::testkit::world::{Fault, World, sweep};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use lamplighter::model::{Arn, Database, Snapshot};
use lamplighter::plan::{Action, BackupAction, DeleteSnapshot};
use lamplighter::policy::StackDefaults;
use lamplighter::ports::Executor;
use proptest::prelude::*;
use serde_json::json;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

pub fn with_vault() -> StackDefaults {
    StackDefaults {
        vault_role: "arn:aws:iam::345678901234:role/vault".into(),
        ..StackDefaults::default()
    }
}

pub fn hours(world: &World, hours: usize, defaults: &StackDefaults) {
    for _ in 0..hours {
        world.advance(HOUR);
        let _ = world.invoke_with(&Backup, sweep(), defaults.clone());
    }
}

/// Rotates in the vault as its function does every hour.
pub fn rotate_vault(world: &World, keep: &str) {
    let document =
        json!({"stack": "vault", "source": "123456789012", "keep": keep, "least_age_days": 4})
            .to_string();
    let settings = Settings::parse(&document).unwrap();
    let now = world.state().now;
    let rotated = world.block_on(rotate(&settings, world, now));
    rotated.unwrap();
}

#[test]
fn every_new_backup_is_copied_to_the_vault_and_rotated_there() {
    let world = World::new();
    world.advance(HOUR);
    let orders = world.database("orders", "at=03:00 keep=3d copy=vault+eu-central-1");
    for _ in 0..24 * 12 + 2 {
        hours(&world, 1, &with_vault());
        rotate_vault(&world, "5d");
    }
    let there = |place: &str| world.taken_in(place, &orders).len();
    // What the vault's own policy doesn't keep goes a day later.
    assert_eq!(
        (
            world.taken(&orders).len(),
            there("vault"),
            there("eu-central-1")
        ),
        (3, 6, 3)
    );
    let state = world.state();
    let copy = state
        .snapshots
        .values()
        .rfind(|snapshot| snapshot.arn.account_id() == "345678901234")
        .unwrap();
    assert_eq!(
        (
            copy.tags["lamplighter:target"].as_str(),
            copy.tags["team"].as_str()
        ),
        (orders.as_str(), "shop")
    );
}

pub fn set_policy(world: &World, database: &Arn, policy: &str) {
    let mut state = world.state_mut();
    let tags = state.tags.get_mut(database).unwrap();
    tags.insert("lamplighter:backup".to_owned(), policy.to_owned());
}

/// The backups here and in the other region.
fn count_everywhere(world: &World, database: &Arn) -> [usize; 2] {
    ["eu-west-1", "eu-central-1"].map(|place| world.taken_in(place, database).len())
}

/// A slip in one tag deletes nothing at any place for a day, nothing in the vault at all, and one message says what would go.
#[test]
fn a_shorter_policy_waits_a_day_at_every_place() {
    let world = World::new();
    world.advance(HOUR);
    let orders = world.database("orders", "at=03:00 keep=7d copy=vault+eu-central-1");
    hours(&world, 24 * 10 + 2, &with_vault());
    assert_eq!(count_everywhere(&world, &orders), [7, 7]);
    set_policy(&world, &orders, "at=03:00 keep=1d copy=vault+eu-central-1");
    for _ in 0..24 {
        hours(&world, 1, &with_vault());
        assert!(
            count_everywhere(&world, &orders)
                .iter()
                .all(|count| *count >= 7),
            "{:?}",
            count_everywhere(&world, &orders)
        );
    }
    let titles = world.titles();
    assert_eq!(titles, ["12 backups would go - keep= shortened to 1d"]);
    // Somebody notices.
    set_policy(&world, &orders, "at=03:00 keep=7d copy=vault+eu-central-1");
    hours(&world, 24 * 3, &with_vault());
    assert_eq!(count_everywhere(&world, &orders), [7, 7]);
    // It is meant so.
    set_policy(&world, &orders, "at=03:00 keep=2d copy=vault+eu-central-1");
    hours(&world, 24 * 3, &with_vault());
    assert_eq!(count_everywhere(&world, &orders), [2, 2]);
    assert!(world.taken_in("vault", &orders).len() > 14);
}

/// Somebody with every right in the source account makes one bad backup after the other, with the tags of a good one.
#[test]
fn an_attacker_in_the_source_account_gets_no_copy_deleted_before_the_least_age() {
    let world = World::new();
    world.advance(HOUR);
    let orders = world.database("orders", "every=6h keep=3d copy=vault");
    hours(&world, 24 * 2, &with_vault());
    let honest = world.taken_in("vault", &orders);
    for n in 0..24 * 5 {
        set_policy(&world, &orders, "every=1h keep=1d copy=vault");
        hours(&world, 1, &with_vault());
        rotate_vault(&world, "2d");
        let kept = world.taken_in("vault", &orders);
        let oldest_age = world.state().now.duration_since(honest[0]);
        assert!(
            oldest_age >= HOUR * 24 * 5 || honest.iter().all(|at| kept.contains(at)),
            "after {n} h"
        );
    }
    // No call of the source ever deletes there, whatever it asks for.
    let copy = world.snapshots_in("vault").remove(0);
    let deletion = Action::Backup(BackupAction::DeleteSnapshot(DeleteSnapshot {
        snapshot: copy.arn,
    }));
    let refused = world.block_on(world.execute(&deletion));
    assert_eq!(refused.unwrap_err().code, "AccessDenied");
}

/// A state that is lost protects as well: the backups say under which policy they were taken.
#[test]
fn a_shorter_policy_waits_also_if_the_state_is_lost() {
    let world = World::new();
    world.advance(HOUR);
    let orders = world.database("orders", "at=03:00 keep=7d");
    hours(&world, 24 * 8, &with_vault());
    world.state_mut().held.clear();
    set_policy(&world, &orders, "at=03:00 keep=1d");
    hours(&world, 23, &with_vault());
    assert!(world.taken(&orders).len() >= 7, "{:?}", world.titles());
    hours(&world, 26, &with_vault());
    assert_eq!(world.taken(&orders).len(), 1, "{:?}", world.titles());
    let titles = world.titles();
    let ends = titles
        .iter()
        .filter(|title| title.starts_with("no backups wait"));
    assert_eq!(ends.count(), 1, "{titles:?}");
}

/// At the quota, a shorter policy makes room after a day.
#[test]
fn a_shorter_policy_makes_room_at_the_quota() {
    let world = World::new();
    world.advance(HOUR);
    let orders = world.database("orders", "every=6h keep=48h rpo=72h");
    world.state_mut().snapshots_allowed = 10;
    hours(&world, 24 * 3, &with_vault());
    assert_eq!(world.taken(&orders).len(), 10);
    set_policy(&world, &orders, "every=6h keep=6h rpo=72h");
    hours(&world, 32, &with_vault());
    let taken = world.taken(&orders);
    assert!(taken.len() <= 7, "{}", taken.len());
    let age = world.state().now.duration_since(*taken.last().unwrap());
    assert!(age <= HOUR * 6, "{age}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the policies of a database are, one after the other: nothing is deleted that a policy of the last 24 hours keeps.
    #[test]
    fn nothing_that_a_policy_of_the_last_day_keeps_is_deleted(
        policies in prop::collection::vec((prop::sample::select(vec!["1d", "2d", "5d", "7d", "24h+3d", "3d+2w"]), 1_usize..90), 2..8),
        every in prop::sample::select(vec!["at=03:00", "every=6h", "every=12h", "every=72h"]),
    ) {
        let world = World::new();
        let orders = world.database("orders", "at=03:00 keep=7d copy=eu-central-1");
        let places = ["eu-west-1", "eu-central-1"];
        let mut history: Vec<&str> = Vec::new();
        for (keep, times) in policies {
            set_policy(&world, &orders, &format!("{every} keep={keep} copy=eu-central-1"));
            for _ in 0..times {
                let before = places.map(|place| world.taken_in(place, &orders));
                history.push(keep);
                hours(&world, 1, &with_vault());
                for (place, before) in places.iter().zip(before) {
                    let after = world.taken_in(place, &orders);
                    let gone: Vec<_> = before.iter().filter(|at| !after.contains(at)).collect();
                    let recent = history.iter().rev().take(24);
                    for keep in recent.collect::<BTreeSet<_>>() {
                        let kept = keep_times(&before, keep, &orders);
                        let lost: Vec<_> = gone.iter().filter(|at| kept.contains(at)).collect();
                        prop_assert!(lost.is_empty(), "{place}: {lost:?} by {keep} of {history:?}");
                    }
                }
            }
        }
    }
}

/// The times of the backups that a policy keeps.
fn keep_times(taken: &[Timestamp], keep: &str, database: &Arn) -> Vec<Timestamp> {
    let tags = [
        ("lamplighter:stack", "lamplighter"),
        ("lamplighter:target", database.as_str()),
    ];
    let snapshots: Vec<Snapshot> = taken
        .iter()
        .map(|at| Snapshot {
            identifier: format!("lamplighter-{at}"),
            database: database.display_name(),
            status: "available".to_owned(),
            taken_at: Some(*at),
            tags: tags
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
            ..Snapshot::default()
        })
        .collect();
    let database = Database {
        arn: database.clone(),
        ..Database::default()
    };
    let rules = RotationRules {
        stack: "lamplighter",
        database: &database,
        keep: &keep.parse().unwrap(),
        policies: &[],
        zone: &TimeZone::UTC,
        in_use: &BTreeSet::new(),
    };
    let now = taken.last().copied().unwrap_or_default();
    let decisions = rotate_snapshots(&snapshots, rules, now).into_iter();
    let kept = decisions.filter(|(_, decision)| decision.delete_reason().is_none());
    kept.filter_map(|(snapshot, _)| snapshot.taken_at).collect()
}

/// A copy in the region of the database would be rotated like an original.
#[test]
fn a_copy_in_the_region_of_the_database_is_none() {
    let world = World::new();
    world.advance(HOUR);
    let orders = world.database("orders", "at=03:00 keep=3d copy=eu-west-1+eu-central-1");
    hours(&world, 24 * 6 + 2, &with_vault());
    assert_eq!(world.taken(&orders).len(), 3);
    assert_eq!(world.taken_in("eu-central-1", &orders).len(), 3);
    let told = world.titles();
    assert!(
        told.iter()
            .all(|title| title == "no copy in eu-west-1 - the database is there"),
        "{told:?}"
    );
    assert!(!told.is_empty());
}

#[test]
fn without_a_vault_that_is_told_and_nothing_else_suffers() {
    let world = World::new();
    let orders = world.database("orders", "at=03:00 keep=3d copy=vault");
    hours(&world, 5, &StackDefaults::default());
    assert_eq!(
        (world.taken(&orders).len(), world.count("CopyDBSnapshot")),
        (1, 0)
    );
    assert_eq!(
        world.titles(),
        ["no copies in the vault - the stack has no vault"]
    );
}

#[test]
fn a_vault_that_cannot_be_reached_stops_nothing_here() {
    let world = World::new();
    world.state_mut().unreadable_regions.insert("vault".into());
    let orders = world.database("orders", "at=03:00 keep=3d copy=vault");
    hours(&world, 24 * 5, &with_vault());
    assert_eq!(
        (
            world.taken(&orders).len(),
            world.taken_in("vault", &orders).len()
        ),
        (4, 0)
    );
    assert!(
        world.titles().contains(
            &"backups not copied to the vault - snapshots there can't be read".to_owned()
        )
    );
    world.state_mut().unreadable_regions.clear();
    hours(&world, 24 + 3, &with_vault());
    assert_eq!(
        (
            world.taken(&orders).len(),
            world.taken_in("vault", &orders).len()
        ),
        (3, 2)
    );
}

#[test]
fn a_copy_whose_answer_is_lost_is_made_once() {
    let world = World::new();
    let orders = world.database("orders", "at=03:00 keep=3d copy=vault");
    for fault in [Fault::AnswerLost, Fault::Killed, Fault::Throttled] {
        world.inject_fault("CopyDBSnapshot", fault);
    }
    hours(&world, 8, &with_vault());
    assert_eq!(
        (
            world.taken(&orders).len(),
            world.taken_in("vault", &orders).len()
        ),
        (1, 1)
    );
}
