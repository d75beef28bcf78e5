//! Converts a measured metric into the number of tasks that it requires, minute by minute.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::Series;

use crate::history::{MINUTE, TaskHistory};
use crate::metric::Metric;
use crate::queue::QueueWork;

/// Consecutive minutes of rising load before the rise is extrapolated. Two minutes are often noise.
const TREND_MINUTES: i32 = 3;
/// The time until a task that is asked for serves traffic.
const START_UP: SignedDuration = SignedDuration::from_mins(1);
/// The time beyond which a rise is not extrapolated: it seldom lasts.
const MAX_LEAD: SignedDuration = SignedDuration::from_mins(4);
/// CPU utilization in percent that is the limit.
const CPU_LIMIT: f64 = 98.0;
/// Target utilization in percent from which tasks at their limit are intended.
const FULL_TARGET: u32 = 98;
/// The time for which tasks that start may use all CPU.
const WARM_UP: SignedDuration = SignedDuration::from_mins(3);

/// Measurement of one minute.
#[derive(Debug, Clone, Copy)]
pub struct Minute {
    /// Tasks that the load of the minute needs.
    pub tasks: f64,
    /// Tasks that shared the load; zero for requests, which are measured for the service as a whole.
    pub running: f64,
    /// Requests per second, or utilization in percent.
    pub value: f64,
}

/// One measured metric, converted into tasks per minute.
pub struct Signal {
    pub metric: Metric,
    /// Requests per second of one task, or target utilization in percent.
    pub target: u32,
    /// Smoothed need by minute, used for scaling out.
    pub smoothed: BTreeMap<Timestamp, Minute>,
    /// Need by minute, used for the peak of the last 10 minutes.
    pub needed: Series,
    /// The tasks that are kept for each one that is needed.
    pub headroom: f64,
}

impl Signal {
    /// Converts a utilization into tasks: two tasks at 90 % need 2.25 tasks for a target of 80 %.
    ///
    /// In a minute in which tasks may have started, the lower of two consecutive minutes is used: a task that starts uses much CPU
    /// for some seconds, and would otherwise start the next one. CPU at its limit for two minutes hides how much load waits: twice
    /// the tasks show it.
    pub fn from_utilization(
        metric: Metric,
        series: &Series,
        target: u32,
        history: &TaskHistory<'_>,
    ) -> Self {
        let smoothed: BTreeMap<Timestamp, Minute> = series
            .iter()
            .map(|(at, percent)| {
                let running = history.tasks_at(*at);
                let percent = if history.may_have_started(*at) {
                    find_lower(series, *at, *percent)
                } else {
                    *percent
                };
                let tasks = running * percent / f64::from(target);
                let least = if is_saturated(metric, series, target, *at) {
                    history.tasks_at(*at - WARM_UP).min(running) * 2.0
                } else {
                    0.0
                };
                let minute = Minute {
                    tasks: tasks.max(least),
                    running,
                    value: percent,
                };
                (*at, minute)
            })
            .collect();
        Self {
            metric,
            target,
            needed: smoothed
                .iter()
                .map(|(at, minute)| (*at, minute.tasks))
                .collect(),
            smoothed,
            headroom: 1.0,
        }
    }

    /// Extrapolates a rise of three minutes to the time when tasks started now serve traffic: otherwise they would be too few as
    /// soon as they run. Not towards a limit that is intended.
    pub fn extrapolate(mut self, now: Timestamp) -> Self {
        if self.metric == Metric::Cpu && self.target >= FULL_TARGET {
            return self;
        }
        let lead = measure_lead(&self.needed, now);
        for (at, minute) in &mut self.smoothed {
            minute.tasks += rise_per_minute(&self.needed, *at) * lead;
        }
        self
    }

    /// Converts requests into tasks.
    ///
    /// Uses the higher of two consecutive minutes, because a load balancer's newest minute may be
    /// incomplete. Requests are not smoothed downwards like utilization, because a starting task
    /// causes none.
    pub fn from_requests(series: &Series, per_task: u32) -> Self {
        let needed: Series = series
            .iter()
            .map(|(at, requests)| (*at, requests / 60.0 / f64::from(per_task)))
            .collect();
        let smoothed = needed
            .iter()
            .map(|(at, need)| (*at, request_minute(&needed, *at, *need, per_task)))
            .collect();
        Self {
            metric: Metric::Requests,
            target: per_task,
            smoothed,
            needed,
            headroom: 1.0,
        }
    }
}

impl Signal {
    /// Keeps a share of tasks, in percent, beside those that are needed.
    pub fn with_headroom(mut self, percent: u32) -> Self {
        self.headroom = 1.0 + f64::from(percent) / 100.0;
        self
    }

    /// Limits the need of each minute.
    pub fn limit(mut self, limit_at: impl Fn(Timestamp) -> Option<f64>) -> Self {
        for (at, needed) in &mut self.needed {
            let limit = limit_at(*at).unwrap_or(f64::INFINITY) / self.headroom;
            *needed = needed.min(limit);
            if let Some(minute) = self.smoothed.get_mut(at) {
                minute.tasks = minute.tasks.min(limit);
            }
        }
        self
    }

    /// Limits the need of each minute for scaling in.
    pub fn limit_peak(mut self, limit_at: impl Fn(Timestamp) -> Option<f64>) -> Self {
        for (at, needed) in &mut self.needed {
            *needed = needed.min(limit_at(*at).unwrap_or(f64::INFINITY));
        }
        self
    }

    /// Asks for no more tasks than there are. How many the load needed stays known.
    pub fn hold(mut self, desired_count: i32) -> Self {
        for minute in self.smoothed.values_mut() {
            minute.tasks = minute.tasks.min(f64::from(desired_count));
        }
        self
    }

    /// Converts the messages of a queue into tasks. The present minute counts, too.
    pub fn from_queue(work: &QueueWork<'_>, needed: Series) -> Self {
        let smoothed = needed
            .iter()
            .map(|(at, tasks)| {
                let minute = Minute {
                    tasks: *tasks,
                    running: 0.0,
                    value: work.waiting_at(*at),
                };
                (*at, minute)
            })
            .collect();
        Self {
            metric: Metric::Queue,
            target: work.latency,
            smoothed,
            needed,
            headroom: 1.0,
        }
    }
}

/// Reports whether CPU was at its limit in a minute and the one before, and not because the target says so. A job that runs for a
/// minute is no load.
fn is_saturated(metric: Metric, series: &Series, target: u32, at: Timestamp) -> bool {
    let is_at_limit = |at| series.get(&at).is_some_and(|percent| *percent >= CPU_LIMIT);
    metric == Metric::Cpu && target < FULL_TARGET && is_at_limit(at) && is_at_limit(at - MINUTE)
}

/// Returns the utilization of the minute before, if that was lower. Utilizations are compared and not tasks: the fewer tasks of
/// the minute before a scale-out are no lower need.
fn find_lower(series: &Series, at: Timestamp, percent: f64) -> f64 {
    let before = series.get(&(at - MINUTE)).copied();
    before.map_or(percent, |before| before.min(percent))
}

fn request_minute(needed: &Series, at: Timestamp, need: f64, per_task: u32) -> Minute {
    let higher = minutes_before(needed, at, 1).map_or(need, |before| before.max(need));
    Minute {
        tasks: higher,
        running: 0.0,
        value: higher * f64::from(per_task),
    }
}

/// Returns the minutes from the newest measurement until the tasks started because of it serve traffic.
fn measure_lead(series: &Series, now: Timestamp) -> f64 {
    let newest = series.last_key_value().map_or(now, |(at, _)| *at);
    let lead = (now.duration_since(newest) + START_UP).min(MAX_LEAD);
    lead.as_secs_f64() / 60.0
}

fn minutes_before(needed: &Series, at: Timestamp, minutes: i32) -> Option<f64> {
    needed.get(&(at - MINUTE * minutes)).copied()
}

/// Returns the smallest rise within the trend, or zero if the load fell in between. The smallest
/// rise is certain; the mean would extrapolate a single jump.
fn rise_per_minute(needed: &Series, at: Timestamp) -> f64 {
    let rises: Option<Vec<f64>> = (0..TREND_MINUTES)
        .map(|n| Some(minutes_before(needed, at, n)? - minutes_before(needed, at, n + 1)?))
        .collect();
    let smallest = rises.map(|rises| rises.into_iter().fold(f64::INFINITY, f64::min));
    smallest.filter(|rise| *rise > 0.0).unwrap_or_default()
}
