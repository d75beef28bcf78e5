//! Histories of services that fail in every way that there is, with ECS's scheduler going on: what holds whatever becomes of
//! events and of calls.

use std::collections::BTreeMap;

use e2e::testkit::healing::HealWorld;
use e2e::testkit::world::Fault;
use e2e::testkit::world::tasks::Conduct;
use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use lamplighter::model::{Arn, Database};
use serde_json::Value;

const HISTORIES: u64 = 15;
/// Longer than all back-offs of an incident together, and the time after which it is over.
const SETTLES: u32 = 60;
const AILMENTS: [Conduct; 8] = [
    Conduct::Crashes,
    Conduct::OutOfMemory,
    Conduct::NoSecret,
    Conduct::NoImage,
    Conduct::FailsHealthChecks,
    Conduct::NoRoom,
    Conduct::NeverHealthy,
    Conduct::NeverStarts(
        "CannotStartContainerError: failed to get container status: context deadline exceeded",
    ),
];

/// Some services, of which the last is never ill.
struct History {
    heal_world: HealWorld,
    services: Vec<Arn>,
    dice: Rng,
    /// Events are lost, come twice, and come in another order; calls fail.
    disturbed: bool,
    late: Vec<Value>,
}

impl History {
    fn new(seed: u64, disturbed: bool) -> Self {
        let mut heal_world = HealWorld::new();
        let tags = ["on", "on crash=park", "on memory=+25", "on steps=2"];
        // Four unhealthy services are no mass failure yet.
        let numbered = tags.iter().cycle().zip(0..5);
        let services = numbered
            .map(|(tag, n)| heal_world.service(&format!("s{n}"), 1 + n, tag))
            .collect();
        heal_world.minutes(30);
        Self {
            heal_world,
            services,
            dice: Rng::with_seed(seed),
            disturbed,
            late: Vec::new(),
        }
    }

    fn minutes(&mut self, minutes: u32) {
        let Self {
            heal_world,
            dice,
            late,
            disturbed,
            ..
        } = self;
        if !*disturbed {
            return heal_world.minutes(minutes);
        }
        for _ in 0..minutes {
            if dice.u8(0..10) == 0 {
                let call = [
                    "UpdateService",
                    "StopTask",
                    "ListTasks",
                    "DescribeServices",
                    "Intend",
                    "Conclude",
                ];
                let kinds = [Fault::Throttled, Fault::AnswerLost, Fault::Killed];
                heal_world
                    .world
                    .inject_fault(call[dice.usize(0..6)], kinds[dice.usize(0..3)]);
            }
            heal_world.minutes_with(1, |events| {
                let mut delivered = std::mem::take(late);
                for event in events {
                    match dice.u8(0..4) {
                        0 => {}
                        1 => late.push(event),
                        2 => delivered.extend([event.clone(), event]),
                        _ => delivered.push(event),
                    }
                }
                dice.shuffle(&mut delivered);
                delivered
            });
        }
    }

    /// Steps that were taken for a service: calls that changed it.
    fn steps(&self, service: &Arn) -> usize {
        ["UpdateService", "StopTask"]
            .iter()
            .map(|call| {
                self.heal_world
                    .world
                    .count(&format!("{call} {}", service.display_name()))
            })
            .sum()
    }

    fn unwell(&self, service: &Arn) -> bool {
        let state = self.heal_world.world.state();
        state.services[service].count_missing_tasks() > 0
    }

    /// How many notifications say what was done for a service since a time.
    fn deeds_since(&self, service: &Arn, since: Timestamp) -> usize {
        let state = self.heal_world.world.state();
        let about = state
            .notices
            .iter()
            .filter(|notice| notice.at >= since && notice.name == service.display_name());
        about
            .map(|notice| notice.message.action.as_str())
            .filter(|action| !action.is_empty() && !action.starts_with("Lamplighter takes no"))
            .count()
    }

    /// What was told of a service since a time.
    fn told_since(&self, service: &Arn, since: Timestamp) -> usize {
        let state = self.heal_world.world.state();
        state
            .notices
            .iter()
            .filter(|notice| notice.at >= since && notice.name == service.display_name())
            .count()
    }
}

/// Plays one history, and answers what every service is like in the end.
fn play(seed: u64, disturbed: bool) -> BTreeMap<String, (i32, String)> {
    play_history(seed, History::new(seed, disturbed)).0
}

/// Plays one history. Returns the running tasks and the desired count of every service in the end, and all calls.
fn play_history(seed: u64, mut history: History) -> (BTreeMap<String, (i32, String)>, Vec<String>) {
    let disturbed = history.disturbed;
    // What happens is drawn apart from what becomes of events, so that it is the same with and without disturbance.
    let mut fate = Rng::with_seed(seed ^ 0x5eed);
    for _ in 0..fate.u32(1..4) {
        let ill = history.services[fate.usize(0..4)].clone();
        let ailment = AILMENTS[fate.usize(0..AILMENTS.len())];
        let begun = history.heal_world.world.state().now;
        let before = history.steps(&ill);
        if fate.u8(0..4) == 0 {
            history.heal_world.fleet.hang(&ill);
        }
        history.heal_world.set(&ill, ailment);
        if matches!(
            ailment,
            Conduct::NoSecret | Conduct::NoImage | Conduct::NoRoom | Conduct::NeverStarts(_)
        ) {
            // What runs would go on.
            history.heal_world.world.state_mut().tasks.remove(&ill);
        }
        history.minutes(SETTLES);
        let says = format!(
            "seed {seed}, {ailment:?} of {}: {:?}",
            ill.display_name(),
            history.heal_world.told(&ill.display_name())
        );
        // A step more where one was taken, and nobody heard of it.
        let allowed = if disturbed { 3 + 6 } else { 3 + 1 };
        assert!(
            history.steps(&ill) - before <= allowed,
            "{} steps: {says}",
            history.steps(&ill) - before
        );
        assert!(history.told_since(&ill, begun) >= 1, "untold: {says}");
        if !disturbed && !history.heal_world.world.state().rewords {
            assert_eq!(
                history.steps(&ill) - before,
                history.deeds_since(&ill, begun),
                "every step has its notification: {says}"
            );
        }
        if fate.bool() {
            // A new task definition is what people mend such things by.
            let family = ill.ecs_cluster_and_name().unwrap().1.to_owned();
            let revision = history
                .heal_world
                .world
                .state_mut()
                .register(&format!("shop-{family}"), "web:2");
            history.heal_world.world.state_mut().deploy(&ill, &revision);
        }
        history.heal_world.set(&ill, Conduct::Runs);
        history.minutes(SETTLES);
        assert!(!history.unwell(&ill), "{says}");
    }
    history.disturbed = false;
    history.heal_world.world.state_mut().faults.clear();
    history.minutes(SETTLES);
    let quiet = |history: &History| {
        (
            history.steps(&history.services[0]),
            history.heal_world.world.titles().len(),
        )
    };
    let (well, before) = (history.services[4].clone(), quiet(&history));
    history.minutes(SETTLES);
    assert_eq!(
        quiet(&history),
        before,
        "seed {seed}: it does not settle: {:?}",
        history.heal_world.world.titles()
    );
    assert_eq!(
        (
            history.steps(&well),
            history.heal_world.told(&well.display_name()).len()
        ),
        (0, 0),
        "seed {seed}: a well one was touched"
    );
    let state = history.heal_world.world.state();
    for held in state.held.values() {
        assert_eq!(held.memory.health.incident, None, "seed {seed}");
    }
    let after = state.services.values().map(|s| {
        (
            s.arn.display_name(),
            (s.running_count, s.desired_count.to_string()),
        )
    });
    (after.collect(), state.calls.clone())
}

/// No decision reads a text for people: with other texts in the ledger, every call is the same.
#[test]
fn the_wording_of_texts_changes_no_decision() {
    for seed in 1..=HISTORIES / 5 {
        for disturbed in [false, true] {
            let reworded = History::new(seed, disturbed);
            reworded.heal_world.world.state_mut().rewords = true;
            assert_eq!(
                play_history(seed, reworded).1,
                play_history(seed, History::new(seed, disturbed)).1,
                "seed {seed}, disturbed: {disturbed}"
            );
        }
    }
}

#[test]
fn incidents_are_told_and_bounded_and_over_in_the_end() {
    for seed in 1..=HISTORIES {
        play(seed, false);
    }
}

#[test]
fn what_becomes_of_events_and_calls_changes_nothing_in_the_end() {
    for seed in 1..=HISTORIES {
        assert_eq!(play(seed, true), play(seed, false), "seed {seed}");
    }
}

/// With what all of them depend on down, it is one incident, and everything comes back by itself.
#[test]
fn an_outage_that_hits_all_restarts_nothing_and_is_told_once() {
    for seed in 1..=10 {
        let mut dice = Rng::with_seed(seed);
        let mut heal_world = HealWorld::new();
        let services: Vec<Arn> = (0..20)
            .map(|n| heal_world.service(&format!("s{n}"), 1 + n % 4, "on"))
            .collect();
        let database = heal_world.world.keep_database(
            &Arn::new("arn:aws:rds:eu-west-1:123456789012:db:orders"),
            "keep=7d",
            |database| Database {
                status: "stopped".to_owned(),
                ..database
            },
        );
        heal_world.tag(&database, "lamplighter:app", "shop");
        heal_world.minutes(10);
        for service in &services {
            heal_world.tag(service, "lamplighter:app", "shop");
            if dice.u8(0..5) > 0 && seed % 2 == 0 {
                heal_world.set(service, Conduct::Crashes);
            } else if dice.u8(0..5) > 0 {
                // All of them need what is gone.
                heal_world.set(service, Conduct::NoSecret);
                heal_world.world.state_mut().tasks.remove(service);
            }
        }
        heal_world.minutes(30);
        assert_eq!(
            (
                heal_world.world.count("UpdateService"),
                heal_world.world.count("StopTask")
            ),
            (0, 0),
            "seed {seed}"
        );
        let critical = heal_world.world.titles();
        assert_eq!(
            critical
                .iter()
                .filter(|title| title.ends_with(" - mass failure"))
                .count(),
            1,
            "{critical:?}"
        );
        let why = heal_world.last_why("all-services");
        assert!(why.contains("the database orders (stopped)"), "{why}");
        heal_world
            .world
            .state_mut()
            .databases
            .get_mut(&database)
            .unwrap()
            .status = "available".to_owned();
        for service in &services {
            heal_world.set(service, Conduct::Runs);
        }
        heal_world.minutes(40);
        assert_eq!(
            heal_world.world.count("UpdateService"),
            0,
            "seed {seed}: {:?}",
            heal_world.world.titles()
        );
        let before = heal_world.world.titles().len();
        heal_world.world.advance(SignedDuration::from_mins(1));
        heal_world.minutes(30);
        assert_eq!(heal_world.world.titles().len(), before, "seed {seed}");
    }
}
