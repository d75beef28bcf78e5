//! The real `backup` with a vault in another account, in a simulated world.

use backup::Backup;
use e2e::testkit::world::{Fault, World, sweep};
use jiff::SignedDuration;
use lamplighter::policy::StackDefaults;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

fn with_vault() -> StackDefaults {
    StackDefaults {
        vault_role: "arn:aws:iam::345678901234:role/vault".into(),
        ..StackDefaults::default()
    }
}

fn hours(world: &World, hours: usize, defaults: &StackDefaults) {
    for _ in 0..hours {
        world.advance(HOUR);
        let _ = world.invoke_with(&Backup, sweep(), defaults.clone());
    }
}

#[test]
fn every_new_backup_is_copied_to_the_vault_and_rotated_there() {
    let world = World::new();
    world.advance(HOUR);
    let orders = world.database("orders", "at=03:00 keep=3d copy=vault+eu-central-1");
    hours(&world, 24 * 6 + 2, &with_vault());
    let there = |place: &str| world.taken_in(place, &orders).len();
    assert_eq!(
        (
            world.taken(&orders).len(),
            there("vault"),
            there("eu-central-1")
        ),
        (3, 3, 3)
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
