//! Load over hours, minute by minute, and how well three scalers follow it: the real `scale` in the simulated
//! world, target tracking as Application Auto Scaling documents it, and the rules of Kubernetes' HPA.
//!
//! All three see the same minutes: a minute is measured when it has ended, and a task that is asked for in one
//! minute serves in the next. `cargo curves` prints the charts.

#![allow(clippy::cast_precision_loss, reason = "a few thousand minutes")]

mod baselines;
pub mod chart;
mod shapes;

use lamplighter::model::Arn;
use scale::Scale;

use crate::testkit::world::World;
use crate::testkit::world::load::Task;

pub use baselines::{Hpa, TargetTracking};
pub use shapes::{Curve, curves};

/// Requests per second that one task serves.
pub const RPS: f64 = 10.0;
pub const MIN: u32 = 2;
pub const MAX: u32 = 40;

/// Follows load with a number of tasks.
pub trait Scaler {
    const NAME: &'static str;

    /// A minute of this many requests a second has been served by so many tasks. Answers how many are to serve
    /// from the minute after next.
    fn minute(&mut self, rps: f64, running: u32) -> u32;
}

/// How a curve was followed.
#[derive(Debug, Clone)]
pub struct Followed {
    pub scaler: &'static str,
    /// Tasks that served, by the minute.
    pub tasks: Vec<u32>,
    /// Minutes in which a task got more than it serves.
    pub under: usize,
    /// Minutes with a task more than needed.
    pub over: usize,
    pub task_hours: f64,
    /// How often the count changed.
    pub changes: usize,
}

/// Lets a scaler follow a curve from its calm beginning.
pub fn follow<S: Scaler>(curve: &Curve, mut scaler: S) -> Followed {
    let mut running = MIN;
    let mut tasks = Vec::new();
    for rps in &curve.rps {
        tasks.push(running);
        running = scaler.minute(*rps, running);
    }
    let pairs = || {
        curve
            .rps
            .iter()
            .zip(&tasks)
            .map(|(rps, tasks)| (needed(*rps), *tasks))
    };
    Followed {
        scaler: S::NAME,
        under: pairs().filter(|(needed, tasks)| tasks < needed).count(),
        over: pairs().filter(|(needed, tasks)| tasks > needed).count(),
        task_hours: tasks.iter().map(|tasks| f64::from(*tasks)).sum::<f64>() / 60.0,
        changes: tasks.windows(2).filter(|pair| pair[0] != pair[1]).count(),
        tasks,
    }
}

/// The tasks that a load needs, within the bounds.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a load is small"
)]
pub fn needed(rps: f64) -> u32 {
    ((rps / RPS).ceil() as u32).clamp(MIN, MAX)
}

/// The real operation, in a world of its own: alarms speak when they change, and the sweep runs every minute.
pub struct Ours {
    pub world: World,
    pub service: Arn,
}

impl Default for Ours {
    fn default() -> Self {
        let world = World::new();
        let service = world.scaled("web", &format!("min={MIN} max={MAX} rps={RPS} cpu=80"));
        world.alarms_on(&service, 80.0, RPS);
        Self { world, service }
    }
}

impl Scaler for Ours {
    const NAME: &'static str = "Lamplighter";

    fn minute(&mut self, rps: f64, _: u32) -> u32 {
        let events = self.world.minute(&self.service, rps, Task::default());
        for event in events {
            self.world
                .invoke(&Scale, event)
                .expect("not killed")
                .expect("an answer");
        }
        self.world
            .sweep(&Scale)
            .expect("not killed")
            .expect("an answer");
        self.world.state().services[&self.service]
            .desired_count
            .unsigned_abs()
    }
}
