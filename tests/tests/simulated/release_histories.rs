//! Histories of releases, with ECS carrying them out: what holds whatever images do, and whatever becomes of events.

use deploy::Deploy;
use e2e::testkit::releases::minutes_of_ecs;
use e2e::testkit::world::World;
use e2e::testkit::world::ecs::{Behaviour, Ecs};
use fastrand::Rng;
use lamplighter::model::Arn;
use rstest::rstest;
use serde_json::Value;
use verify::sequential::FALSE_ALARM_RATE;

const HISTORIES: u64 = 150;
/// Longer than any deadline with all of its steps.
const SETTLES: u32 = 75;

struct History {
    world: World,
    web: Arn,
    ecs: Ecs,
    dice: Rng,
}

impl History {
    fn new(seed: u64, shifts: bool) -> Self {
        let world = World::new();
        let web = world.service(
            "web",
            "shop/web",
            "RC_1.0.0",
            "tag=RC_x.x.x repo=shop/web bake=10m",
        );
        let mut dice = Rng::with_seed(seed);
        {
            let mut state = world.state_mut();
            let service = state.services.get_mut(&web).unwrap();
            // With one task, and one at most, there is no room to roll.
            service.desired_count = dice.i32(2..9);
            service.running_count = service.desired_count;
            (service.minimum_healthy_percent, service.maximum_percent) = dice
                .choice([(100, 200), (50, 100), (50, 150)])
                .map_or((None, None), |(min, max)| (Some(min), Some(max)));
            service.circuit_breaker.enable = dice.bool();
            if shifts {
                "CANARY".clone_into(&mut service.strategy);
                (service.shifting.steps, service.shifting.seconds) = (2, 900);
            }
        }
        let ecs = Ecs::new(&world, &web, 1_200.0, seed);
        Self {
            world,
            web,
            ecs,
            dice,
        }
    }

    fn minutes(&mut self, minutes: u32) {
        minutes_of_ecs(&self.world, &mut self.ecs, minutes);
    }

    /// Events are lost, come twice, and come late.
    fn tell(&mut self, event: &Value) -> Option<Value> {
        match self.dice.u8(0..4) {
            0 => None,
            1 => Some(event.clone()),
            twice => {
                for _ in 1..twice {
                    let _ = self.world.invoke(&Deploy, event.clone());
                }
                None
            }
        }
    }

    fn runs(&self, tag: &str) -> bool {
        self.world.image_of(&self.web).contains(&format!(":{tag}@"))
    }
}

/// Of all releases that are good, so many were taken back; the second number is all of them.
fn play(seed: u64, shifts: bool) -> (u32, u32) {
    play_history(seed, shifts, &mut History::new(seed, shifts))
}

fn play_history(seed: u64, shifts: bool, history: &mut History) -> (u32, u32) {
    let (mut taken_back, mut good) = (0, 0);
    let mut last_good = None;
    let mut late = Vec::new();
    for n in 0..history.dice.u32(2..7) {
        let tag = format!("RC_1.{}.0", n + 1);
        let kinds = [
            Behaviour::Good,
            Behaviour::Good,
            Behaviour::Crashes,
            Behaviour::Flaps,
            Behaviour::Errs,
        ];
        // The first one is good, so that there is something to go back to; what only errs shows where traffic is shifted.
        let behaviour = if n == 0 {
            Behaviour::Good
        } else {
            kinds[history.dice.usize(0..if shifts { 5 } else { 4 })]
        };
        history.ecs.image(&tag, behaviour);
        let event = history
            .world
            .push("shop/web", &tag, seed * 100 + u64::from(n) + 1);
        late.extend(history.tell(&event));
        history.minutes(SETTLES);
        if history.dice.bool() {
            for event in late.drain(..).rev() {
                let _ = history.world.invoke(&Deploy, event);
            }
            history.minutes(5);
        }
        good += u32::from(behaviour == Behaviour::Good);
        if behaviour == Behaviour::Good && history.runs(&tag) {
            last_good = Some(tag);
        } else {
            taken_back += u32::from(behaviour == Behaviour::Good);
            let (runs, titles) = (history.world.image_of(&history.web), history.world.titles());
            match &last_good {
                Some(good) => {
                    let says =
                        format!("seed {seed}: {runs} after {tag}, {behaviour:?}: {titles:?}");
                    assert!(runs.contains(&format!(":{good}@")), "{says}");
                }
                None => assert!(
                    titles.iter().any(|title| title.contains("back")),
                    "seed {seed}: {titles:?}"
                ),
            }
        }
    }
    let changes =
        |world: &World| world.count("UpdateService") + world.count("StopServiceDeployment");
    let (before, told) = (changes(&history.world), history.world.titles().len());
    history.minutes(60);
    assert_eq!(
        (changes(&history.world), history.world.titles().len()),
        (before, told),
        "seed {seed}: it does not settle"
    );
    (taken_back, good)
}

/// No decision reads a text for people: with other texts in the ledger, every call is the same.
#[rstest]
#[case::rolling(false)]
#[case::canary(true)]
fn the_wording_of_texts_changes_no_decision(#[case] shifts: bool) {
    for seed in 1..=HISTORIES / 5 {
        let calls = [false, true].map(|rewords| {
            let mut history = History::new(seed, shifts);
            history.world.state_mut().rewords = rewords;
            play_history(seed, shifts, &mut history);
            history.world.state().calls.clone()
        });
        assert_eq!(calls[0], calls[1], "seed {seed}");
    }
}

#[rstest]
#[case::rolling(false)]
#[case::canary(true)]
fn bad_releases_are_rolled_back_and_good_ones_stay(#[case] shifts: bool) {
    let (mut taken_back, mut good) = (0, 0);
    for seed in 1..=HISTORIES {
        let (back, all) = play(seed, shifts);
        taken_back += back;
        good += all;
    }
    eprintln!("{taken_back} of {good} good releases were taken back");
    assert!(good >= 300, "{good}");
    assert!(
        f64::from(taken_back) <= f64::from(good) * FALSE_ALARM_RATE,
        "{taken_back} of {good}"
    );
}
