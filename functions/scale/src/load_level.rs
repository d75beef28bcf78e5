//! The load of a service over some minutes, and how it compares with an earlier one.

use std::ops::RangeInclusive;

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::{Load, Series};
use lamplighter::state::LoadLevel;

use crate::history::{FREQUENT_VALUES, MINUTE, round_up_tasks};
use crate::observed::IDLE_CPU;
use crate::requests::count_requests;

/// Minutes whose mean is a level.
pub const LEVEL: SignedDuration = SignedDuration::from_mins(3);
/// The delay of the newest value that still describes the present.
pub const MAX_DELAY: SignedDuration = SignedDuration::from_mins(3);
/// The growth or fall of the load after which a comparison with the earlier one says nothing.
pub const OTHER_LOAD: f64 = 1.25;
/// Requests a minute below which they are too few to compare.
const FEW_REQUESTS: f64 = 60.0;
/// How many times the lowest minute the highest may be for their mean to be a level: load is uneven.
const UNEVEN: f64 = 1.75;

/// Returns the mean load of the minutes before a time; `None` without fresh values, or if it changed by much within them.
pub fn measure_level(
    load: &Load,
    tasks_at: impl Fn(Timestamp) -> f64,
    at: Timestamp,
) -> Option<LoadLevel> {
    let (newest, _) = load.cpu.range(..at).next_back()?;
    let newest = *newest;
    if at.duration_since(newest) > MAX_DELAY {
        return None;
    }
    let requests = count_requests(load);
    let minutes = newest - LEVEL + MINUTE..=newest;
    let (series, least) = match &requests {
        Some(requests) => (requests, FEW_REQUESTS),
        None => (&load.cpu, IDLE_CPU),
    };
    let values = || {
        series
            .range(minutes.clone())
            .map(|(_, value)| value + least)
    };
    if values().fold(0.0, f64::max) > values().fold(f64::INFINITY, f64::min) * UNEVEN {
        return None;
    }
    let mean = |series: &Series| calculate_mean(series, minutes.clone());
    let highest = |series: &Series| {
        let values = series.range(minutes.clone()).map(|(_, value)| *value);
        values.reduce(f64::max)
    };
    let counts = load.cpu.range(minutes.clone());
    let counts: Series = counts.map(|(at, _)| (*at, tasks_at(*at))).collect();
    let used = load.cpu.range(minutes.clone());
    let used: Series = used
        .filter_map(|(at, percent)| Some((*at, percent * counts.get(at)?)))
        .collect();
    Some(LoadLevel {
        at,
        tasks: round_up_tasks(mean(&counts)?),
        used_cpu: mean(&used),
        cpu: mean(&load.cpu),
        memory: mean(&load.memory),
        highest_cpu: highest(&load.cpu),
        highest_memory: highest(&load.memory),
        requests: requests.as_ref().and_then(mean),
    })
}

/// Returns the mean load of the minutes before a time, if so many tasks ran in all of them.
pub fn measure_steady(load: &Load, tasks: u32, at: Timestamp) -> Option<LoadLevel> {
    let level = measure_level(load, |_| f64::from(tasks), at)?;
    was_count(&load.tasks, tasks, at - MAX_DELAY - MINUTE..=at - MINUTE).then_some(level)
}

/// Reports whether so many tasks reported in each of the minutes, with one value or with the three of 20-second metrics.
fn was_count(reported: &Series, tasks: u32, minutes: RangeInclusive<Timestamp>) -> bool {
    let is_count = |values: f64| {
        let per_task = values / f64::from(tasks.max(1));
        (per_task - 1.0).abs() < 0.01 || (per_task - FREQUENT_VALUES).abs() < 0.01
    };
    reported.range(minutes).all(|(_, values)| is_count(*values))
}

fn calculate_mean(series: &Series, minutes: RangeInclusive<Timestamp>) -> Option<f64> {
    let values = series.range(minutes).map(|(_, value)| *value);
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    (count > 0.0).then(|| sum / count)
}

/// Returns how many times the earlier load there is now; `None` if that isn't known.
pub fn measure_growth(before: &LoadLevel, after: &LoadLevel) -> Option<f64> {
    let growth = Growth {
        requests: before.requests.zip(after.requests),
        used: (before.used_cpu?, after.used_cpu?),
        cpu: after.cpu?,
    };
    growth.measure()
}

/// Two loads to compare: before and after.
pub struct Growth {
    /// Requests a minute, if they are counted.
    pub requests: Option<(f64, f64)>,
    /// CPU that all tasks use, in percent of one.
    pub used: (f64, f64),
    /// CPU utilization after, in percent.
    pub cpu: f64,
}

impl Growth {
    /// Returns how many times the earlier load there is: by requests if they are counted, else by the CPU that all tasks use.
    /// `None` for requests that are so few that chance decides, and for idle tasks, each of which uses some CPU.
    pub fn measure(&self) -> Option<f64> {
        if let Some((before, after)) = self.requests {
            return match (before, after) {
                (0.0, 0.0) => Some(1.0),
                (_, 0.0) => Some(0.0),
                _ if before.min(after) < FEW_REQUESTS => None,
                _ => Some(after / before),
            };
        }
        let (before, after) = self.used;
        (self.cpu >= IDLE_CPU && before > 0.0).then(|| after / before)
    }
}
