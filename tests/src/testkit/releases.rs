//! Releases of `shop/web` in the simulated world, for tests of what follows them.

use deploy::Deploy;
use jiff::SignedDuration;
use lamplighter::model::{Arn, Digest, Task};
use rollout::Rollout;
use verify::Verify;

use crate::testkit::world::World;
use crate::testkit::world::ecs::Ecs;

pub const MINUTE: SignedDuration = SignedDuration::from_mins(1);

pub fn push(world: &World, tag: &str, content: u64) {
    let event = world.push("shop/web", tag, content);
    let _ = world.invoke(&Deploy, event);
}

/// So many minutes, with both sweeps.
pub fn minutes(world: &World, minutes: usize) {
    for minute in 0..minutes {
        world.advance(MINUTE);
        let _ = world.sweep(&Rollout);
        if minute % 5 == 0 {
            let _ = world.sweep(&Deploy);
        }
    }
}

/// So many minutes, in which ECS moves on and calls its hooks, with both sweeps.
pub fn minutes_of_ecs(world: &World, ecs: &mut Ecs, minutes: u32) {
    for minute in 0..minutes {
        world.advance(MINUTE);
        ecs.minute(&Verify);
        let _ = world.sweep(&Rollout);
        if minute % 5 == 0 {
            let _ = world.sweep(&Deploy);
        }
    }
}

/// A release that ends well.
pub fn release(world: &World, web: &Arn, tag: &str, content: u64) {
    push(world, tag, content);
    minutes(world, 2);
    world.state_mut().settle(web);
    minutes(world, 1);
}

pub fn runs(world: &World, web: &Arn, tag: &str) -> bool {
    world.image_of(web).contains(&format!(":{tag}@"))
}

pub fn digest(content: u64) -> Digest {
    Digest::new(format!("sha256:{content:064x}"))
}

pub const VERIFIED: &str = "tag=RC_x.x.x repo=shop/web verify=https://shop.example.com/health";

/// A release that ends well, and one after it that ECS rolls back, because its tasks fail to start for this reason.
pub fn release_and_fail(world: &World, web: &Arn, reason: &str) {
    release(world, web, "RC_1.1.0", 11);
    push(world, "RC_1.2.0", 12);
    minutes(world, 3);
    fail_to_start(world, web, reason);
    world.state_mut().roll_back(web);
}

/// Makes the tasks of the running revision fail to start for this reason.
pub fn fail_to_start(world: &World, web: &Arn, reason: &str) {
    let mut state = world.state_mut();
    let task = Task {
        task: "arn:aws:ecs:eu-west-1:123456789012:task/shop/0a1b".to_owned(),
        task_definition: state.services[web].task_definition.clone(),
        status: "STOPPED".to_owned(),
        stop_code: "TaskFailedToStart".to_owned(),
        reason: reason.to_owned(),
        stopped_at: Some(state.now),
        ..Task::default()
    };
    state.tasks.insert(web.clone(), vec![task]);
}
