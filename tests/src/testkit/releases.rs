//! Releases of `shop/web` in the simulated world, for tests of what follows them.

use deploy::Deploy;
use jiff::SignedDuration;
use lamplighter::model::{Arn, Digest};
use rollout::Rollout;

use crate::testkit::world::World;

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
