//! Restore plans of the real `digest`, in a simulated world: from what `backup` recorded, copied and took.

use backup::Backup;
use drill::Drill;
use e2e::testkit::world::{Fault, World};
use jiff::SignedDuration;
use lamplighter::Error;
use lamplighter::model::{Arn, Database};
use lamplighter::policy::StackDefaults;
use rstest::rstest;
use serde_json::{Value, json};

use crate::digest::told;
use crate::ownership::rename;
use crate::vault::{hours, set_policy, with_vault};

const QUARTER: SignedDuration = SignedDuration::from_mins(15);

fn ask(world: &World, payload: &Value) -> Result<Value, Error> {
    told(world, payload, StackDefaults::default())
}

/// The plan for a database, by its name or ARN.
fn plan(world: &World, name: &str) -> String {
    let answer = ask(world, &json!({"restore": name})).unwrap();
    answer["text"].as_str().unwrap().to_owned()
}

fn refusal(world: &World, payload: &Value) -> String {
    ask(world, payload).unwrap_err().to_string()
}

/// A database with its group and a night of backups here, in another region and in the vault.
fn night() -> (World, Arn) {
    let world = World::new();
    let orders = Arn::new("arn:aws:rds:eu-west-1:123456789012:db:orders");
    let policy = "every=6h keep=7d copy=eu-central-1+vault";
    world.keep_database(&orders, policy, |database| Database {
        subnet_group: Some("private".into()),
        ..database
    });
    hours(&world, 11, &with_vault());
    (world, orders)
}

#[test]
fn a_plan_names_every_place_and_the_settings_of_the_database() {
    let (world, _) = night();
    let text = plan(&world, "orders");
    for part in [
        "# Restore orders (postgres)",
        " in eu-central-1: 2026-11-21 ",
        " in the vault: 2026-11-21 ",
        "--db-subnet-group-name private",
        "--db-instance-class db.r6g.large",
        "--deletion-protection",
        "Key=team,Value=shop",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert_eq!(text.matches("# ---- ").count(), 3, "{text}");
}

#[test]
fn a_deleted_database_is_restored_as_it_was() {
    let (world, orders) = night();
    let before = plan(&world, "orders");
    world.state_mut().databases.remove(&orders);
    world.state_mut().tags.remove(&orders);
    hours(&world, 1, &with_vault());
    let after = plan(&world, "orders");
    assert!(after.contains("AWS no longer describes it"), "{after}");
    let restore = |plan: &str| {
        let from = plan.find("aws rds restore-db-instance").unwrap();
        let text = plan.get(from..).unwrap();
        text.split("\naws ").next().unwrap().to_owned()
    };
    assert_eq!(restore(&after), restore(&before));
}

#[test]
fn retained_automated_backups_of_a_deleted_database_are_offered() {
    let (world, orders) = night();
    {
        let mut state = world.state_mut();
        state.databases.remove(&orders);
        let latest = state.now - SignedDuration::from_mins(5);
        state.retained_backups.insert("db-ORDERS".into(), latest);
    }
    let text = plan(&world, "orders");
    assert!(text.contains("--source-dbi-resource-id"), "{text}");
}

/// Terraform makes a deleted database again, empty, and the plan is asked for before the next sweep.
#[test]
fn all_backups_of_a_database_made_again_are_of_the_earlier_one() {
    let (world, orders) = night();
    {
        let mut state = world.state_mut();
        let latest = state.now - SignedDuration::from_mins(5);
        state.retained_backups.insert("db-ORDERS".into(), latest);
        if let Some(database) = state.databases.get_mut(&orders) {
            "db-AGAIN".clone_into(&mut database.resource_id);
        }
    }
    let text = plan(&world, "orders");
    let ways = text.lines().filter(|line| line.starts_with("# ---- "));
    let (earlier, own): (Vec<&str>, Vec<&str>) =
        ways.partition(|way| way.contains("of an earlier database"));
    // A point in time, a snapshot, and a copy at two places.
    assert_eq!((earlier.len(), own), (4, Vec::new()), "{text}");
    assert!(
        text.contains("--source-dbi-resource-id db-ORDERS"),
        "{text}"
    );
}

/// A backup needs nothing of a cluster's instances, so their reading stops none.
#[test]
fn a_sweep_that_cannot_read_instances_goes_on() {
    let world = World::new();
    let shop = Arn::new("arn:aws:rds:eu-west-1:123456789012:cluster:shop");
    world.keep_database(&shop, "every=6h", |database| Database {
        engine: "aurora-postgresql".into(),
        ..database
    });
    let fault = ("DescribeDBInstances of clusters", Fault::Throttled);
    world.state_mut().faults.push_back(fault);
    world.sweep(&Backup).unwrap().unwrap();
    assert!(world.state().faults.is_empty());
    world.advance(QUARTER);
    assert!(plan(&world, "shop").contains("From the snapshot lamplighter-shop-"));
}

#[test]
fn a_changed_database_is_recorded_anew_and_a_settled_one_is_not_written() {
    let (world, orders) = night();
    let class = |world: &World| {
        let recorded = world.state().held[&orders].memory.backups.source.clone();
        recorded.unwrap().database.class
    };
    assert_eq!(class(&world), "db.r6g.large");
    if let Some(database) = world.state_mut().databases.get_mut(&orders) {
        database.class = "db.r6g.xlarge".into();
    }
    hours(&world, 1, &with_vault());
    assert_eq!(class(&world), "db.r6g.xlarge");
}

#[test]
fn the_instances_of_a_cluster_come_back_with_their_classes() {
    let world = World::new();
    let shop = Arn::new("arn:aws:rds:eu-west-1:123456789012:cluster:shop");
    let aurora = |database: Database| Database {
        engine: "aurora-postgresql".into(),
        ..database
    };
    world.keep_database(&shop, "at=03:00", aurora);
    let member = Arn::new("arn:aws:rds:eu-west-1:123456789012:db:shop-a");
    world.keep_database(&member, "at=03:00", |database| Database {
        cluster: Some("shop".into()),
        class: "db.r6g.4xlarge".into(),
        ..aurora(database)
    });
    world.sweep(&Backup).unwrap().unwrap();
    world.advance(QUARTER);
    world.sweep(&Backup).unwrap().unwrap();
    {
        let mut state = world.state_mut();
        state.databases.remove(&shop);
        state.databases.remove(&member);
    }
    let text = plan(&world, shop.as_str());
    assert!(
        text.contains("--db-instance-class db.r6g.4xlarge"),
        "{text}"
    );
    assert!(
        text.contains("--db-instance-identifier shop-a-20261121-"),
        "{text}"
    );
}

#[rstest]
#[case::unknown(json!({"restore": "odrers"}), "no database or cache is called odrers")]
#[case::no_text(json!({"restore": 7}), "restore is not the name or ARN of a database or cache")]
#[case::empty(json!({"restore": ""}), "restore is not the name or ARN of a database or cache")]
fn a_wrong_name_is_refused(#[case] payload: Value, #[case] said: &str) {
    let (world, _) = night();
    let refusal = refusal(&world, &payload);
    assert!(refusal.contains(said), "{refusal}");
}

#[test]
fn an_instance_of_a_cluster_comes_back_with_it() {
    let world = World::new();
    let member = Arn::new("arn:aws:rds:eu-west-1:123456789012:db:shop-a");
    world.keep_database(&member, "at=03:00", |database| Database {
        cluster: Some("shop".into()),
        ..database
    });
    let refusal = refusal(&world, &json!({"restore": "shop-a"}));
    assert!(
        refusal.contains("an instance of the cluster shop: restore that"),
        "{refusal}"
    );
}

#[test]
fn a_name_of_several_things_is_asked_back() {
    let (world, orders) = night();
    let cluster = Arn::new("arn:aws:rds:eu-west-1:123456789012:cluster:orders");
    world.keep_database(&cluster, "at=03:00", |database| database);
    let refusal = refusal(&world, &json!({"restore": "orders"}));
    assert!(refusal.contains(orders.as_str()), "{refusal}");
    assert!(refusal.contains(cluster.as_str()), "{refusal}");
    assert!(plan(&world, orders.as_str()).contains("restore-db-instance-from-db-snapshot"));
}

#[test]
fn the_widget_offers_the_plan_and_leads_back() {
    let (world, orders) = night();
    let dashboard = json!({"widgetContext": {"theme": "dark"}});
    let status = ask(&world, &dashboard).unwrap();
    let status = status.as_str().unwrap();
    assert!(status.contains("&quot;restore&quot;"), "{status}");
    let pressed = json!({"widgetContext": {"theme": "dark"}, "restore": orders.as_str()});
    let shown = ask(&world, &pressed).unwrap();
    let shown = shown.as_str().unwrap();
    assert!(shown.contains("<pre"), "{shown}");
    assert!(
        shown.contains("restore-db-instance-from-db-snapshot"),
        "{shown}"
    );
    assert!(shown.contains(">Back<"), "{shown}");
}

fn drill_once(world: &World) {
    let closed = StackDefaults {
        drill_group: "sg-0123456789abcdef0".into(),
        ..StackDefaults::default()
    };
    let answer = world.invoke_with(&Drill, e2e::testkit::world::sweep(), closed);
    answer.unwrap().unwrap();
}

/// The class of what a drill restored.
fn drilled_class(world: &World) -> Option<String> {
    let state = world.state();
    let drilled = state
        .databases
        .values()
        .find(|database| database.identifier.starts_with("lamplighter-drill-"));
    drilled.map(|database| database.class.clone())
}

#[test]
fn a_drill_uses_the_class_of_the_tag() {
    let world = World::new();
    let policy = "at=03:00 drill=weekly drill-class=db.r6g.large";
    world.database("orders", policy);
    world.sweep(&Backup).unwrap().unwrap();
    world.advance(QUARTER);
    drill_once(&world);
    assert_eq!(drilled_class(&world).as_deref(), Some("db.r6g.large"));
}

/// A renamed database keeps its backups, so its drill doesn't wait for one under the new name.
#[test]
fn a_renamed_database_is_drilled_from_its_earlier_backups() {
    let world = World::new();
    let orders = world.database("orders", "at=03:00");
    world.sweep(&Backup).unwrap().unwrap();
    world.advance(QUARTER);
    let invoices = rename(&world, &orders, "invoices");
    set_policy(&world, &invoices, "at=03:00 drill=weekly");
    drill_once(&world);
    assert!(drilled_class(&world).is_some());
}

/// The text of the report of the next day.
fn report(world: &World) -> String {
    let answer = ask(world, &json!({"day": "2026-11-22"})).unwrap();
    answer["text"].as_str().unwrap().to_owned()
}

#[test]
fn the_report_lists_backups_whose_database_is_gone() {
    let world = World::new();
    world.web();
    let orders = world.database("orders", "every=6h");
    hours(&world, 14, &with_vault());
    world.advance(SignedDuration::from_hours(14));
    assert!(
        !report(&world).contains("no longer tagged"),
        "{}",
        report(&world)
    );
    // A renamed database keeps its backups.
    let invoices = rename(&world, &orders, "invoices");
    assert!(
        !report(&world).contains("no longer tagged"),
        "{}",
        report(&world)
    );
    world.state_mut().databases.remove(&invoices);
    world.state_mut().tags.remove(&invoices);
    let text = report(&world);
    let line = "orders, which is gone or no longer tagged: 2 backups, ";
    assert!(text.contains(line), "{text}");
}

#[test]
fn a_database_made_again_does_not_own_the_backups_of_the_first_one() {
    let world = World::new();
    world.web();
    let orders = world.database("orders", "every=6h");
    hours(&world, 14, &with_vault());
    if let Some(database) = world.state_mut().databases.get_mut(&orders) {
        "db-AGAIN".clone_into(&mut database.resource_id);
    }
    world.advance(SignedDuration::from_hours(14));
    assert!(
        report(&world).contains("orders, which is gone"),
        "{}",
        report(&world)
    );
    // Its plan offers them as what they are, also before a sweep has seen the new one.
    let text = plan(&world, "orders");
    assert!(
        text.contains(", of an earlier database of this name"),
        "{text}"
    );
    hours(&world, 8, &with_vault());
    let text = plan(&world, "orders");
    let ways: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("# ---- "))
        .collect();
    assert_eq!(ways.len(), 2, "{text}");
    assert!(!ways[0].contains("of an earlier database"), "{text}");
    assert!(ways[1].contains("of an earlier database"), "{text}");
}

#[test]
fn a_place_without_the_newest_backup_is_in_the_status() {
    let (world, _) = night();
    let status = |world: &World| {
        let shown = ask(world, &json!({"widgetContext": {}})).unwrap();
        shown.as_str().unwrap().to_owned()
    };
    assert!(
        !status(&world).contains("has copies up to"),
        "{}",
        status(&world)
    );
    world
        .state_mut()
        .failing_places
        .insert("eu-central-1".to_owned());
    hours(&world, 15, &with_vault());
    let shown = status(&world);
    assert!(
        shown.contains("eu-central-1 has copies up to 2026-11-21 12:00 UTC: copies fail since"),
        "{shown}"
    );
    // The message about it is open, and outranks the state.
    assert!(shown.contains("1 warning"), "{shown}");
    world.state_mut().failing_places.clear();
    hours(&world, 30, &with_vault());
    assert!(
        !status(&world).contains("has copies up to"),
        "{}",
        status(&world)
    );
}

#[test]
fn a_place_that_never_got_a_copy_makes_its_database_unprotected() {
    let world = World::new();
    world.database("orders", "every=6h copy=eu-central-1");
    world
        .state_mut()
        .unreadable_regions
        .insert("eu-central-1".to_owned());
    hours(&world, 20, &with_vault());
    let shown = ask(&world, &json!({"widgetContext": {}})).unwrap();
    let shown = shown.as_str().unwrap();
    assert!(shown.contains("eu-central-1 has no copy yet"), "{shown}");
    assert!(shown.contains("1 unprotected"), "{shown}");
}
