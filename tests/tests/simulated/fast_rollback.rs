//! The rollback of a service that shifts traffic in steps: all of the traffic leaves the failing revision at once.

use deploy::Deploy;
use e2e::testkit::releases::{VERIFIED, minutes_of_ecs, push, runs};
use e2e::testkit::world::ecs::{Behaviour, Ecs};
use e2e::testkit::world::{Fault, World};
use jiff::SignedDuration;
use lamplighter::model::Arn;
use rollout::Rollout;
use rstest::rstest;
use verify::Verify;

struct Scene {
    world: World,
    web: Arn,
    ecs: Ecs,
}

/// A canary service that runs RC_1.1.0, verified, with requests of users.
fn canary() -> Scene {
    let world = World::new();
    let web = world.service("web", "shop/web", "RC_1.0.0", VERIFIED);
    let mut ecs = Ecs::new(&world, &web, 1_200.0, 7);
    ecs.image("RC_1.1.0", Behaviour::Good);
    ecs.image("RC_1.2.0", Behaviour::Good);
    {
        let mut state = world.state_mut();
        state.set_strategy(&web, "CANARY");
        let service = state.services.get_mut(&web).unwrap();
        (service.shifting.steps, service.shifting.seconds) = (2, 900);
    }
    let mut scene = Scene { world, web, ecs };
    push(&scene.world, "RC_1.1.0", 11);
    scene.minutes(60);
    assert!(scene.has_verified("RC_1.1.0"), "{:?}", scene.world.titles());
    scene
}

impl Scene {
    fn minutes(&mut self, minutes: u32) {
        minutes_of_ecs(&self.world, &mut self.ecs, minutes);
    }

    fn has_verified(&self, tag: &str) -> bool {
        let state = self.world.state();
        let releases = &state.held[&self.web].memory.releases;
        releases.verified.iter().any(|verified| verified.tag == tag)
    }

    fn strategy(&self) -> String {
        self.world.state().services[&self.web].strategy.clone()
    }

    fn is_settled(&self) -> bool {
        !self.world.state().services[&self.web].has_rollout_in_progress()
    }

    /// Whether RC_1.1.0 has all of the traffic.
    fn is_back(&self) -> bool {
        runs(&self.world, &self.web, "RC_1.1.0") && self.is_settled()
    }

    /// Releases RC_1.2.0, which completes and then fails its probes. Answers after how many minutes it is rolled back.
    fn fail_after_completion(&mut self) {
        push(&self.world, "RC_1.2.0", 12);
        while !runs(&self.world, &self.web, "RC_1.2.0") || !self.is_settled() {
            self.world.advance(SignedDuration::from_mins(1));
            self.ecs.minute(&Verify);
        }
        self.world.state_mut().unwell = Some(|_| true);
        for _ in 0..10 {
            self.world.advance(SignedDuration::from_mins(1));
            let _ = self.world.sweep(&Rollout);
            if runs(&self.world, &self.web, "RC_1.1.0") {
                return;
            }
        }
        panic!("{:?}", self.world.titles());
    }
}

/// C3: from the rollback to all of the traffic it takes what ECS needs to start the tasks: here three hooks, one a minute.
/// A canary would take 18 minutes.
#[test]
fn a_rollback_of_a_canary_shifts_all_traffic_at_once() {
    let mut scene = canary();
    scene.fail_after_completion();
    assert_eq!(scene.strategy(), "BLUE_GREEN");
    let mut minutes = 0;
    while !scene.is_back() {
        scene.minutes(1);
        minutes += 1;
        assert!(minutes <= 4, "{:?}", scene.world.titles());
    }
    scene.minutes(4);
    assert_eq!(scene.strategy(), "CANARY", "restored");
    let state = scene.world.state();
    let releases = &state.held[&scene.web].memory.releases;
    assert_eq!(releases.strategy_to_restore, None);
    let action = &state
        .notices
        .iter()
        .rev()
        .find(|n| n.message.title.contains("rolling back"))
        .unwrap()
        .message
        .action;
    assert!(
        action.contains(
            "All traffic shifts at once, and the strategy CANARY is restored afterwards."
        ),
        "{action}"
    );
}

/// A fix that is pushed meanwhile waits until the service has its strategy again, and is then released by it.
#[test]
fn a_fix_is_released_by_the_strategy_of_the_service() {
    let mut scene = canary();
    scene.fail_after_completion();
    push(&scene.world, "RC_1.3.0", 13);
    assert!(runs(&scene.world, &scene.web, "RC_1.1.0"));
    scene.world.state_mut().unwell = None;
    scene.minutes(15);
    assert_eq!(scene.strategy(), "CANARY");
    assert!(
        runs(&scene.world, &scene.web, "RC_1.3.0"),
        "{:?}",
        scene.world.titles()
    );
    scene.minutes(60);
    assert!(scene.has_verified("RC_1.3.0"), "{:?}", scene.world.titles());
}

/// Whatever happens to the calls, the strategy comes back.
#[rstest]
#[case::throttled(Fault::Throttled)]
#[case::unanswered(Fault::AnswerLost)]
#[case::killed(Fault::Killed)]
fn the_strategy_is_restored_whatever_fails(#[case] fault: Fault) {
    let mut scene = canary();
    scene.fail_after_completion();
    scene.world.inject_fault("UpdateService", fault);
    scene.minutes(20);
    assert!(scene.is_back());
    assert_eq!(scene.strategy(), "CANARY");
    let state = scene.world.state();
    assert_eq!(
        state.held[&scene.web].memory.releases.strategy_to_restore,
        None
    );
}

/// A person who chooses a strategy meanwhile keeps it.
#[test]
fn a_strategy_that_a_person_chose_stays() {
    let mut scene = canary();
    scene.fail_after_completion();
    while !scene.is_back() {
        scene.world.advance(SignedDuration::from_mins(1));
        scene.ecs.minute(&Verify);
    }
    scene.world.state_mut().set_strategy(&scene.web, "LINEAR");
    scene.minutes(20);
    assert_eq!(scene.strategy(), "LINEAR");
    let state = scene.world.state();
    assert_eq!(
        state.held[&scene.web].memory.releases.strategy_to_restore,
        None
    );
}

/// A rollback that does not come to its end does not keep the fix away for ever.
#[test]
fn a_rollback_that_hangs_does_not_block_a_fix() {
    let mut scene = canary();
    scene.fail_after_completion();
    push(&scene.world, "RC_1.3.0", 13);
    for minute in 0..25 {
        scene.world.advance(SignedDuration::from_mins(1));
        let _ = scene.world.sweep(&Rollout);
        if minute % 5 == 0 {
            let _ = scene.world.sweep(&Deploy);
        }
    }
    assert!(
        runs(&scene.world, &scene.web, "RC_1.3.0"),
        "{:?}",
        scene.world.titles()
    );
    assert_eq!(
        scene.strategy(),
        "BLUE_GREEN",
        "ECS changes no strategy meanwhile"
    );
    scene.world.state_mut().unwell = None;
    scene.minutes(20);
    assert_eq!(scene.strategy(), "CANARY");
    assert!(scene.has_verified("RC_1.3.0"), "{:?}", scene.world.titles());
}

/// A push that comes before the answer of the rollback is known waits, and the strategy comes back.
#[test]
fn a_push_does_not_overtake_an_unanswered_rollback() {
    let mut scene = canary();
    push(&scene.world, "RC_1.2.0", 12);
    while !runs(&scene.world, &scene.web, "RC_1.2.0") || !scene.is_settled() {
        scene.world.advance(SignedDuration::from_mins(1));
        scene.ecs.minute(&Verify);
    }
    scene.world.state_mut().unwell = Some(|_| true);
    scene.world.inject_fault("UpdateService", Fault::AnswerLost);
    while !runs(&scene.world, &scene.web, "RC_1.1.0") {
        scene.world.advance(SignedDuration::from_mins(1));
        let _ = scene.world.sweep(&Rollout);
    }
    push(&scene.world, "RC_1.3.0", 13);
    assert!(
        runs(&scene.world, &scene.web, "RC_1.1.0"),
        "{:?}",
        scene.world.titles()
    );
    scene.world.state_mut().unwell = None;
    scene.minutes(30);
    assert_eq!(scene.strategy(), "CANARY");
    assert!(
        runs(&scene.world, &scene.web, "RC_1.3.0"),
        "{:?}",
        scene.world.titles()
    );
}

/// A service that is no longer managed is left alone, and gets its strategy once it is again.
#[test]
fn a_service_that_is_untagged_meanwhile_is_left_alone() {
    let mut scene = canary();
    scene.fail_after_completion();
    let managed = |world: &World, web: &Arn, value: Option<&str>| {
        let mut state = world.state_mut();
        let tags = state.tags.get_mut(web).unwrap();
        match value {
            Some(value) => tags.insert("lamplighter:managed".to_owned(), value.to_owned()),
            None => tags.remove("lamplighter:managed"),
        };
    };
    managed(&scene.world, &scene.web, None);
    scene.minutes(10);
    let updates = scene.world.count("UpdateService");
    scene.minutes(20);
    assert_eq!(scene.world.count("UpdateService"), updates);
    assert_eq!(scene.strategy(), "BLUE_GREEN");
    managed(&scene.world, &scene.web, Some("true"));
    scene.minutes(10);
    assert_eq!(scene.strategy(), "CANARY");
}

/// ECS refuses another strategy for a service of Express Mode, so its rollback shifts in the steps of ECS.
#[test]
fn a_service_of_express_mode_is_released_and_rolled_back_by_its_own_canary() {
    let mut scene = canary();
    {
        let mut state = scene.world.state_mut();
        state.services.get_mut(&scene.web).unwrap().is_express = true;
    }
    scene.fail_after_completion();
    assert_eq!(scene.strategy(), "CANARY", "never changed");
    scene.world.state_mut().unwell = None;
    scene.minutes(40);
    assert!(scene.is_back(), "{:?}", scene.world.titles());
    let titles = scene.world.titles();
    assert!(
        titles.last().unwrap().starts_with("RC_1.2.0 rejected"),
        "no error: {titles:?}"
    );
    let state = scene.world.state();
    let releases = &state.held[&scene.web].memory.releases;
    assert_eq!(releases.strategy_to_restore, None);
}
