//! How many tasks the measured load needs: now, and at most within the last 15 minutes.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::{Load, Series, Service};
use lamplighter::policy::ScalePolicy;
use lamplighter::state::Memory;

use crate::survey::HISTORY;

/// A value older than this says nothing about now. CloudWatch is a minute or two behind.
const FRESH: SignedDuration = SignedDuration::from_mins(5);
/// Minutes with data, of the last 15, from which on a service may be made smaller.
const MINUTES_NEEDED: usize = 10;
/// Minutes that must agree before a need within the tolerance counts.
const LASTING: usize = 3;
/// Minutes in each of which a load must rise to be met ahead.
const RISING: i32 = 3;
/// Minutes from a measurement until the tasks that it asks for serve.
const LEAD: f64 = 1.25;
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// A number of tasks, before it is rounded up, and where it comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Need {
    pub tasks: f64,
    /// `37.2 req/s ÷ 10 per task`
    pub from: String,
}

/// What the load asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Demand {
    /// `None` where nothing fresh was measured.
    pub now: Option<Need>,
    /// What each of the last minutes needed at least, in the same way as `now`.
    pub lasting: Option<Need>,
    /// The largest need of the last 15 minutes; what is missing where that can't be said.
    pub peak: Result<f64, Missing>,
}

/// Data that should be there and is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// `CPU`, `request`, `memory`
    pub what: &'static str,
    /// Minutes with data, of the last 15.
    pub minutes: usize,
}

impl Need {
    /// Whole tasks.
    #[must_use]
    pub fn whole(&self) -> u32 {
        whole(self.tasks)
    }
}

/// The whole number of tasks that carries a need. A hair above a whole number is that number.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to what fits"
)]
pub fn whole(tasks: f64) -> u32 {
    (tasks - 1e-9).ceil().clamp(0.0, f64::from(u32::MAX)) as u32
}

/// What one minute showed.
#[derive(Debug, Clone, Copy)]
struct Minute {
    /// Tasks that its load needs.
    tasks: f64,
    /// Tasks that shared it.
    running: f64,
    /// Requests per second, or per cent of a utilisation.
    value: f64,
}

/// One thing that is measured.
struct Signal {
    what: &'static str,
    /// What each minute shows is needed from now on.
    shown: BTreeMap<Timestamp, Minute>,
    /// Tasks that each minute itself needed.
    needed: Series,
}

impl Demand {
    #[must_use]
    pub fn of(
        scale: &ScalePolicy,
        load: &Load,
        service: &Service,
        memory: &Memory,
        now: Timestamp,
    ) -> Self {
        let history = History {
            load,
            service,
            memory,
            now,
        };
        let mut signals = vec![history.used("CPU", &load.cpu, scale.cpu)];
        if let Some(memory_target) = scale.memory {
            signals.push(history.used("memory", &load.memory, memory_target));
        }
        if let Some(requests) = &load.requests {
            signals.push(requested(requests, scale.rps));
        }
        let most = |minutes: usize| {
            let needs = signals
                .iter()
                .filter_map(|signal| need_of(signal, minutes, scale, &history));
            needs.max_by(|a, b| a.tasks.total_cmp(&b.tasks))
        };
        let peak = signals
            .iter()
            .map(|signal| peak(signal, now))
            .try_fold(0.0_f64, |most, p| Ok(most.max(p?)));
        Self {
            now: most(1),
            lasting: most(LASTING),
            peak,
        }
    }
}

/// What is known of the tasks that carried a load.
struct History<'a> {
    load: &'a Load,
    service: &'a Service,
    memory: &'a Memory,
    now: Timestamp,
}

impl History<'_> {
    /// How many tasks shared the load of a minute: those that reported, but never more than there can have
    /// been then (with 20-second metrics a task reports three times, and a rollout has old and new ones).
    fn tasks_at(&self, minute: Timestamp) -> f64 {
        let most = self.set_at(minute).max(self.set_at(minute - MINUTE));
        self.load
            .tasks
            .get(&minute)
            .map_or(f64::from(self.set_at(minute)), |tasks| {
                tasks.min(f64::from(most))
            })
    }

    /// The count in a minute, by what was changed from here since.
    fn set_at(&self, minute: Timestamp) -> u32 {
        let later = self
            .memory
            .scalings
            .iter()
            .find(|scaling| scaling.at > minute);
        let running = self.service.running_count.unsigned_abs();
        let desired = self.service.desired_count.unsigned_abs();
        let now = if self.service.rollout_in_progress() {
            desired
        } else {
            running.max(desired)
        };
        later.map_or(now, |scaling| scaling.from)
    }

    /// A utilisation as tasks. A single minute's spike, such as the start of a task, is none: of two minutes
    /// the lower counts.
    fn used(&self, what: &'static str, series: &Series, target: u32) -> Signal {
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

/// Requests as tasks. The newest minute of a load balancer may not be counted to its end yet, so of two
/// minutes the higher counts. A load that has risen for three minutes is met where it will be when the tasks
/// that are started now serve.
fn requested(series: &Series, rps: u32) -> Signal {
    let needed: Series = series
        .iter()
        .map(|(m, requests)| (*m, requests / 60.0 / f64::from(rps)))
        .collect();
    let ago = |minute: Timestamp, n: i32| needed.get(&(minute - MINUTE * n)).copied();
    let rise = |minute: Timestamp| {
        let each = (0..RISING).map(|n| Some(ago(minute, n)? - ago(minute, n + 1)?));
        let least = each
            .collect::<Option<Vec<f64>>>()
            .map(|rises| rises.into_iter().fold(f64::INFINITY, f64::min));
        least.filter(|rise| *rise > 0.0).unwrap_or_default()
    };
    let shown = needed.iter().map(|(minute, need)| {
        let higher = ago(*minute, 1).map_or(*need, |before| before.max(*need));
        let tasks = higher + rise(*minute) * LEAD;
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

/// What a signal needed in each of the newest minutes, at least.
fn need_of(
    signal: &Signal,
    minutes: usize,
    scale: &ScalePolicy,
    history: &History<'_>,
) -> Option<Need> {
    let newest = signal.shown.iter().rev().take(minutes);
    let fresh = newest.filter(|(minute, _)| history.now.duration_since(**minute) <= FRESH);
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

fn peak(signal: &Signal, now: Timestamp) -> Result<f64, Missing> {
    let recent: Vec<f64> = signal
        .needed
        .range(now - HISTORY..)
        .map(|(_, tasks)| *tasks)
        .collect();
    let fresh = signal
        .needed
        .last_key_value()
        .is_some_and(|(minute, _)| now.duration_since(*minute) <= FRESH);
    if !fresh || recent.len() < MINUTES_NEEDED {
        return Err(Missing {
            what: signal.what,
            minutes: recent.len(),
        });
    }
    Ok(recent.into_iter().fold(0.0, f64::max))
}
