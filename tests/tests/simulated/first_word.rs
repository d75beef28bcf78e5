//! The minutes from a fault to the first word about it, as docs/numbers.md states them.

use std::fs;

use e2e::testkit::healing::HealWorld;
use e2e::testkit::setup::root;
use e2e::testkit::world::World;
use e2e::testkit::world::tasks::Conduct;
use enroll::Enroll;
use lamplighter::model::Arn;
use lamplighter::notify::Severity;
use rstest::rstest;

/// Tasks end and can't be started again.
fn lose_tasks(conduct: Conduct, lost: usize, severity: Severity) -> Option<i64> {
    let mut heal_world = HealWorld::new();
    let web = heal_world.service("web", 3, "on");
    heal_world.minutes(30);
    heal_world.set(&web, conduct);
    {
        let mut state = heal_world.world.state_mut();
        let tasks = state.tasks.get_mut(&web).unwrap();
        tasks.truncate(3 - lost);
    }
    let fault = heal_world.world.state().now;
    heal_world.minutes(30);
    heal_world.world.minutes_until_word(fault, severity)
}

/// A metric leaves its ordinary value.
fn measure(
    world: &World,
    (metric, target): (&str, &str),
    (ordinary, faulty): (f64, f64),
) -> Option<i64> {
    let mut fault = world.state().now;
    for minute in 0..60 {
        if minute == 30 {
            fault = world.state().now;
        }
        let value = if minute < 30 { ordinary } else { faulty };
        for event in world.measure_minute(metric, target, value) {
            world.invoke(&Enroll, event).unwrap().unwrap();
        }
    }
    world.minutes_until_word(fault, Severity::Warning)
}

fn errors() -> Option<i64> {
    let world = World::new();
    world.scaled("web", "");
    world.sweep(&Enroll).unwrap().unwrap();
    let target = "targetgroup/web/0123456789abcdef";
    world.measure_ahead("RequestCount", target, 430.0, 120);
    measure(&world, ("HTTPCode_Target_5XX_Count", target), (0.0, 412.0))
}

fn connections() -> Option<i64> {
    let world = World::new();
    let arn = Arn::new("arn:aws:rds:eu-west-1:123456789012:db:orders");
    world.keep_database(&arn, "keep=7d", |database| database);
    world.sweep(&Enroll).unwrap().unwrap();
    measure(&world, ("DatabaseConnections", "orders"), (20.0, 1e6))
}

/// The aims are one minute for a total outage, three for one in which tasks run for a moment, three for a part of it or a missing secret, and four for what CloudWatch's
/// alarms find, which take three. The simulated scheduler acts a minute after the fault.
#[rstest]
#[case::outage(
    "no task runs, none can start",
    lose_tasks(Conduct::NoRoom, 3, Severity::Critical),
    1
)]
#[case::crashes(
    "every task crashes within seconds",
    lose_tasks(Conduct::CrashesAtOnce, 3, Severity::Critical),
    3
)]
#[case::part(
    "one task of three is missing",
    lose_tasks(Conduct::NoRoom, 1, Severity::Warning),
    3
)]
#[case::secret(
    "a secret is missing, other tasks run",
    lose_tasks(Conduct::NoSecret, 1, Severity::Warning),
    3
)]
#[case::errors("every response is a 5xx, tasks are healthy", errors(), 4)]
#[case::connections("a database runs out of connections", connections(), 4)]
fn the_first_word_comes_in_time(
    #[case] fault: &str,
    #[case] minutes: Option<i64>,
    #[case] aim: i64,
) {
    let minutes = minutes.expect("a word");
    assert!(minutes <= aim + 1, "{fault}: {minutes} minutes");
    let numbers = fs::read_to_string(root().join("docs/numbers.md")).unwrap();
    let row = numbers
        .lines()
        .find(|line| line.starts_with(&format!("| {fault} |")))
        .unwrap_or_else(|| panic!("no row for {fault}: {minutes}"));
    assert!(row.ends_with(&format!(" {minutes} |")), "{row}: {minutes}");
}
