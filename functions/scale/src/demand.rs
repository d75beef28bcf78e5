//! Number of tasks that the measured load needs: now, and at its peak within the last 15 minutes.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::{Load, Series, Service};
use lamplighter::policy::ScalePolicy;
use lamplighter::state::TargetState;

use crate::observation::HISTORY;

/// Maximum age of a value that describes the present. CloudWatch lags by a minute or two.
const MAX_DATA_AGE: SignedDuration = SignedDuration::from_mins(5);
/// Minutes with data, of the last 15, that scaling in requires.
const MIN_DATA_MINUTES: usize = 10;
/// Consecutive minutes that must agree before a need within the tolerance counts.
const SUSTAINED_MINUTES: usize = 3;
/// Consecutive minutes of rising load before the rise is extrapolated.
const TREND_MINUTES: i32 = 3;
/// Minutes from a measurement until the tasks started because of it serve traffic.
const LEAD_MINUTES: f64 = 1.25;
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// Required number of tasks, before rounding up, with its derivation.
#[derive(Debug, Clone, PartialEq)]
pub struct Need {
    pub tasks: f64,
    /// Derivation as text, such as `37.2 req/s ÷ 10 per task`.
    pub from: String,
}

/// Number of tasks that the load of a service requires.
#[derive(Debug, Clone, PartialEq)]
pub struct Demand {
    /// Need of the newest minute; `None` without fresh data.
    pub now: Option<Need>,
    /// Smallest need of the last minutes, computed like `now`.
    pub sustained: Option<Need>,
    /// Largest need of the last 15 minutes, or the missing data if it can't be computed.
    pub peak: Result<f64, MissingData>,
}

/// Metric with too few values in the last 15 minutes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingData {
    /// Name of the metric: `CPU`, `request` or `memory`.
    pub what: &'static str,
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

/// Rounds a need up to whole tasks. Ignores an excess of up to 1e-9 over a whole number.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to what fits"
)]
pub fn round_up_tasks(tasks: f64) -> u32 {
    (tasks - 1e-9).ceil().clamp(0.0, f64::from(u32::MAX)) as u32
}

/// Measurement of one minute.
#[derive(Debug, Clone, Copy)]
struct Minute {
    /// Tasks that the load of the minute needs.
    tasks: f64,
    /// Tasks that shared the load.
    running: f64,
    /// Requests per second, or utilisation in per cent.
    value: f64,
}

/// One measured metric, converted into tasks per minute.
struct Signal {
    what: &'static str,
    /// Smoothed need by minute, used for scaling out.
    shown: BTreeMap<Timestamp, Minute>,
    /// Need by minute, used for the peak of the last 15 minutes.
    needed: Series,
}

impl Demand {
    #[must_use]
    pub fn from_load(
        scale: &ScalePolicy,
        load: &Load,
        service: &Service,
        memory: &TargetState,
        now: Timestamp,
    ) -> Self {
        let history = History {
            load,
            service,
            memory,
            now,
        };
        let mut signals = vec![history.utilisation_signal("CPU", &load.cpu, scale.cpu)];
        if let Some(memory_target) = scale.memory {
            signals.push(history.utilisation_signal("memory", &load.memory, memory_target));
        }
        if let Some(requests) = &load.requests {
            signals.push(request_signal(requests, scale.rps));
        }
        let most = |minutes: usize| {
            let needs = signals
                .iter()
                .filter_map(|signal| sustained_need(signal, minutes, scale, &history));
            needs.max_by(|a, b| a.tasks.total_cmp(&b.tasks))
        };
        let peak = signals
            .iter()
            .map(|signal| peak_tasks(signal, now))
            .try_fold(0.0_f64, |most, p| Ok(most.max(p?)));
        Self {
            now: most(1),
            sustained: most(SUSTAINED_MINUTES),
            peak,
        }
    }
}

/// Inputs for estimating how many tasks carried the load of a minute.
struct History<'a> {
    load: &'a Load,
    service: &'a Service,
    memory: &'a TargetState,
    now: Timestamp,
}

impl History<'_> {
    /// Returns the number of tasks that shared the load of a minute.
    ///
    /// Counts the tasks that reported, capped at the task count of this minute or the previous one.
    /// Without the cap, 20-second metrics count each task three times. During a rollout, old and
    /// new tasks both report.
    fn tasks_at(&self, minute: Timestamp) -> f64 {
        let most = self.count_at(minute).max(self.count_at(minute - MINUTE));
        self.load
            .tasks
            .get(&minute)
            .map_or(f64::from(self.count_at(minute)), |tasks| {
                tasks.min(f64::from(most))
            })
    }

    /// Returns the task count in a minute, based on the scalings that Lamplighter has executed
    /// since.
    fn count_at(&self, minute: Timestamp) -> u32 {
        let later = self
            .memory
            .scaling
            .scalings
            .iter()
            .find(|scaling| scaling.at > minute);
        let running = self.service.running_count.unsigned_abs();
        let desired = self.service.desired_count.unsigned_abs();
        let now = if self.service.has_rollout_in_progress() {
            desired
        } else {
            running.max(desired)
        };
        later.map_or(now, |scaling| scaling.from)
    }

    /// Converts a utilisation into tasks. Uses the lower of two consecutive minutes, so that a
    /// spike of one minute (such as a task start) is ignored.
    fn utilisation_signal(&self, what: &'static str, series: &Series, target: u32) -> Signal {
        let of = |(minute, value): (&Timestamp, &f64)| {
            let running = self.tasks_at(*minute);
            (
                *minute,
                Minute {
                    tasks: running * value / f64::from(target),
                    running,
                    value: *value,
                },
            )
        };
        let each: BTreeMap<Timestamp, Minute> = series.iter().map(of).collect();
        let lower = |(minute, own): (&Timestamp, &Minute)| {
            let before = each
                .get(&(*minute - MINUTE))
                .filter(|before| before.tasks < own.tasks);
            (*minute, *before.unwrap_or(own))
        };
        let shown: BTreeMap<Timestamp, Minute> = each.iter().map(lower).collect();
        Signal {
            what,
            needed: shown
                .iter()
                .map(|(minute, shown)| (*minute, shown.tasks))
                .collect(),
            shown,
        }
    }
}

/// Converts requests into tasks. Uses the higher of two consecutive minutes, because a load
/// balancer's newest minute may be incomplete.
///
/// If the load has risen for three minutes, the rise is extrapolated to the time when tasks started
/// now serve traffic.
fn request_signal(series: &Series, rps: u32) -> Signal {
    let needed: Series = series
        .iter()
        .map(|(m, requests)| (*m, requests / 60.0 / f64::from(rps)))
        .collect();
    let ago = |minute: Timestamp, n: i32| needed.get(&(minute - MINUTE * n)).copied();
    let rise = |minute: Timestamp| {
        let each = (0..TREND_MINUTES).map(|n| Some(ago(minute, n)? - ago(minute, n + 1)?));
        let least = each
            .collect::<Option<Vec<f64>>>()
            .map(|rises| rises.into_iter().fold(f64::INFINITY, f64::min));
        least.filter(|rise| *rise > 0.0).unwrap_or_default()
    };
    let shown = needed.iter().map(|(minute, need)| {
        let higher = ago(*minute, 1).map_or(*need, |before| before.max(*need));
        let tasks = higher + rise(*minute) * LEAD_MINUTES;
        (
            *minute,
            Minute {
                tasks,
                running: 0.0,
                value: higher * f64::from(rps),
            },
        )
    });
    Signal {
        what: "request",
        shown: shown.collect(),
        needed,
    }
}

/// Returns the smallest need of a signal over its newest `minutes`, or `None` if fewer are fresh.
fn sustained_need(
    signal: &Signal,
    minutes: usize,
    scale: &ScalePolicy,
    history: &History<'_>,
) -> Option<Need> {
    let newest = signal.shown.iter().rev().take(minutes);
    let fresh = newest.filter(|(minute, _)| history.now.duration_since(**minute) <= MAX_DATA_AGE);
    let fresh: Vec<Minute> = fresh.map(|(_, shown)| *shown).collect();
    if fresh.len() < minutes {
        return None;
    }
    let Minute {
        tasks,
        running,
        value,
    } = fresh
        .into_iter()
        .min_by(|a, b| a.tasks.total_cmp(&b.tasks))?;
    let from = if signal.what == "request" {
        let expected = tasks * f64::from(scale.rps);
        let rising = if value < expected - 0.05 {
            format!(", rising to {expected:.1},")
        } else {
            String::new()
        };
        format!("{value:.1} req/s{rising} ÷ {} per task", scale.rps)
    } else {
        let target = if signal.what == "CPU" {
            scale.cpu
        } else {
            scale.memory.unwrap_or(100)
        };
        format!("{running:.0} × {value:.0} % {} ÷ {target} %", signal.what)
    };
    Some(Need { tasks, from })
}

fn peak_tasks(signal: &Signal, now: Timestamp) -> Result<f64, MissingData> {
    let recent: Vec<f64> = signal
        .needed
        .range(now - HISTORY..)
        .map(|(_, tasks)| *tasks)
        .collect();
    let fresh = signal
        .needed
        .last_key_value()
        .is_some_and(|(minute, _)| now.duration_since(*minute) <= MAX_DATA_AGE);
    if !fresh || recent.len() < MIN_DATA_MINUTES {
        return Err(MissingData {
            what: signal.what,
            minutes: recent.len(),
        });
    }
    Ok(recent.into_iter().fold(0.0, f64::max))
}
