//! Followers compared at equal cost: each is followed over a range of targets, and read off at the task-hours of another one.

use super::baselines::{Hpa, Learned, StepScaling, TargetTracking};
use super::simulation::{Conditions, Followed, Follower, Measure, follow};
use super::{Curve, Ours};

/// Targets, in requests per second for a task, over which the cost of a follower is varied.
const TARGETS: [f64; 21] = [
    4.0, 5.0, 6.0, 6.5, 7.0, 7.5, 8.0, 8.25, 8.5, 8.75, 9.0, 9.25, 9.5, 9.75, 10.0, 10.5, 11.0,
    11.5, 12.0, 14.0, 16.0,
];

/// The requests per second that Lamplighter keeps a task at: what it serves.
const RATE: u32 = 10;

/// A follower to compare with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Baseline {
    TargetTracking,
    /// Target tracking on 20-second metrics, which ECS has of CPU and memory.
    FastTargetTracking,
    StepScaling,
    Hpa,
    Learned,
}

impl Baseline {
    pub const ALL: [Self; 5] = [
        Self::TargetTracking,
        Self::FastTargetTracking,
        Self::StepScaling,
        Self::Hpa,
        Self::Learned,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::TargetTracking => "target tracking",
            Self::FastTargetTracking => "target tracking, 20 s",
            Self::StepScaling => "step scaling",
            Self::Hpa => "Kubernetes HPA",
            Self::Learned => "learned floor",
        }
    }

    fn build(self, target: f64) -> Box<dyn Follower> {
        match self {
            Self::TargetTracking => Box::new(TargetTracking::by_the_minute(target)),
            Self::FastTargetTracking => Box::new(TargetTracking::by_20_seconds(target)),
            Self::StepScaling => Box::new(StepScaling::new(target)),
            Self::Hpa => Box::new(Hpa::new(target)),
            Self::Learned => Box::new(Learned::new(target)),
        }
    }

    /// Reports whether the baseline exists under these conditions and for this curve.
    fn applies(self, curve: &Curve, conditions: Conditions) -> bool {
        match self {
            Self::FastTargetTracking => conditions.measure == Measure::Cpu,
            Self::Learned => curve.rps.len() > 24 * 60,
            Self::TargetTracking | Self::StepScaling | Self::Hpa => true,
        }
    }
}

/// A baseline over a range of costs.
#[derive(Debug, Clone)]
pub struct Frontier {
    pub baseline: Baseline,
    /// Sorted by task-hours.
    pub points: Vec<Followed>,
}

impl Frontier {
    /// Returns minutes under, excess requests and changes at a cost, between the two nearest points; `None` outside of them.
    pub fn read_at(&self, task_hours: f64) -> Option<Reading> {
        let after = self
            .points
            .iter()
            .position(|point| point.task_hours >= task_hours)?;
        let (low, high) = (
            self.points.get(after.checked_sub(1)?)?,
            self.points.get(after)?,
        );
        let part = (task_hours - low.task_hours) / (high.task_hours - low.task_hours).max(1e-9);
        let between = |of: fn(&Followed) -> f64| of(low) + (of(high) - of(low)) * part;
        Some(Reading {
            under: between(|followed| followed.under),
            excess: between(|followed| followed.excess),
            changes: between(|followed| followed.changes as f64),
        })
    }
}

/// How a follower does at a cost.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    /// Minutes.
    pub under: f64,
    /// Requests.
    pub excess: f64,
    pub changes: f64,
}

impl From<&Followed> for Reading {
    fn from(followed: &Followed) -> Self {
        Self {
            under: followed.under,
            excess: followed.excess,
            changes: followed.changes as f64,
        }
    }
}

/// Lamplighter on a curve, beside the others.
pub struct Comparison {
    pub ours: Followed,
    pub frontiers: Vec<Frontier>,
}

impl Comparison {
    /// Follows a curve with Lamplighter, and with the others over their range of costs.
    pub fn run(curve: &Curve, conditions: Conditions) -> Self {
        let mut lamplighter = Ours::new(conditions.measure, RATE);
        let ours = follow(curve, conditions, &mut lamplighter);
        let baselines = Baseline::ALL.into_iter();
        let frontiers = baselines
            .filter(|baseline| baseline.applies(curve, conditions))
            .map(|baseline| draw_frontier(baseline, curve, conditions))
            .collect();
        Self { ours, frontiers }
    }

    /// Returns what a baseline does for the task-hours of Lamplighter.
    pub fn read(&self, baseline: Baseline) -> Option<Reading> {
        let mut found = self.frontiers.iter();
        found
            .find(|frontier| frontier.baseline == baseline)?
            .read_at(self.ours.task_hours)
    }

    /// Reports whether Lamplighter has no more minutes under and no more excess requests than a baseline for the same task-hours.
    /// Half a minute and half a percent are no difference. `None` if the baseline can't be had at this cost.
    pub fn beats(&self, baseline: Baseline) -> Option<bool> {
        let theirs = self.read(baseline)?;
        Some(
            self.ours.under <= theirs.under + 0.5
                && self.ours.excess <= theirs.excess * 1.005 + 1.0,
        )
    }
}

fn draw_frontier(baseline: Baseline, curve: &Curve, conditions: Conditions) -> Frontier {
    let mut points: Vec<Followed> = TARGETS
        .into_iter()
        .map(|target| follow(curve, conditions, &mut *baseline.build(target)))
        .collect();
    points.sort_by(|one, other| one.task_hours.total_cmp(&other.task_hours));
    Frontier { baseline, points }
}
