//! `heal` in the simulated world during and after dependency outages.

use e2e::testkit::healing::HealWorld;
use e2e::testkit::releases::release;
use e2e::testkit::world::tasks::Conduct;
use heal::Heal;
use lamplighter::model::{Arn, Database};
use rstest::rstest;
use serde_json::Value;

const DATABASE: &str = "arn:aws:rds:eu-west-1:123456789012:db:orders";

/// A service with a new release and a verified one before it.
fn released() -> (HealWorld, Arn) {
    let mut heal_world = HealWorld::new();
    let web = heal_world.service("web", 2, "on");
    release(&heal_world.world, &web, "RC_1.1.0", 11);
    heal_world.minutes(30);
    release(&heal_world.world, &web, "RC_1.2.0", 12);
    heal_world.tag(&web, "lamplighter:app", "shop");
    (heal_world, web)
}

#[test]
fn no_step_is_taken_during_a_dependency_outage() {
    let (mut heal_world, web) = released();
    database(&heal_world, "storage-full");
    let before = heal_world.world.count("UpdateService");
    heal_world.set(&web, Conduct::Crashes);
    heal_world.minutes(60);
    assert_eq!(heal_world.world.count("UpdateService"), before);
    let told = heal_world.told("shop/web");
    assert!(
        told.last()
            .unwrap()
            .ends_with("/2 tasks running - the database orders (storage-full) is down"),
        "{told:?}"
    );
    let number = told.len();
    database(&heal_world, "available");
    heal_world.set(&web, Conduct::Runs);
    heal_world.minutes(30);
    assert_eq!(heal_world.world.count("UpdateService"), before);
    let told = heal_world.told("shop/web");
    assert!(
        told.len() == number + 1 && told[number].contains(" - recovered after "),
        "{told:?}"
    );
}

/// Tasks need a while to recover, and failures during the outage are not evidence about the release.
#[test]
fn a_service_gets_a_grace_period_once_its_database_is_available() {
    let (mut heal_world, web) = released();
    heal_world.minutes(10);
    database(&heal_world, "storage-full");
    let before = heal_world.world.count("UpdateService");
    heal_world.set(&web, Conduct::Crashes);
    heal_world.minutes(20);
    database(&heal_world, "available");
    let event = sample("database-recovered");
    heal_world.world.invoke(&Heal, event).unwrap().unwrap();
    heal_world.minutes(7);
    heal_world.set(&web, Conduct::Runs);
    heal_world.minutes(30);
    assert_eq!(
        heal_world.world.count("UpdateService"),
        before,
        "{:?}",
        heal_world.told("shop/web")
    );
    assert!(
        heal_world
            .told("shop/web")
            .last()
            .unwrap()
            .contains(" - recovered after "),
        "{:?}",
        heal_world.told("shop/web")
    );
}

/// One of our sample events of `heal`.
fn sample(name: &str) -> Value {
    let file = e2e::testkit::setup::root().join(format!("events/heal/{name}.json"));
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

fn database(heal_world: &HealWorld, status: &str) {
    let arn = heal_world
        .world
        .keep_database(&Arn::new(DATABASE), "keep=7d", |database| Database {
            status: status.to_owned(),
            identifier: "orders".to_owned(),
            ..database
        });
    heal_world.tag(&arn, "lamplighter:app", "shop");
}

/// The sample events that make `heal` observe the service, and those that it skips.
#[rstest]
#[case("task-exited", true)]
#[case("task-out-of-memory", true)]
#[case("task-unhealthy", true)]
#[case("task-without-secret", true)]
#[case("start-impaired", true)]
#[case("placement-failure", true)]
#[case("targets-unhealthy", true)]
#[case("database-recovered", true)]
#[case("task-stopping", false)]
#[case("task-of-no-service", false)]
#[case("steady-state", false)]
#[case("instance-connected", false)]
#[case("instance-silent", false)]
fn an_event_leads_to_the_service_that_it_affects(#[case] sample: &str, #[case] looks: bool) {
    let mut heal_world = HealWorld::new();
    let web = heal_world.service("web", 2, "on");
    heal_world.tag(&web, "lamplighter:app", "shop");
    database(&heal_world, "available");
    heal_world.set(&web, Conduct::Crashes);
    heal_world.minutes(3);
    let event = self::sample(sample);
    let before = heal_world.world.count("Acquire shop/web");
    heal_world.world.invoke(&Heal, event).unwrap().unwrap();
    assert_eq!(
        heal_world.world.count("Acquire shop/web") - before,
        usize::from(looks)
    );
}

#[test]
fn a_database_event_is_skipped_while_all_services_are_healthy() {
    let mut heal_world = HealWorld::new();
    let web = heal_world.service("web", 2, "on");
    heal_world.tag(&web, "lamplighter:app", "shop");
    database(&heal_world, "available");
    let event = sample("database-storage-full");
    heal_world.world.invoke(&Heal, event).unwrap().unwrap();
    assert_eq!(
        (
            heal_world.world.count("Acquire"),
            heal_world.world.count("GetResources")
        ),
        (0, 0)
    );
}

/// The alert about the outage is followed by an escalation if the service does not recover with the database.
#[test]
fn a_service_that_stays_unhealthy_after_the_outage_is_escalated() {
    let mut heal_world = HealWorld::new();
    let web = heal_world.service("web", 2, "on");
    heal_world.tag(&web, "lamplighter:app", "shop");
    database(&heal_world, "stopped");
    heal_world.minutes(60);
    heal_world.set(&web, Conduct::Crashes);
    heal_world.minutes(30);
    database(&heal_world, "available");
    heal_world.minutes(60);
    let told = heal_world.told("shop/web");
    // The outage, each step, and the escalation.
    assert_eq!(told.len(), 5, "{told:?}");
    assert!(
        told[0].ends_with("(stopped) is down") && told[4].ends_with(" failed"),
        "{told:?}"
    );
    heal_world.set(&web, Conduct::Runs);
    heal_world.minutes(30);
    assert!(
        heal_world.told("shop/web")[5].contains(" - recovered after "),
        "{:?}",
        heal_world.told("shop/web")
    );
}
