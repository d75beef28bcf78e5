//! Load that passes second by second, tasks that take time to start, and metrics that arrive late.
//!
//! A step is five seconds. The load of a minute is constant. Every follower sees the same past, and decides at its own interval.

use super::{Curve, MAX, MIN, RPS};

/// Steps in a minute.
pub const STEPS: usize = 12;
const SECONDS_OF_STEP: f64 = 5.0;
/// Minutes of the first value before the curve begins, in which followers settle. They don't count.
pub const LEAD: usize = 40;
/// Minutes until the first decision: by then there is a past.
const FIRST_DECISION: usize = 5;
/// Requests a second at which a task has a CPU utilization of 100 %: 80 % at what it serves.
const RPS_AT_LIMIT: f64 = RPS / 0.8;

/// The measure by which tasks are added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    Requests,
    Cpu,
}

/// The measure, and the delays under which a load is followed.
#[derive(Debug, Clone, Copy)]
pub struct Conditions {
    pub measure: Measure,
    /// Minutes until a metric can be read.
    pub delay: usize,
    /// Minutes until a task serves.
    pub start: usize,
}

/// The past of a simulation, as far as it happened.
pub struct Past {
    pub conditions: Conditions,
    /// Requests a second, by step.
    rps: Vec<f64>,
    /// Tasks that serve, by step.
    running: Vec<u32>,
}

/// Means over some steps.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// Requests a second of all tasks.
    pub rps: f64,
    /// CPU utilization, in percent.
    pub cpu: f64,
    /// Tasks that served at most.
    pub running: u32,
}

impl Past {
    /// Returns the present step.
    pub fn now(&self) -> usize {
        self.rps.len()
    }

    /// Returns the newest window of a length that ended on its grid, some steps ago at least.
    pub fn newest_window(&self, length: usize, delay: usize) -> Window {
        let end = self.now().saturating_sub(delay) / length * length;
        self.measure_window(end.saturating_sub(length), end.max(length))
    }

    pub fn measure_window(&self, from: usize, to: usize) -> Window {
        let steps = || {
            let rps = self.rps.get(from..to).unwrap_or_default();
            rps.iter()
                .zip(self.running.get(from..to).unwrap_or_default())
        };
        let count = to.saturating_sub(from).max(1) as f64;
        let cpu = |rps: f64, running: u32| (rps / f64::from(running) / RPS_AT_LIMIT).min(1.0);
        Window {
            rps: steps().map(|(rps, _)| rps).sum::<f64>() / count,
            cpu: steps()
                .map(|(rps, running)| cpu(*rps, *running))
                .sum::<f64>()
                / count
                * 100.0,
            running: steps()
                .map(|(_, running)| *running)
                .max()
                .unwrap_or(MIN)
                .max(1),
        }
    }

    /// Returns the requests a second that a window shows: CPU at its limit hides what is above it.
    pub fn read_load(&self, window: Window) -> f64 {
        match self.conditions.measure {
            Measure::Requests => window.rps,
            Measure::Cpu => f64::from(window.running) * window.cpu / 100.0 * RPS_AT_LIMIT,
        }
    }
}

/// Follows load with a number of tasks.
pub trait Follower {
    /// Steps between two decisions.
    fn interval(&self) -> usize;

    /// Returns how many tasks are wanted now, beside those that are.
    fn decide(&mut self, past: &Past, desired: u32) -> u32;
}

/// How a curve was followed.
#[derive(Debug, Clone, Default)]
pub struct Followed {
    /// Tasks that served, by the minute.
    pub tasks: Vec<u32>,
    /// Minutes in which tasks got more than they serve.
    pub under: f64,
    /// Requests above what the tasks serve.
    pub excess: f64,
    pub task_hours: f64,
    /// How often the wanted number changed.
    pub changes: usize,
}

/// Lets a follower follow a curve.
pub fn follow(curve: &Curve, conditions: Conditions, follower: &mut dyn Follower) -> Followed {
    let first = curve.rps.first().copied().unwrap_or_default();
    let minutes = std::iter::repeat_n(first, LEAD).chain(curve.rps.iter().copied());
    let mut past = Past {
        conditions,
        rps: Vec::new(),
        running: Vec::new(),
    };
    let mut tasks = Tasks::new(needed(first));
    let mut result = Followed::default();
    for (minute, rps) in minutes.enumerate() {
        for step in 0..STEPS {
            let now = past.now();
            tasks.start_until(now);
            let before = tasks.desired;
            if now >= STEPS * FIRST_DECISION && now.is_multiple_of(follower.interval()) {
                let wanted = follower.decide(&past, tasks.desired).clamp(MIN, MAX);
                tasks.set(wanted, now + conditions.start * STEPS);
                tasks.start_until(now);
            }
            past.rps.push(rps);
            past.running.push(tasks.running);
            if minute < LEAD {
                continue;
            }
            result.changes += usize::from(tasks.desired != before);
            result.count(rps, tasks.running, step);
        }
    }
    result
}

impl Followed {
    fn count(&mut self, rps: f64, running: u32, step: usize) {
        if step == 0 {
            self.tasks.push(running);
        }
        self.task_hours += f64::from(running) * SECONDS_OF_STEP / 3_600.0;
        let missing = rps - f64::from(running) * RPS;
        if missing > 1e-9 && running < MAX {
            self.under += 1.0 / STEPS as f64;
            self.excess += missing * SECONDS_OF_STEP;
        }
    }
}

/// Returns the tasks that a load needs, within the bounds.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a load is small"
)]
pub fn needed(rps: f64) -> u32 {
    ((rps / RPS - 1e-9).ceil() as u32).clamp(MIN, MAX)
}

/// The tasks of a service: those that serve, and those that start.
struct Tasks {
    running: u32,
    desired: u32,
    /// Tasks that start, with the step from which they serve, oldest first.
    starting: Vec<(usize, u32)>,
}

impl Tasks {
    fn new(count: u32) -> Self {
        Self {
            running: count,
            desired: count,
            starting: Vec::new(),
        }
    }

    fn set(&mut self, wanted: u32, ready: usize) {
        if wanted > self.desired {
            self.starting.push((ready, wanted - self.desired));
        }
        // Those that don't serve yet are stopped first, the newest first.
        let mut surplus = self.desired.saturating_sub(wanted);
        while surplus > 0 {
            let Some((_, count)) = self.starting.last_mut() else {
                self.running -= surplus;
                break;
            };
            let stopped = surplus.min(*count);
            *count -= stopped;
            surplus -= stopped;
            if *count == 0 {
                self.starting.pop();
            }
        }
        self.desired = wanted;
    }

    fn start_until(&mut self, now: usize) {
        let ready = self.starting.iter().filter(|(at, _)| *at <= now);
        self.running += ready.map(|(_, count)| count).sum::<u32>();
        self.starting.retain(|(at, _)| *at > now);
    }
}
