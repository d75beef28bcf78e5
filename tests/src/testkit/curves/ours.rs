//! The real `scale` as a follower, in a simulated world of its own: alarms speak when they change, and the sweep runs every minute.

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::Arn;
use scale::Scale;

use super::simulation::{Follower, Measure, Past, STEPS, Window};
use super::{MAX, MIN};
use crate::testkit::world::World;

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// The real operation.
pub struct Ours {
    pub world: World,
    service: Arn,
}

impl Ours {
    /// Creates a service that is scaled by a measure, at so many requests per second for a task.
    pub fn new(measure: Measure, rps: u32) -> Self {
        // 80 % are 10 requests per second.
        let cpu = rps * 8;
        let tag = match measure {
            Measure::Requests => format!("min={MIN} max={MAX} rps={rps} cpu=100"),
            Measure::Cpu => format!("min={MIN} max={MAX} rps=off cpu={}", cpu.min(100)),
        };
        let requests = match measure {
            Measure::Requests => Some(f64::from(rps)),
            Measure::Cpu => None,
        };
        Self::with_tag(&tag, f64::from(cpu), requests)
    }

    /// Creates a service with a tag for scaling, and the alarms that it starts from: on CPU, and on requests if the tag has them.
    pub fn with_tag(tag: &str, cpu: f64, rps: Option<f64>) -> Self {
        let world = World::new();
        let service = world.scaled("web", tag);
        world.cpu_alarm_on(&service, cpu);
        if let Some(rps) = rps {
            world.requests_alarm_on(&service, rps);
        }
        Self { world, service }
    }
}

impl Follower for Ours {
    fn interval(&self) -> usize {
        STEPS
    }

    fn decide(&mut self, past: &Past, desired: u32) -> u32 {
        let delay = past.conditions.delay;
        let window = past.newest_window(STEPS, delay * STEPS);
        let running = past
            .measure_window(past.now() - 1, past.now())
            .running
            .min(desired);
        for event in self.world.pass_minute(&self.service, running, |now| {
            (now - MINUTE * i32::try_from(delay + 1).unwrap_or(1), window)
        }) {
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

impl World {
    /// A minute passes: so many tasks run, an earlier minute's values arrive, and alarms look at them. Returns the events of alarms
    /// that changed.
    fn pass_minute(
        &self,
        service: &Arn,
        running: u32,
        arrives: impl Fn(Timestamp) -> (Timestamp, Window),
    ) -> Vec<serde_json::Value> {
        let mut state = self.state_mut();
        state.now += MINUTE;
        let (minute, window) = arrives(state.now);
        if let Some(service) = state.services.get_mut(service) {
            service.running_count = i32::try_from(running).unwrap_or(i32::MAX);
        }
        let load = state.loads.entry(service.clone()).or_default();
        load.requests
            .get_or_insert_default()
            .insert(minute, window.rps * 60.0);
        load.requests_per_target
            .insert(minute, window.rps * 60.0 / f64::from(window.running));
        load.cpu.insert(minute, window.cpu);
        load.memory.insert(minute, 40.0);
        load.tasks.insert(minute, f64::from(window.running));
        state.evaluate(minute)
    }
}
