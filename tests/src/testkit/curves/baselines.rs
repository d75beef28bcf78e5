//! Other followers, as their documentation describes them. Each has a target, which sets its cost.

use super::simulation::{Follower, Past, STEPS};
use super::{MAX, MIN};

/// Seconds of cooldown of target tracking, in steps.
const COOLDOWN: usize = 5 * STEPS;
const IN_MINUTES: usize = 15;
const OUT_POINTS: usize = 3;

/// Target tracking: out after 3 of 3 points above the target, in after 15 minutes below nine tenths of it, 300 seconds of cooldown
/// each. Within the cooldown only a larger step out counts.
/// Source: <https://docs.aws.amazon.com/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html>;
/// the periods are those of the alarms it makes: <https://github.com/aws/containers-roadmap/issues/1208>
#[derive(Debug)]
pub struct TargetTracking {
    /// Requests per second for a task.
    target: f64,
    /// Steps of a point: a minute, or 20 seconds with 20-second metrics.
    point: usize,
    above: usize,
    below: usize,
    out_at: Option<usize>,
    in_at: Option<usize>,
    last_out: u32,
}

impl TargetTracking {
    pub fn by_the_minute(target: f64) -> Self {
        Self::new(target, STEPS)
    }

    pub fn by_20_seconds(target: f64) -> Self {
        Self::new(target, STEPS / 3)
    }

    fn new(target: f64, point: usize) -> Self {
        Self {
            target,
            point,
            above: 0,
            below: 0,
            out_at: None,
            in_at: None,
            last_out: 0,
        }
    }
}

impl Follower for TargetTracking {
    fn interval(&self) -> usize {
        self.point
    }

    fn decide(&mut self, past: &Past, desired: u32) -> u32 {
        let window = past.newest_window(self.point, past.conditions.delay * STEPS);
        let load = past.read_load(window);
        let per_task = load / f64::from(window.running);
        self.above = count_if(self.above, per_task > self.target);
        self.below = count_if(self.below, per_task < self.target * 0.9);
        let proportional = round_up(load / self.target);
        let now = past.now();
        let is_cooling = |at: Option<usize>| at.is_some_and(|at| now - at < COOLDOWN);
        if self.above >= OUT_POINTS && proportional > desired {
            if is_cooling(self.out_at) && proportional <= self.last_out {
                return desired;
            }
            (self.out_at, self.in_at, self.last_out) = (Some(now), None, proportional);
            return proportional;
        }
        let is_low = self.below >= IN_MINUTES * STEPS / self.point && proportional < desired;
        if is_low && !is_cooling(self.in_at) && !is_cooling(self.out_at) {
            self.in_at = Some(now);
            return proportional;
        }
        desired
    }
}

/// Step scaling: 20 % more tasks above the target, 50 % above 1.2 times and 100 % above 1.5 times of it; a tenth fewer after 15
/// minutes below 0.8 times. A step within three minutes of another counts what that one added.
/// Source: <https://docs.aws.amazon.com/autoscaling/application/userguide/step-scaling-policy-overview.html>
#[derive(Debug)]
pub struct StepScaling {
    target: f64,
    below: usize,
    out_at: Option<usize>,
    in_at: Option<usize>,
    base: u32,
}

const STEP_COOLDOWN: usize = 3 * STEPS;

impl StepScaling {
    pub fn new(target: f64) -> Self {
        Self {
            target,
            below: 0,
            out_at: None,
            in_at: None,
            base: 0,
        }
    }
}

impl Follower for StepScaling {
    fn interval(&self) -> usize {
        STEPS
    }

    fn decide(&mut self, past: &Past, desired: u32) -> u32 {
        let window = past.newest_window(STEPS, past.conditions.delay * STEPS);
        let ratio = past.read_load(window) / f64::from(window.running) / self.target;
        self.below = count_if(self.below, ratio < 0.8);
        let now = past.now();
        let is_cooling = |at: Option<usize>| at.is_some_and(|at| now - at < STEP_COOLDOWN);
        let share = match ratio {
            ratio if ratio > 1.5 => 1.0,
            ratio if ratio > 1.2 => 0.5,
            ratio if ratio > 1.0 => 0.2,
            _ => 0.0,
        };
        if share > 0.0 {
            let base = if is_cooling(self.out_at) {
                self.base
            } else {
                desired
            };
            let wanted = base + round_down_step(f64::from(base) * share);
            if wanted.min(MAX) > desired {
                if !is_cooling(self.out_at) {
                    (self.base, self.out_at) = (desired, Some(now));
                }
                return wanted;
            }
            return desired;
        }
        if self.below >= IN_MINUTES && !is_cooling(self.in_at) && !is_cooling(self.out_at) {
            self.in_at = Some(now);
            return desired - round_down_step(f64::from(desired) * 0.1);
        }
        desired
    }
}

/// The horizontal pod autoscaler with its defaults: a tolerance of a tenth, out to double or by 4 every 15 seconds, in to the
/// highest recommendation of 5 minutes. It reads metrics of its own, of the last 30 seconds, and not CloudWatch.
/// Source: <https://kubernetes.io/docs/concepts/workloads/autoscaling/horizontal-pod-autoscale/>
#[derive(Debug)]
pub struct Hpa {
    target: f64,
    recommendations: Vec<u32>,
}

const SYNC: usize = STEPS / 4;
const STABILISATION: usize = 5 * STEPS / SYNC;

impl Hpa {
    pub fn new(target: f64) -> Self {
        Self {
            target,
            recommendations: Vec::new(),
        }
    }
}

impl Follower for Hpa {
    fn interval(&self) -> usize {
        SYNC
    }

    fn decide(&mut self, past: &Past, desired: u32) -> u32 {
        let window = past.measure_window(past.now() - 2 * SYNC, past.now());
        let ratio = past.read_load(window) / self.target / f64::from(desired);
        let wanted = if (ratio - 1.0).abs() <= 0.1 {
            desired
        } else {
            round_up(f64::from(desired) * ratio)
        };
        self.recommendations.push(wanted);
        if wanted > desired {
            return wanted.min((desired * 2).max(desired + 4));
        }
        let recent = self.recommendations.iter().rev().take(STABILISATION);
        recent.copied().max().unwrap_or(desired).min(desired)
    }
}

/// Target tracking above the tasks that the same time of earlier days needed in three of four: a stand-in for predictive scaling,
/// whose forecast AWS doesn't document. It knows nothing on the first day.
pub struct Learned {
    tracking: TargetTracking,
    target: f64,
}

const DAY: usize = 24 * 60 * STEPS;
/// Steps around the same time whose mean counts.
const AROUND: usize = 5 * STEPS;

impl Learned {
    pub fn new(target: f64) -> Self {
        Self {
            tracking: TargetTracking::by_the_minute(target),
            target,
        }
    }
}

impl Follower for Learned {
    fn interval(&self) -> usize {
        STEPS
    }

    fn decide(&mut self, past: &Past, desired: u32) -> u32 {
        let ready = past.now() + past.conditions.start * STEPS;
        let first = super::simulation::LEAD * STEPS;
        let days = (1..).map(|day| ready.checked_sub(day * DAY));
        let same_time = days
            .map_while(|at| at.filter(|at| *at >= first + AROUND))
            .filter(|at| at + AROUND <= past.now());
        let mut loads: Vec<f64> = same_time
            .map(|at| past.measure_window(at - AROUND, at + AROUND).rps)
            .collect();
        loads.sort_by(f64::total_cmp);
        let quantile = loads.get(loads.len() * 3 / 4).copied().unwrap_or_default();
        self.tracking
            .decide(past, desired)
            .max(round_up(quantile / self.target))
    }
}

fn count_if(count: usize, is_met: bool) -> usize {
    if is_met { count + 1 } else { 0 }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a load is small"
)]
fn round_up(tasks: f64) -> u32 {
    ((tasks - 1e-9).ceil() as u32).clamp(MIN, MAX)
}

/// Rounds a step down, but to one task at least.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a load is small"
)]
fn round_down_step(tasks: f64) -> u32 {
    (tasks.floor() as u32).max(1)
}
