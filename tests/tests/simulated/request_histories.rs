//! Histories of one service on which people send requests while images are pushed, events are lost and functions are killed:
//! what holds in the end, whatever they asked for.

use std::collections::BTreeSet;

use deploy::Deploy;
use e2e::testkit::requests::{deliver, try_call};
use e2e::testkit::world::ecs::{Behaviour, Ecs};
use e2e::testkit::world::{Fault, World};
use fastrand::Rng;
use jiff::SignedDuration;
use lamplighter::model::{Arn, ImageRef};
use request::RequestOperation;
use rollout::Rollout;
use serde_json::{Value, json};
use verify::Verify;

const HISTORIES: u64 = 60;
const CALLS: [&str; 6] = [
    "Acquire",
    "Intend",
    "Conclude",
    "UpdateService",
    "PutEvents",
    "GetItem",
];

struct History {
    world: World,
    web: Arn,
    ecs: Ecs,
    dice: Rng,
    pushed: Vec<String>,
    /// The tags that a person rejected last, after any approval.
    rejected: BTreeSet<String>,
    asked: Vec<String>,
    paused: bool,
}

impl History {
    fn new(seed: u64) -> Self {
        let world = World::new();
        let web = world.web();
        let ecs = Ecs::new(&world, &web, 1_200.0, seed);
        Self {
            world,
            web,
            ecs,
            dice: Rng::with_seed(seed),
            pushed: Vec::new(),
            rejected: BTreeSet::new(),
            asked: Vec::new(),
            paused: false,
        }
    }

    fn minutes(&mut self, minutes: u32) {
        let before = self.changes();
        for minute in 0..minutes {
            self.world.advance(SignedDuration::from_mins(1));
            self.ecs.minute(&Verify);
            let _ = self.world.sweep(&Rollout);
            if minute % 5 == 0 {
                let _ = self.world.sweep(&Deploy);
                let _ = self.world.sweep(&RequestOperation);
            }
        }
        let is_idle = !self.paused || self.changes() == before;
        assert!(
            is_idle,
            "something changed during a pause: {}",
            self.story()
        );
    }

    /// Every third tag is none that the service tracks.
    fn push(&mut self) {
        let n = self.pushed.len() as u64 + 1;
        let tag = match n % 3 {
            0 => format!("hotfix-{n}"),
            _ => format!("RC_1.{n}.0"),
        };
        let behaviour = match self.dice.u8(0..4) {
            0 => Behaviour::Crashes,
            _ => Behaviour::Good,
        };
        self.ecs.image(&tag, behaviour);
        let event = self.world.push("shop/web", &tag, n);
        self.pushed.push(tag);
        if self.dice.bool() {
            let _ = self.world.invoke(&Deploy, event);
        }
    }

    /// Sends a request until it is answered for good. Its event may be lost.
    fn request(&mut self, command: &str, argument: Option<(&str, &str)>) -> bool {
        let mut body = json!({"command": command, "target": "shop/web", "reason": "x", "id": format!("call-{}", self.asked.len())});
        if let Some((key, value)) = argument {
            body[key] = Value::from(value);
        }
        self.asked.push(format!("{command} {argument:?}"));
        if self.dice.u8(0..3) == 0 {
            let call = CALLS[self.dice.usize(..CALLS.len())];
            let faults = [Fault::Killed, Fault::AnswerLost, Fault::Throttled];
            self.world.inject_fault(call, faults[self.dice.usize(..3)]);
        }
        for _ in 0..5 {
            match try_call(&self.world, &body) {
                Some((200, _)) => {
                    if self.dice.bool() {
                        deliver(&self.world);
                    }
                    self.world.state_mut().bus.clear();
                    return true;
                }
                Some((422, _)) => return false,
                _ => self.world.advance(SignedDuration::from_mins(2)),
            }
        }
        panic!("never recorded: {}", self.story())
    }

    fn act(&mut self) {
        let tag = self.dice.choice(&self.pushed).cloned();
        match (self.dice.u8(0..9), tag) {
            (0..3, _) | (_, None) => self.push(),
            (3, Some(tag)) => {
                let _ = self.request("deploy", Some(("image", &tag)));
                self.rejected.remove(&tag);
            }
            (4, Some(tag)) => {
                let _ = self.request("approve", Some(("image", &tag)));
                self.rejected.remove(&tag);
            }
            (5, Some(tag)) => {
                let _ = self.request("reject", Some(("image", &tag)));
                self.rejected.insert(tag);
            }
            (6, _) => {
                let _ = self.request("roll-back", None);
            }
            (7, _) => self.paused |= self.request("pause", None),
            (_, _) => self.resume(),
        }
    }

    fn resume(&mut self) {
        self.request("resume", None);
        self.paused = false;
    }

    fn changes(&self) -> usize {
        let calls = [
            "UpdateService",
            "StopServiceDeployment",
            "RegisterTaskDefinition",
        ];
        calls.iter().map(|call| self.world.count(call)).sum()
    }

    fn story(&self) -> String {
        format!(
            "asked {:#?}, rejected {:?}, {} runs\n{}",
            self.asked,
            self.rejected,
            self.world.image_of(&self.web),
            self.world.titles().join("\n")
        )
    }
}

/// Plays one history, and checks what holds in the end.
fn play(seed: u64) {
    let mut history = History::new(seed);
    for _ in 0..history.dice.u32(4..14) {
        history.act();
        let minutes = history.dice.u32(1..45);
        history.minutes(minutes);
    }
    history.resume();
    history.minutes(60 * 3);
    let story = format!("seed {seed}: {}", history.story());
    let running = ImageRef::parse(&history.world.image_of(&history.web));
    let tag = running.tag.unwrap_or_default();
    // A rejection without a revision to go back to is answered so.
    let had_no_effect = story.contains("reject ") && story.contains(" by alice without effect - ");
    assert!(
        had_no_effect || !history.rejected.contains(&tag),
        "a rejected image runs: {story}"
    );
    let state = history.world.state();
    let memory = &state.held[&history.web].memory;
    assert_eq!(memory.requests.rejections, [], "a request is open: {story}");
    assert_eq!(memory.releases.active_rollout, None, "{story}");
    drop(state);
    let before = (history.changes(), history.world.titles().len());
    history.minutes(120);
    let after = (history.changes(), history.world.titles().len());
    assert_eq!(after, before, "it does not settle: {}", history.story());
}

#[test]
fn rejected_images_stay_away_and_a_pause_holds_whatever_people_ask_for() {
    for seed in 1..=HISTORIES {
        play(seed);
    }
}
