//! Two scalers as their documentation describes them.

use super::{MAX, MIN, RPS, Scaler};

/// Target tracking on requests per target: out after 3 of 3 minutes above the target, in after 15 of 15 below
/// nine tenths of it, 300 seconds of cooldown each. Within the cooldown only a larger step out counts.
/// Source: <https://docs.aws.amazon.com/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html>;
/// the periods are those of the alarms it makes: <https://github.com/aws/containers-roadmap/issues/1208>
#[derive(Debug, Default)]
pub struct TargetTracking {
    minute: i32,
    above: u32,
    below: u32,
    out_at: Option<i32>,
    in_at: Option<i32>,
    last_out: u32,
}

const COOLDOWN: i32 = 5;

impl Scaler for TargetTracking {
    const NAME: &'static str = "target tracking";

    fn minute(&mut self, rps: f64, running: u32) -> u32 {
        self.minute += 1;
        let per_task = rps / f64::from(running);
        self.above = if per_task > RPS { self.above + 1 } else { 0 };
        self.below = if per_task < RPS * 0.9 {
            self.below + 1
        } else {
            0
        };
        let proportional = ceil(f64::from(running) * per_task / RPS).clamp(MIN, MAX);
        let cooling = |at: Option<i32>| at.is_some_and(|at| self.minute - at < COOLDOWN);
        if self.above >= 3 && proportional > running {
            if cooling(self.out_at) && proportional <= self.last_out {
                return running;
            }
            (self.out_at, self.in_at, self.last_out) = (Some(self.minute), None, proportional);
            return proportional;
        }
        if self.below >= 15
            && proportional < running
            && !cooling(self.in_at)
            && !cooling(self.out_at)
        {
            self.in_at = Some(self.minute);
            return proportional;
        }
        running
    }
}

/// The horizontal pod autoscaler with its defaults: a tolerance of a tenth, out to double or by 4 every 15
/// seconds, in to the highest recommendation of 5 minutes.
/// Source: <https://kubernetes.io/docs/concepts/workloads/autoscaling/horizontal-pod-autoscale/>
#[derive(Debug, Default)]
pub struct Hpa {
    recommendations: Vec<u32>,
}

const SYNCS_PER_MINUTE: u32 = 4;
const STABILISATION: usize = 5;

impl Scaler for Hpa {
    const NAME: &'static str = "Kubernetes HPA";

    fn minute(&mut self, rps: f64, running: u32) -> u32 {
        let ratio = rps / f64::from(running) / RPS;
        let wanted = if (ratio - 1.0).abs() <= 0.1 {
            running
        } else {
            ceil(f64::from(running) * ratio)
        };
        let wanted = wanted.clamp(MIN, MAX);
        self.recommendations.push(wanted);
        let recent = self.recommendations.iter().rev().take(STABILISATION);
        let stable = recent.copied().max().unwrap_or(running);
        if wanted > running {
            let most = (0..SYNCS_PER_MINUTE).fold(running, |count, _| (count * 2).max(count + 4));
            return wanted.min(most);
        }
        stable.min(running)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a load is small"
)]
fn ceil(tasks: f64) -> u32 {
    (tasks - 1e-9).ceil() as u32
}
