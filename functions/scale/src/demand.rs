//! Number of tasks that the measured load needs: now, and at its peak within the last 10 minutes.
//!
//! Every metric is first converted into tasks ([`Signal`]), so that requests, CPU and memory can be
//! compared: the metric that needs the most tasks decides. Scaling out and scaling in look at
//! different times on purpose. Too few tasks hurt at once, so scaling out follows the newest
//! minute. Too many tasks only cost money, so scaling in waits until 10 minutes needed fewer, and
//! needs enough data: missing data is not zero load, unless other metrics of the service arrive.

use jiff::Timestamp;
use lamplighter::model::{Backlog, Load, QueueLoad, QueueProblem, Service};
use lamplighter::policy::ScalePolicy;
use lamplighter::state::{TargetState, Unresponsive, Utilization};

use crate::history::{TaskHistory, round_up_tasks};
use crate::leak::measure_rise;
use crate::metric::Metric;
use crate::observed::{HISTORY, MIN_DATA_MINUTES, SCALE_IN_WINDOW, is_fresh};
use crate::queue::{Performance, QueueWork};
use crate::requests::{count_requests, is_idle, measure_rate, measure_share};
use crate::signal::{Minute, Signal};
use crate::unresponsive::Unresponsives;

/// Consecutive minutes that must agree before a need within the tolerance counts.
const SUSTAINED_MINUTES: usize = 3;
/// Difference between the extrapolated and the measured rate below which messages show no rise,
/// because both print as the same value.
const PRINTED_PRECISION: f64 = 0.05;

/// Required number of tasks, before rounding up, with its derivation.
#[derive(Debug, Clone, PartialEq)]
pub struct Need {
    pub tasks: f64,
    pub source: NeedSource,
}

/// The measurement that a need is derived from.
#[derive(Debug, Clone, PartialEq)]
pub enum NeedSource {
    /// Requests per second of the service, and the number that one task serves.
    Requests {
        per_second: f64,
        /// The expected rate, if the load rises.
        rising_to: Option<f64>,
        per_task: u32,
    },
    /// Messages that wait, and the seconds that one may wait.
    Queue { waiting: f64, latency: u32 },
    /// Utilization in percent of the tasks that shared the load, and its target.
    Utilization {
        metric: Metric,
        percent: f64,
        tasks: f64,
        target: u32,
    },
}

/// Number of tasks that the load of a service requires.
#[derive(Debug, Clone, PartialEq)]
pub struct Demand {
    /// Need of the newest minute; `None` without fresh data.
    pub now: Option<Need>,
    /// Need that each of the last three minutes reached, of the metric that needs the most;
    /// `None` without fresh data.
    pub sustained: Option<Need>,
    /// The newest minute with a value of any metric.
    pub newest: Option<Timestamp>,
    /// Largest need of the last 10 minutes, or the missing data if it can't be computed.
    pub peak: Result<f64, MissingData>,
    /// The facts about the queue that the service works through.
    pub queue: Option<QueueFacts>,
    /// Whether nobody called the service in the last 15 minutes, as far as that is measured.
    pub is_idle: bool,
    /// The share of the requests of its target groups that the service gets; below 1 if others are registered there.
    pub share: f64,
    /// Requests per second that one task serves at its CPU target, as measured, if neither tag nor stack say it.
    pub suggested_rps: Option<u32>,
    /// The followed utilizations that added tasks did not lower.
    pub unresponsive: Vec<Excess>,
    /// The newest CPU utilization, in percent, if it is beyond its target.
    pub overload: Option<f64>,
}

/// A utilization that added tasks did not lower, as it is now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Excess {
    pub known: Unresponsive,
    /// The utilization now, and its target, in percent.
    pub percent: f64,
    pub target: u32,
    /// The percentage points by which it rises in a minute, if it does.
    pub rise: Option<f64>,
}

/// The facts about a queue.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueFacts {
    /// The messages now; `None` if they could not be counted.
    pub backlog: Option<Backlog>,
    pub problem: Option<QueueProblem>,
    pub performance: Performance,
    /// Seconds that the oldest message has waited.
    pub oldest: Option<f64>,
    /// Whether no message came in the last 15 minutes, and none is there.
    pub is_empty: bool,
}

impl QueueFacts {
    fn new(queue: &QueueLoad, performance: Performance, signal: &Signal) -> Self {
        let needed = &signal.needed;
        Self {
            backlog: queue.backlog,
            problem: queue.problem.clone(),
            performance,
            oldest: queue.age.values().next_back().copied(),
            is_empty: needed.len() >= MIN_DATA_MINUTES
                && needed.values().all(|tasks| *tasks <= 0.0),
        }
    }
}

/// Metric with too few values in the last 15 minutes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingData {
    pub metric: Metric,
    /// Number of minutes with data, of the last 15.
    pub minutes: usize,
}

impl Need {
    /// Returns the need, rounded up to whole tasks.
    #[must_use]
    pub fn required_tasks(&self) -> u32 {
        round_up_tasks(self.tasks)
    }
}

impl Demand {
    #[must_use]
    pub fn from_load(
        scale: &ScalePolicy,
        load: &Load,
        service: &Service,
        state: &TargetState,
        now: Timestamp,
    ) -> Self {
        let history = TaskHistory::new(&load.tasks, service, state);
        let queue = scale.queue.as_ref().zip(load.queue.as_ref());
        let work = queue.map(|(policy, queue)| QueueWork {
            queue,
            load,
            history: &history,
            state,
            latency: policy.latency,
            now,
        });
        let judged = work.as_ref().map(|work| {
            let performance = work.judge_tasks();
            let signal = Signal::from_queue(work, work.list_needs(performance));
            (QueueFacts::new(work.queue, performance, &signal), signal)
        });
        let (queue, queue_signal) = judged.unzip();
        let share = measure_share(load, &history);
        let is_idle = is_idle(service, load, now);
        let has_no_requests = load.requests.is_some() && is_idle;
        // What tasks used before they were stopped asks for none.
        let mut signals = if queue.is_some() && service.desired_count == 0 {
            Vec::new()
        } else {
            build_signals(scale, load, &history, share, now)
        };
        signals.extend(queue_signal);
        Self {
            queue,
            is_idle,
            share,
            suggested_rps: scale
                .is_rps_open
                .then(|| measure_rate(load, &history, scale.cpu))
                .flatten(),
            unresponsive: find_excess(scale, load, state),
            overload: find_overload(scale, load, now),
            now: largest_need(&signals, 1, now),
            sustained: largest_need(&signals, SUSTAINED_MINUTES, now),
            newest: signals
                .iter()
                .filter_map(|signal| signal.needed.last_key_value())
                .map(|(at, _)| *at)
                .max(),
            peak: peak_of_all(&signals, has_no_requests, now),
        }
    }
}

fn build_signals(
    scale: &ScalePolicy,
    load: &Load,
    history: &TaskHistory<'_>,
    share: f64,
    now: Timestamp,
) -> Vec<Signal> {
    let unresponsives = Unresponsives::new(load, history, now);
    let cpu = scale.follows_cpu().then(|| {
        Signal::from_utilization(Metric::Cpu, &load.cpu, scale.cpu, history)
            .extrapolate(now)
            .with_headroom(scale.headroom)
            .limit(|minute| unresponsives.limit_at(Utilization::Cpu, minute))
    });
    let memory = scale.memory.map(|target| {
        // Headroom of what each idle task uses would need more headroom.
        let signal = Signal::from_utilization(Metric::Memory, &load.memory, target, history)
            .limit(|minute| unresponsives.limit_at(Utilization::Memory, minute))
            .limit_peak(|minute| unresponsives.limit_by_calm(target, minute));
        // Whether tasks lower the memory at all shows before more of them are added.
        if unresponsives.is_on_trial {
            signal.hold(history.service.desired_count)
        } else {
            signal
        }
    });
    let requests = count_requests(load).zip(scale.rps);
    let requests = requests.map(|(series, rps)| {
        let own = series.into_iter();
        let own = own.map(|(at, count)| (at, count * share)).collect();
        Signal::from_requests(&own, rps)
            .extrapolate(now)
            .with_headroom(scale.headroom)
    });
    [cpu, memory, requests].into_iter().flatten().collect()
}

fn find_overload(scale: &ScalePolicy, load: &Load, now: Timestamp) -> Option<f64> {
    let (at, percent) = load.cpu.last_key_value()?;
    let is_beyond = scale.follows_cpu() && *percent > f64::from(scale.cpu);
    (is_beyond && is_fresh(*at, now)).then_some(*percent)
}

/// Returns the utilizations that the policy follows and that added tasks did not lower.
fn find_excess(scale: &ScalePolicy, load: &Load, state: &TargetState) -> Vec<Excess> {
    let known = state.scaling.unresponsive.iter();
    let followed = known.filter_map(|known| {
        let (series, target) = match known.metric {
            Utilization::Cpu => (&load.cpu, scale.follows_cpu().then_some(scale.cpu)?),
            Utilization::Memory => (&load.memory, scale.memory?),
        };
        // Late values end nothing.
        let newest = series.values().next_back().copied();
        Some(Excess {
            known: *known,
            percent: newest.or_else(|| known.after.utilization(known.metric))?,
            target,
            rise: measure_rise(series),
        })
    });
    followed.collect()
}

/// Returns the need of the metric that needs the most tasks. A metric without fresh data is left
/// out: those that are measured still count for scaling out.
fn largest_need(signals: &[Signal], minutes: usize, now: Timestamp) -> Option<Need> {
    signals
        .iter()
        .filter_map(|signal| sustained_need(signal, minutes, now))
        .max_by(|a, b| a.tasks.total_cmp(&b.tasks))
}

/// Returns the smallest need of a signal over its newest `minutes`, or `None` if fewer are fresh.
fn sustained_need(signal: &Signal, minutes: usize, now: Timestamp) -> Option<Need> {
    let fresh: Vec<Minute> = signal
        .smoothed
        .iter()
        .rev()
        .take(minutes)
        .filter(|(at, _)| is_fresh(**at, now))
        .map(|(_, minute)| *minute)
        .collect();
    if fresh.len() < minutes {
        return None;
    }
    let smallest = fresh
        .into_iter()
        .min_by(|a, b| a.tasks.total_cmp(&b.tasks))?;
    Some(Need {
        tasks: smallest.tasks * signal.headroom,
        source: need_source(signal, smallest),
    })
}

fn need_source(signal: &Signal, minute: Minute) -> NeedSource {
    match signal.metric {
        Metric::Requests => {
            let expected = minute.tasks * f64::from(signal.target);
            NeedSource::Requests {
                per_second: minute.value,
                rising_to: (minute.value < expected - PRINTED_PRECISION).then_some(expected),
                per_task: signal.target,
            }
        }
        Metric::Queue => NeedSource::Queue {
            waiting: minute.value,
            latency: signal.target,
        },
        Metric::Cpu | Metric::Memory => NeedSource::Utilization {
            metric: signal.metric,
            percent: minute.value,
            tasks: minute.running,
            target: signal.target,
        },
    }
}

/// Returns the largest peak of all metrics. One metric without enough data makes the peak unknown,
/// since it could be the one that needs the most tasks, unless there are no requests at all.
fn peak_of_all(
    signals: &[Signal],
    has_no_requests: bool,
    now: Timestamp,
) -> Result<f64, MissingData> {
    signals
        .iter()
        .map(|signal| peak_tasks(signal, now))
        .filter(|peak| peak.is_ok() || !has_no_requests)
        .try_fold(0.0_f64, |largest, peak| Ok(largest.max(peak?)))
}

fn peak_tasks(signal: &Signal, now: Timestamp) -> Result<f64, MissingData> {
    let recent = signal.needed.range(now - HISTORY..).count();
    let has_fresh = signal
        .needed
        .last_key_value()
        .is_some_and(|(at, _)| is_fresh(*at, now));
    if !has_fresh || recent < MIN_DATA_MINUTES {
        return Err(MissingData {
            metric: signal.metric,
            minutes: recent,
        });
    }
    let peak = signal.needed.range(now - SCALE_IN_WINDOW..);
    let peak = peak.map(|(_, tasks)| *tasks).fold(0.0, f64::max);
    Ok(peak * signal.headroom)
}
