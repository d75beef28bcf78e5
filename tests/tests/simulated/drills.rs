//! The real `drill`, in a simulated world: from the newest good snapshot to a proven backup, and nothing left.

use backup::Backup;
use drill::Drill;
use e2e::testkit::world::{Fault, World};
use jiff::SignedDuration;
use lamplighter::model::{Arn, Database};
use lamplighter::policy::{StackDefaults, VERIFIED};
use rstest::rstest;
use serde_json::{Value, json};

const QUARTER: SignedDuration = SignedDuration::from_mins(15);

/// The stack has a closed security group.
fn closed() -> StackDefaults {
    StackDefaults {
        drill_group: "sg-0123456789abcdef0".into(),
        ..StackDefaults::default()
    }
}

/// A database whose backup of tonight is good.
fn backed_up(backup: &str) -> (World, Arn) {
    let world = World::new();
    let orders = world.database("orders", backup);
    world.sweep(&Backup).unwrap().unwrap();
    world.advance(QUARTER);
    (world, orders)
}

fn step(world: &World) -> Value {
    let answer = world
        .invoke_with(&Drill, e2e::testkit::world::sweep(), closed())
        .unwrap()
        .unwrap();
    world.advance(QUARTER);
    answer
}

fn steps(world: &World, quarters: usize) {
    (0..quarters).for_each(|_| drop(step(world)));
}

/// Names of the databases that were restored and are still there.
fn restored(world: &World) -> Vec<String> {
    let state = world.state();
    state
        .databases
        .keys()
        .map(Arn::display_name)
        .filter(|name| name.starts_with("lamplighter-drill-"))
        .collect()
}

fn verified(world: &World) -> usize {
    world
        .state()
        .snapshots
        .values()
        .filter(|snapshot| snapshot.tags.contains_key(VERIFIED))
        .count()
}

#[test]
fn a_backup_is_restored_checked_timed_and_nothing_is_left() {
    let (world, orders) = backed_up("at=03:00 drill=weekly");
    step(&world);
    assert_eq!(restored(&world), ["lamplighter-drill-orders"]);
    {
        let state = world.state();
        let drill = &state.databases
            [&Arn::new("arn:aws:rds:eu-west-1:123456789012:db:lamplighter-drill-orders")];
        assert_eq!(drill.class, "db.t4g.medium");
    }
    steps(&world, 3);
    assert_eq!(restored(&world), [""; 0]);
    assert_eq!(verified(&world), 1);
    assert_eq!(
        world.titles(),
        ["drill passed in 30 min - backup of 2026-11-21 03:00 UTC usable"]
    );
    // The next one is a week away.
    steps(&world, 4 * 24 * 6);
    assert_eq!(world.count("RestoreDBInstanceFromDBSnapshot"), 1);
    steps(&world, 4 * 25);
    assert_eq!(world.count("RestoreDBInstanceFromDBSnapshot"), 2);
    assert!(world.state().databases.contains_key(&orders));
}

#[test]
fn a_cluster_gets_an_instance_and_both_go() {
    let world = World::new();
    let cluster = Arn::new("arn:aws:rds:eu-west-1:123456789012:cluster:shop");
    let aurora = |database: Database| Database {
        engine: "aurora-postgresql".into(),
        allocated_gib: None,
        ..database
    };
    world.keep_database(&cluster, "at=03:00 drill=weekly", aurora);
    world.sweep(&Backup).unwrap().unwrap();
    world.advance(QUARTER);
    steps(&world, 3);
    assert_eq!(
        restored(&world),
        ["lamplighter-drill-shop", "lamplighter-drill-shop-1"]
    );
    steps(&world, 4);
    assert_eq!(restored(&world), [""; 0]);
    assert_eq!(
        (verified(&world), world.titles().len()),
        (1, 1),
        "{:?}",
        world.titles()
    );
}

#[test]
fn a_multi_az_cluster_comes_and_goes_with_its_instances() {
    let world = World::new();
    let cluster = Arn::new("arn:aws:rds:eu-west-1:123456789012:cluster:shop");
    let multi_az = |database: Database| Database {
        storage_type: Some("io1".into()),
        iops: Some(1_000),
        ..database
    };
    world.keep_database(&cluster, "at=03:00 drill=weekly", multi_az);
    world.sweep(&Backup).unwrap().unwrap();
    world.advance(QUARTER);
    steps(&world, 2);
    assert_eq!(restored(&world), ["lamplighter-drill-shop"]);
    let throwaway = Arn::new("arn:aws:rds:eu-west-1:123456789012:cluster:lamplighter-drill-shop");
    assert_eq!(world.state().databases[&throwaway].class, "db.c6gd.medium");
    steps(&world, 3);
    assert_eq!(restored(&world), [""; 0]);
    assert_eq!(
        (verified(&world), world.titles().len()),
        (1, 1),
        "{:?}",
        world.titles()
    );
    assert_eq!(world.count("RestoreDBInstanceFromDBSnapshot"), 1);
}

#[rstest]
#[case::restoring("RestoreDBInstanceFromDBSnapshot")]
#[case::describing("DescribeDBInstances")]
#[case::verifying("AddTagsToResource")]
#[case::deleting("DeleteDBInstance")]
#[case::journalling("Intend")]
#[case::telling("SendMessageBatch")]
#[case::concluding("Conclude")]
fn a_function_killed_anywhere_is_made_up_for(
    #[case] call: &'static str,
    #[values(Fault::Killed, Fault::AnswerLost, Fault::Throttled)] fault: Fault,
) {
    let (world, _) = backed_up("at=03:00 drill=weekly");
    world.inject_fault(call, fault);
    // A restore that AWS refused is tried again a day later.
    for _ in 0..4 * 30 {
        let _ = world.invoke_with(&Drill, e2e::testkit::world::sweep(), closed());
        world.advance(QUARTER);
    }
    assert_eq!(restored(&world), [""; 0]);
    assert_eq!(
        world.count("RestoreDBInstanceFromDBSnapshot").min(2),
        world.count("RestoreDBInstanceFromDBSnapshot")
    );
    let proven = world
        .titles()
        .iter()
        .filter(|title| title.contains("drill passed"))
        .count();
    assert!((1..=2).contains(&proven), "{:?}", world.titles());
    assert_eq!(verified(&world), 1);
}

#[test]
fn what_is_never_available_is_deleted_after_six_hours_and_told() {
    let (world, _) = backed_up("at=03:00 drill=weekly");
    step(&world);
    let arn = Arn::new("arn:aws:rds:eu-west-1:123456789012:db:lamplighter-drill-orders");
    world.state_mut().databases.get_mut(&arn).unwrap().status = "modifying".into();
    steps(&world, 4 * 7);
    assert_eq!(restored(&world), [""; 0]);
    assert_eq!(
        world.titles(),
        ["drill failed - restore not finished within 6 h"]
    );
    assert_eq!(verified(&world), 0);
}

#[test]
fn a_restore_that_is_not_the_source_is_critical() {
    let (world, _) = backed_up("at=03:00 drill=weekly rto=20m");
    step(&world);
    let arn = Arn::new("arn:aws:rds:eu-west-1:123456789012:db:lamplighter-drill-orders");
    world.state_mut().databases.get_mut(&arn).unwrap().encrypted = false;
    {
        let mut state = world.state_mut();
        let source = Arn::new("arn:aws:rds:eu-west-1:123456789012:db:orders");
        state.databases.get_mut(&source).unwrap().encrypted = true;
    }
    steps(&world, 3);
    assert_eq!(
        world.titles(),
        ["drill failed - 1 problem in backup of 2026-11-21 03:00 UTC"]
    );
    assert_eq!((restored(&world).len(), verified(&world)), (0, 0));
}

#[test]
fn a_restore_that_takes_too_long_is_a_warning() {
    let (world, _) = backed_up("at=03:00 drill=weekly rto=20m");
    steps(&world, 4);
    assert_eq!(
        world.titles(),
        ["drill took 30 min, RTO 20 min - backup of 2026-11-21 03:00 UTC usable"]
    );
}

#[test]
fn without_a_closed_security_group_nothing_is_restored() {
    let (world, _) = backed_up("at=03:00 drill=weekly");
    for _ in 0..3 {
        world.sweep(&Drill).unwrap().unwrap();
    }
    assert_eq!(world.titles(), ["no drill - no closed security group"]);
    assert_eq!(restored(&world), [""; 0]);
}

#[test]
fn somebody_elses_database_of_that_name_stays() {
    let (world, _) = backed_up("at=03:00 drill=weekly");
    let theirs = Arn::new("arn:aws:rds:eu-west-1:123456789012:db:lamplighter-drill-orders");
    world.keep_database(&theirs, "", |database| database);
    world.state_mut().tags.remove(&theirs);
    steps(&world, 40);
    assert!(world.state().databases.contains_key(&theirs));
    assert_eq!(
        world.titles(),
        ["no drill - name of the temporary database is taken"]
    );
}

#[rstest]
#[case::untagged(false)]
#[case::deleted(true)]
fn what_is_left_when_the_source_goes_is_deleted(#[case] deleted: bool) {
    let (world, orders) = backed_up("at=03:00 drill=weekly");
    step(&world);
    world.state_mut().tags.remove(&orders);
    if deleted {
        world.state_mut().databases.remove(&orders);
    }
    steps(&world, 2);
    assert_eq!(restored(&world), [""; 0]);
}

#[test]
fn a_person_may_ask_for_one_and_an_event_goes_on_with_it() {
    let (world, orders) = backed_up("at=03:00");
    let request = json!({"database": orders.as_str()});
    world
        .invoke_with(&Drill, request, closed())
        .unwrap()
        .unwrap();
    assert_eq!(restored(&world), ["lamplighter-drill-orders"]);
    world.advance(QUARTER * 2);
    let arn = "arn:aws:rds:eu-west-1:123456789012:db:lamplighter-drill-orders";
    let event = json!({
        "detail-type": "RDS DB Instance Event", "source": "aws.rds", "region": "eu-west-1", "account": "123456789012",
        "detail": {"EventID": "RDS-EVENT-0043", "SourceArn": arn, "Message": "Restored from DB instance orders"},
    });
    world.invoke_with(&Drill, event, closed()).unwrap().unwrap();
    assert_eq!((restored(&world).len(), verified(&world)), (0, 1));
    let wrong = world
        .invoke_with(&Drill, json!({"database": "orders"}), closed())
        .unwrap()
        .unwrap();
    assert_eq!(
        wrong["targets"][0]["reason"],
        "orders is not the ARN of an RDS instance, an RDS cluster or a cache"
    );
}

#[rstest]
#[case::paused("lamplighter:managed", "paused")]
#[case::observed("lamplighter:managed", "observe")]
#[case::unreadable("lamplighter:backup", "at=never")]
#[case::unmanaged("lamplighter:managed", "")]
fn teardown_is_certain_whatever_the_tags_say(#[case] key: &str, #[case] value: &str) {
    let (world, orders) = backed_up("at=03:00 drill=weekly");
    step(&world);
    assert_eq!(restored(&world).len(), 1);
    if value.is_empty() {
        world.state_mut().tags.get_mut(&orders).unwrap().remove(key);
    } else {
        world
            .state_mut()
            .tags
            .get_mut(&orders)
            .unwrap()
            .insert(key.into(), value.into());
    }
    steps(&world, 4);
    assert_eq!(restored(&world), [""; 0]);
}

#[test]
fn what_can_never_be_used_is_deleted_at_once_and_told_once() {
    let (world, _) = backed_up("at=03:00 drill=weekly");
    step(&world);
    let arn = Arn::new("arn:aws:rds:eu-west-1:123456789012:db:lamplighter-drill-orders");
    world.state_mut().databases.get_mut(&arn).unwrap().status = "incompatible-parameters".into();
    steps(&world, 3);
    assert_eq!(restored(&world), [""; 0]);
    assert_eq!(
        world.titles(),
        ["drill failed - restored database is incompatible-parameters"]
    );
}

#[test]
fn no_more_than_three_are_restored_at_a_time() {
    let world = World::new();
    for n in 0..8 {
        world.database(&format!("db{n}"), "at=03:00 drill=weekly");
    }
    world.sweep(&Backup).unwrap().unwrap();
    world.advance(QUARTER);
    step(&world);
    assert_eq!(restored(&world).len(), 3);
    step(&world);
    assert_eq!(restored(&world).len(), 3);
    steps(&world, 12);
    assert_eq!((restored(&world).len(), verified(&world)), (0, 8));
}

#[test]
fn a_restore_that_aws_refuses_is_tried_once_a_day() {
    let (world, _) = backed_up("at=03:00 drill=weekly");
    for _ in 0..4 * 24 * 2 {
        world.inject_fault("RestoreDBInstanceFromDBSnapshot", Fault::Throttled);
        let _ = world.invoke_with(&Drill, e2e::testkit::world::sweep(), closed());
        world.advance(QUARTER);
    }
    let tried = world.count("RestoreDBInstanceFromDBSnapshot");
    assert!((2..=3).contains(&tried), "{tried}");
    assert_eq!(world.titles().len(), tried);
}

/// The stack has a place for checks.
fn checked() -> StackDefaults {
    StackDefaults {
        check_cluster: "ops".into(),
        check_group: "sg-check".into(),
        ..closed()
    }
}

/// So many quarters of an hour of a database that is to be looked into.
fn looked_into(world: &World, quarters: usize, defaults: &StackDefaults) {
    for _ in 0..quarters {
        let _ = world.invoke_with(&Drill, e2e::testkit::world::sweep(), defaults.clone());
        world.advance(QUARTER);
    }
}

#[test]
fn a_restored_database_is_looked_into_and_both_times_are_told() {
    let (world, orders) = backed_up("at=03:00 drill=weekly check-task=shop-db-check rto=40m");
    {
        let mut state = world.state_mut();
        let database = state.databases.get_mut(&orders).unwrap();
        database.secret =
            Some("arn:aws:secretsmanager:eu-west-1:123456789012:secret:orders".into());
        (database.address, database.port) = (Some("drill.example.com".into()), Some(5432));
        (database.subnets, database.user) = (vec!["subnet-1".into()], "shop".into());
    }
    looked_into(&world, 6, &checked());
    let title = "drill took 45 min, RTO 40 min - backup of 2026-11-21 03:00 UTC usable";
    assert_eq!(
        (world.titles(), restored(&world).len(), verified(&world)),
        (vec![title.to_owned()], 0, 1)
    );
    let state = world.state();
    let (probe, _) = state.probes.values().next().unwrap();
    let environment: Vec<String> = probe
        .environment
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    assert_eq!(
        environment,
        [
            "DB_ENGINE=postgres",
            "DB_HOST=drill.example.com",
            "DB_PORT=5432",
            "DB_SECRET_ARN=arn:aws:secretsmanager:eu-west-1:123456789012:secret:orders",
            "DB_USER=shop",
        ]
    );
    assert_eq!(
        (&probe.subnets, probe.cluster.as_str()),
        (&vec!["subnet-1".to_owned()], "ops")
    );
    assert_eq!(state.halted, [""; 0]);
}

#[test]
fn a_check_that_fails_is_critical_and_says_with_what() {
    let (world, _) = backed_up("at=03:00 drill=weekly check-task=shop-db-check");
    world.state_mut().exit_code = 3;
    looked_into(&world, 6, &checked());
    assert_eq!(
        world.titles(),
        ["drill failed - 1 problem in backup of 2026-11-21 03:00 UTC"]
    );
    let why = world.state().notices[0].message.why.clone();
    assert!(
        why.contains("its check shop-db-check ended with exit code 3 in the container check"),
        "{why}"
    );
    assert_eq!((restored(&world).len(), verified(&world)), (0, 0));
}

#[test]
fn a_check_that_never_ends_is_stopped_with_its_drill() {
    let (world, _) = backed_up("at=03:00 drill=weekly check-task=shop-db-check");
    world.state_mut().exit_code = -1;
    looked_into(&world, 4 * 7, &checked());
    assert_eq!(
        world.titles(),
        ["drill failed - check shop-db-check not finished within 6 h"]
    );
    assert_eq!(
        (
            restored(&world).len(),
            world.state().halted.len(),
            verified(&world)
        ),
        (0, 1, 0)
    );
}

#[test]
fn a_check_is_stopped_when_its_source_is_paused() {
    let (world, orders) = backed_up("at=03:00 drill=weekly check-task=shop-db-check");
    world.state_mut().exit_code = -1;
    looked_into(&world, 4, &checked());
    assert_eq!(world.state().probes.len(), 1);
    world
        .state_mut()
        .tags
        .get_mut(&orders)
        .unwrap()
        .insert("lamplighter:managed".into(), "paused".into());
    looked_into(&world, 4, &checked());
    assert_eq!((restored(&world).len(), world.state().halted.len()), (0, 1));
}

#[test]
fn without_a_cluster_for_it_a_check_is_not_run_and_that_is_told() {
    let (world, _) = backed_up("at=03:00 drill=weekly check-task=shop-db-check");
    looked_into(&world, 6, &closed());
    let mut titles = world.titles();
    titles.sort();
    assert_eq!(
        titles,
        [
            "drill passed in 30 min - backup of 2026-11-21 03:00 UTC usable",
            "drill without check-task= - the stack has no cluster for it",
        ]
    );
}

#[rstest]
#[case::starting("RunTask")]
#[case::looking("ListTasks")]
fn a_function_killed_around_a_check_is_made_up_for(
    #[case] call: &'static str,
    #[values(Fault::Killed, Fault::AnswerLost, Fault::Throttled)] fault: Fault,
) {
    let (world, _) = backed_up("at=03:00 drill=weekly check-task=shop-db-check");
    world.inject_fault(call, fault);
    looked_into(&world, 10, &checked());
    assert_eq!(
        (
            restored(&world).len(),
            verified(&world),
            world.state().probes.len()
        ),
        (0, 1, 1)
    );
}

#[test]
fn the_end_of_a_check_goes_on_with_its_drill() {
    let (world, _) = backed_up("at=03:00 drill=weekly check-task=shop-db-check");
    looked_into(&world, 3, &checked());
    let token = world.state().probes.keys().next().unwrap().clone();
    let event = json!({
        "detail-type": "ECS Task State Change", "source": "aws.ecs", "region": "eu-west-1", "account": "123456789012",
        "detail": {"startedBy": token, "lastStatus": "STOPPED"},
    });
    world
        .invoke_with(&Drill, event, checked())
        .unwrap()
        .unwrap();
    assert_eq!((restored(&world).len(), verified(&world)), (0, 1));
}
