//! `heal` in the simulated world, with what services depend on: databases that are down and come back.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a failed expectation ends the test"
)]

use e2e::healing::Ward;
use e2e::releases::release;
use e2e::world::tasks::Conduct;
use heal::Heal;
use lamplighter::model::{Arn, Database};
use rstest::rstest;
use serde_json::Value;

const DATABASE: &str = "arn:aws:rds:eu-west-1:123456789012:db:orders";

/// A service whose last release is new, and one before it that was good.
fn released() -> (Ward, Arn) {
    let mut ward = Ward::new();
    let web = ward.service("web", 2, "on");
    release(&ward.world, &web, "RC_1.1.0", 11);
    ward.minutes(30);
    release(&ward.world, &web, "RC_1.2.0", 12);
    ward.tag(&web, "lamplighter:app", "shop");
    (ward, web)
}

#[test]
fn a_database_that_is_down_keeps_everything_as_it_is_until_it_is_back() {
    let (mut ward, web) = released();
    database(&ward, "storage-full");
    let before = ward.world.count("UpdateService");
    ward.set(&web, Conduct::Crashes);
    ward.minutes(60);
    assert_eq!(ward.world.count("UpdateService"), before);
    let told = ward.told("shop/web");
    assert_eq!(
        told.last().unwrap(),
        "crashes again and again while the database orders (storage-full) is down"
    );
    let number = told.len();
    database(&ward, "available");
    ward.set(&web, Conduct::Runs);
    ward.minutes(30);
    assert_eq!(ward.world.count("UpdateService"), before);
    let told = ward.told("shop/web");
    assert!(
        told.len() == number + 1 && told[number].starts_with("is well again"),
        "{told:?}"
    );
}

/// Tasks need a while to come back, and what they failed with meanwhile says nothing about the release.
#[test]
fn a_service_has_its_time_once_its_database_is_back() {
    let (mut ward, web) = released();
    ward.minutes(10);
    database(&ward, "storage-full");
    let before = ward.world.count("UpdateService");
    ward.set(&web, Conduct::Crashes);
    ward.minutes(20);
    database(&ward, "available");
    let event = sample("database-recovered");
    ward.world.invoke(&Heal, event).unwrap().unwrap();
    ward.minutes(7);
    ward.set(&web, Conduct::Runs);
    ward.minutes(30);
    assert_eq!(
        ward.world.count("UpdateService"),
        before,
        "{:?}",
        ward.told("shop/web")
    );
    assert!(
        ward.told("shop/web")
            .last()
            .unwrap()
            .starts_with("is well again"),
        "{:?}",
        ward.told("shop/web")
    );
}

/// One of our sample events of `heal`.
fn sample(name: &str) -> Value {
    let file = e2e::setup::root().join(format!("events/heal/{name}.json"));
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

fn database(ward: &Ward, status: &str) {
    let arn = ward
        .world
        .keep_database(&Arn::new(DATABASE), "keep=7d", |database| Database {
            status: status.to_owned(),
            identifier: "orders".to_owned(),
            ..database
        });
    ward.tag(&arn, "lamplighter:app", "shop");
}

/// Which of our sample events make it look at the service, and which at nothing.
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
fn an_event_says_where_to_look(#[case] sample: &str, #[case] looks: bool) {
    let mut ward = Ward::new();
    let web = ward.service("web", 2, "on");
    ward.tag(&web, "lamplighter:app", "shop");
    database(&ward, "available");
    ward.set(&web, Conduct::Crashes);
    ward.minutes(3);
    let event = self::sample(sample);
    let before = ward.world.count("Acquire shop/web");
    ward.world.invoke(&Heal, event).unwrap().unwrap();
    assert_eq!(
        ward.world.count("Acquire shop/web") - before,
        usize::from(looks)
    );
}

/// An event of a database is nothing where all is well.
#[test]
fn what_a_database_says_is_nothing_while_all_is_well() {
    let mut ward = Ward::new();
    let web = ward.service("web", 2, "on");
    ward.tag(&web, "lamplighter:app", "shop");
    database(&ward, "available");
    let event = sample("database-storage-full");
    ward.world.invoke(&Heal, event).unwrap().unwrap();
    assert_eq!(
        (
            ward.world.count("Acquire"),
            ward.world.count("GetResources")
        ),
        (0, 0)
    );
}

/// Whoever was told that the database is down is called again where the service does not come back with it.
#[test]
fn a_service_that_does_not_come_back_with_its_database_calls_a_person() {
    let mut ward = Ward::new();
    let web = ward.service("web", 2, "on");
    ward.tag(&web, "lamplighter:app", "shop");
    database(&ward, "stopped");
    ward.minutes(60);
    ward.set(&web, Conduct::Crashes);
    ward.minutes(30);
    database(&ward, "available");
    ward.minutes(60);
    let told = ward.told("shop/web");
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(
        told[0].ends_with("(stopped) is down")
            && told[2].ends_with("nothing that was tried helped"),
        "{told:?}"
    );
    ward.set(&web, Conduct::Runs);
    ward.minutes(30);
    assert!(
        ward.told("shop/web")[3].starts_with("is well again"),
        "{:?}",
        ward.told("shop/web")
    );
}
