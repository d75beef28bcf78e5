//! Histories of one service on which templates, people and the environment act beside Lamplighter, and what holds in the
//! end whatever they did.

use std::collections::BTreeSet;

use deploy::Deploy;
use e2e::testkit::world::World;
use e2e::testkit::world::ecs::{Behaviour, Ecs};
use fastrand::Rng;
use jiff::SignedDuration;
use lamplighter::model::{Arn, Digest, ImageRef, Task};
use rollout::Rollout;
use serde_json::json;
use verify::Verify;

const HISTORIES: u64 = 60;
/// Longer than the deadline and the pauses of a few retries.
const SETTLES: u32 = 70;
const HOST: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";

struct History {
    world: World,
    web: Arn,
    ecs: Ecs,
    dice: Rng,
    pushed: u64,
    /// Tags that can't run, and tags that people took back.
    bad: BTreeSet<String>,
    rejected_by_hand: BTreeSet<String>,
    /// The size that the newest template set, or the revision that a person chose.
    cpu: String,
    /// Capacity is missing: no new task starts.
    starved: bool,
}

impl History {
    fn new(seed: u64) -> Self {
        let world = World::new();
        let web = world.web();
        let ecs = Ecs::new(&world, &web, 1_200.0, seed);
        {
            let mut state = world.state_mut();
            let service = state.services.get_mut(&web).unwrap();
            service.circuit_breaker.enable = true;
        }
        Self {
            world,
            web,
            ecs,
            dice: Rng::with_seed(seed),
            pushed: 0,
            bad: BTreeSet::new(),
            rejected_by_hand: BTreeSet::new(),
            cpu: "256".to_owned(),
            starved: false,
        }
    }

    fn minutes(&mut self, minutes: u32) {
        for minute in 0..minutes {
            self.world.advance(SignedDuration::from_mins(1));
            if self.starved {
                self.starve();
            } else {
                self.ecs.minute(&Verify);
            }
            let _ = self.world.sweep(&Rollout);
            if minute % 5 == 0 {
                let _ = self.world.sweep(&Deploy);
            }
        }
    }

    /// No task of the newest revision finds capacity. What runs goes on.
    fn starve(&self) {
        let mut state = self.world.state_mut();
        let service = state.services[&self.web].clone();
        let task = Task {
            task: "arn:aws:ecs:eu-west-1:123456789012:task/shop/0a1b".to_owned(),
            task_definition: service.task_definition.clone(),
            status: "STOPPED".to_owned(),
            reason: "RESOURCE:MEMORY".to_owned(),
            stopped_at: Some(state.now),
            ..Task::default()
        };
        if service.has_rollout_in_progress() {
            state.tasks.insert(self.web.clone(), vec![task]);
        }
    }

    fn push(&mut self, is_lost: bool) {
        self.pushed += 1;
        let tag = format!("RC_1.{}.0", self.pushed);
        let is_bad = self.dice.u8(0..3) == 0;
        let behaviour = if is_bad {
            self.bad.insert(tag.clone());
            Behaviour::Crashes
        } else {
            Behaviour::Good
        };
        self.ecs.image(&tag, behaviour);
        let event = self.world.push("shop/web", &tag, self.pushed);
        if !is_lost {
            let _ = self.world.invoke(&Deploy, event);
        }
    }

    /// A template registers a revision with its own image and a new size, and updates the service.
    fn apply_template(&mut self, n: u32) {
        self.cpu = (256 * (n + 2)).to_string();
        let mut state = self.world.state_mut();
        let revision = state.register("shop-web", &format!("{HOST}/shop/web:RC_1.0.0"));
        let own = state.definitions.iter_mut().find(|d| d.arn() == revision);
        own.unwrap().document["cpu"] = json!(self.cpu);
        state.deploy(&self.web, &revision);
    }

    /// A person puts the service back on an earlier verified revision, if there is one.
    fn roll_back_by_hand(&mut self) {
        let state = self.world.state();
        let Some(held) = state.held.get(&self.web) else {
            return;
        };
        let releases = held.memory.releases.clone();
        let [.., earlier, last] = releases.verified.as_slice() else {
            return;
        };
        let is_calm = releases.active_rollout.is_none()
            && releases.current.as_ref() == Some(&last.digest)
            && !state.services[&self.web].has_rollout_in_progress();
        if !is_calm {
            return;
        }
        let revision = earlier.revision.clone();
        let chosen = state.definitions.iter().find(|d| d.arn() == revision);
        self.cpu = chosen.unwrap().document["cpu"].as_str().unwrap().to_owned();
        self.rejected_by_hand.insert(last.tag.clone());
        drop(state);
        self.world.state_mut().deploy(&self.web, &revision);
    }

    fn running(&self) -> (ImageRef, String) {
        let image = ImageRef::parse(&self.world.image_of(&self.web));
        let state = self.world.state();
        let arn = &state.services[&self.web].task_definition;
        let running = state.definitions.iter().find(|d| d.arn() == arn).unwrap();
        (image, running.document["cpu"].as_str().unwrap().to_owned())
    }

    fn changes(&self) -> usize {
        [
            "UpdateService",
            "StopServiceDeployment",
            "RegisterTaskDefinition",
        ]
        .iter()
        .map(|call| self.world.count(call))
        .sum()
    }
}

/// Plays one history, and checks what holds in the end.
fn play(seed: u64) {
    let mut history = History::new(seed);
    let mut acts = Vec::new();
    for n in 0..history.dice.u32(3..9) {
        let act = if n == 0 { 0 } else { history.dice.u8(0..6) };
        acts.push(act);
        match act {
            0 => history.push(false),
            1 => history.push(true),
            2 => {
                history.apply_template(n);
                // A push within these minutes would be built on the template's own revision.
                history.minutes(SETTLES);
            }
            3 => history.roll_back_by_hand(),
            4 => history.starved = true,
            _ => history.starved = false,
        }
        let minutes = history.dice.u32(1..SETTLES);
        history.minutes(minutes);
    }
    history.starved = false;
    history.world.state_mut().tasks.clear();
    // The longest pause of a retry.
    history.minutes(60 * 5);
    let (image, cpu) = history.running();
    let story = format!(
        "seed {seed}, acts {acts:?}, bad {:?}, by hand {:?}: {image} with {cpu}\n{}",
        history.bad,
        history.rejected_by_hand,
        history.world.titles().join("\n")
    );
    let releases = history.world.state().held[&history.web]
        .memory
        .releases
        .clone();
    let tag = image.tag.clone().unwrap_or_default();
    assert!(
        !history.bad.contains(&tag) && !history.rejected_by_hand.contains(&tag),
        "a rejected image runs: {story}"
    );
    if let Some(current) = &releases.current {
        assert_eq!(image.digest.as_ref(), Some(current), "{story}");
        assert_eq!(cpu, history.cpu, "a setting is lost: {story}");
    }
    let blamed: Vec<&Digest> = releases.quarantined.keys().collect();
    for n in 1..=history.pushed {
        let tag = format!("RC_1.{n}.0");
        let digest = Digest::new(format!("sha256:{n:064x}"));
        let is_guilty = history.bad.contains(&tag) || history.rejected_by_hand.contains(&tag);
        assert!(
            is_guilty || !blamed.contains(&&digest),
            "{tag} is blamed: {story}"
        );
    }
    let before = (history.changes(), history.world.titles().len());
    history.minutes(120);
    assert_eq!(
        (history.changes(), history.world.titles().len()),
        before,
        "it does not settle: {story}"
    );
}

#[test]
fn rejected_images_stay_away_templates_keep_their_settings_and_no_image_is_blamed_for_its_environment()
 {
    for seed in 1..=HISTORIES {
        play(seed);
    }
}
