//! Utilizations that more tasks don't lower: the memory that each task needs whatever it does, a leak, a busy loop.
//!
//! Adding tasks is a trial. The load before the first added task is kept ([`LoadLevel`]) and compared with the load once the tasks
//! have run for some minutes. If there are clearly more tasks, as much load, and the utilization fell by less than a quarter of what
//! the tasks should have brought, it says nothing about how many are needed. What may hide load is never judged: a utilization at
//! its limit, requests that are few, idle tasks without counted requests.

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::{Load, Series, Service};
use lamplighter::state::{
    LoadLevel, Scaling, ScalingState, TargetState, Unresponsive, Utilization,
};

use crate::history::{MINUTE, TaskHistory};
use crate::load_level::{
    Growth, LEVEL, MAX_DELAY, OTHER_LOAD, measure_growth, measure_level, measure_steady,
};
use crate::observed::{IDLE_CPU, Observed};
use crate::requests::count_requests;

/// The time in which added tasks start and warm up.
const TRIAL: SignedDuration = SignedDuration::from_mins(5);
/// The age of a step after which the load before it is no longer read.
const MAX_STEP_AGE: SignedDuration = SignedDuration::from_mins(5);
/// How many times the tasks from before the trial are clearly more.
const MORE_TASKS: f64 = 1.25;
/// The CPU utilization of a minute, in percent, from which more load may wait than it shows.
const CPU_LIMIT: f64 = 90.0;
/// The same of memory.
const MEMORY_LIMIT: f64 = 99.5;
/// The growth of the load that is none.
const SAME_LOAD: f64 = 1.1;
/// The share of the expected fall of a utilization that shows that tasks help.
const RELIEF: f64 = 0.25;
/// The share of a utilization below which it has fallen by itself.
const FALLEN: f64 = 0.9;
/// How many times the CPU it is since: requests became more expensive.
const RISEN: f64 = 1.1;
/// The minutes before a sudden surge in which the load before it is looked for.
const SEARCH_MINUTES: i32 = 8;

/// Keeps the load before tasks were added, and which utilizations they did not lower.
pub fn learn(state: &mut TargetState, observed: &Observed, now: Timestamp) {
    let Some(service) = &observed.service else {
        return;
    };
    let history = TaskHistory::new(&observed.load.tasks, service, state);
    let present = measure_level(&observed.load, |minute| history.tasks_at(minute), now);
    let scaling = &mut state.scaling;
    forget_before(&mut scaling.trial, &mut scaling.unresponsive, service);
    if service.has_rollout_in_progress() || service.desired_count <= 0 {
        return;
    }
    if let Some(present) = present {
        let is_other = |trial: &LoadLevel| {
            let growth = measure_growth(trial, &present);
            growth.is_some_and(|growth| !(1.0 / OTHER_LOAD..=OTHER_LOAD).contains(&growth))
        };
        scaling.trial = scaling.trial.filter(|trial| !is_other(trial));
        let known = scaling.unresponsive.len();
        scaling
            .unresponsive
            .retain(|known| !has_ended(known, &present));
        if scaling.unresponsive.len() < known {
            // Only a new step can show whether tasks help now.
            scaling.trial = None;
        }
    }
    begin_trial(scaling, observed, now);
    let (Some(before), Some(after)) = (scaling.trial, present) else {
        return;
    };
    let settled = count_settled(scaling, service, &observed.load);
    if f64::from(settled) < f64::from(before.tasks) * MORE_TASKS {
        return;
    }
    let metrics = [Utilization::Cpu, Utilization::Memory];
    let judged = metrics.map(|metric| (metric, judge(metric, &before, &after, settled)));
    for (metric, effect) in judged {
        let is_known = scaling.unresponsive.iter().any(|u| u.metric == metric);
        if !is_known && effect == Some(Effect::None) {
            scaling.unresponsive.push(Unresponsive {
                metric,
                before,
                after,
            });
        }
    }
    // A trial in which tasks helped is over: what is beyond its target later has another cause.
    let has_helped = |(_, effect): &(Utilization, Option<Effect>)| *effect == Some(Effect::Relief);
    if judged.iter().any(has_helped) {
        scaling.trial = None;
    }
}

/// Keeps the load before the newest tasks were added, as long as it can be read.
fn begin_trial(scaling: &mut ScalingState, observed: &Observed, now: Timestamp) {
    if scaling.surge.is_none() {
        (scaling.calm, scaling.trial) = (None, None);
    }
    let newest = scaling.scalings.last();
    let step =
        newest.filter(|step| step.to > step.from && now.duration_since(step.at) < MAX_STEP_AGE);
    if let (None, Some(step)) = (scaling.trial, step) {
        scaling.trial = measure_steady(&observed.load, step.from, step.at);
        scaling.calm = scaling.calm.or_else(|| find_calm(&observed.load, *step));
    }
}

/// Returns the load before a step. Right before a sudden surge it was none that lasted: then some minutes earlier.
fn find_calm(load: &Load, step: Scaling) -> Option<LoadLevel> {
    (0..=SEARCH_MINUTES).find_map(|n| measure_steady(load, step.from, step.at - MINUTE * n))
}

/// Returns the tasks that ran long enough before the minutes that are measured, and in all of them.
fn count_settled(scaling: &ScalingState, service: &Service, load: &Load) -> u32 {
    let Some((newest, _)) = load.cpu.last_key_value() else {
        return 0;
    };
    let first = *newest - LEVEL + MINUTE;
    let mut recent = scaling.scalings.iter();
    let recent = recent.find(|step| first.duration_since(step.at) < TRIAL);
    let desired = service.desired_count.unsigned_abs();
    let before = recent.map_or(desired, |step| step.from.min(desired));
    let reported = load.tasks.range(first..).map(|(_, values)| *values);
    let least = reported.fold(f64::INFINITY, f64::min);
    if least < f64::from(before) {
        // Some don't run yet.
        return 0;
    }
    before.min(service.running_count.unsigned_abs())
}

/// Forgets what was learned of an older revision.
fn forget_before(
    trial: &mut Option<LoadLevel>,
    unresponsive: &mut Vec<Unresponsive>,
    service: &Service,
) {
    let is_older = |level: &LoadLevel| service.was_deployed_since(level.at);
    *trial = trial.filter(|trial| !is_older(trial));
    unresponsive.retain(|known| !is_older(&known.after));
}

/// The effect of added tasks on a utilization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    Relief,
    None,
}

/// Judges what tasks that have settled did to a utilization; `None` if the load is another one, or is hidden.
fn judge(
    metric: Utilization,
    before: &LoadLevel,
    after: &LoadLevel,
    settled: u32,
) -> Option<Effect> {
    // CPU says nothing about itself.
    if metric == Utilization::Cpu && (before.requests.is_none() || after.requests.is_none()) {
        return None;
    }
    let (had, has) = (before.utilization(metric)?, after.utilization(metric)?);
    let ratio = f64::from(settled) / f64::from(before.tasks.max(1));
    let expected_fall = had * (1.0 - 1.0 / ratio);
    if had - has >= expected_fall * RELIEF {
        return Some(Effect::Relief);
    }
    let limit = match metric {
        Utilization::Cpu => CPU_LIMIT,
        Utilization::Memory => MEMORY_LIMIT,
    };
    let highest = before.highest(metric)?.max(after.highest(metric)?);
    let is_same = measure_growth(before, after)? <= SAME_LOAD;
    (is_same && highest < limit).then_some(Effect::None)
}

/// Reports whether a utilization fell by itself, CPU rose, or the load grew: tasks may help again. Memory that rises is a leak.
fn has_ended(known: &Unresponsive, present: &LoadLevel) -> bool {
    let had = known.after.utilization(known.metric).unwrap_or_default();
    let has = present.utilization(known.metric);
    let has_fallen = has.is_some_and(|has| has < had * FALLEN);
    let has_risen = has.is_some_and(|has| match known.metric {
        Utilization::Cpu => has > had * RISEN || has >= CPU_LIMIT,
        Utilization::Memory => false,
    });
    let has_grown = measure_growth(&known.after, present).is_some_and(|growth| growth > OTHER_LOAD);
    has_fallen || has_risen || has_grown
}

/// Reports whether a utilization was at its limit, so that more load may wait than it shows.
fn hides_load(level: &LoadLevel) -> bool {
    level.highest_cpu >= Some(CPU_LIMIT) || level.highest_memory >= Some(MEMORY_LIMIT)
}

/// The utilizations that added tasks did not lower, and the load of each minute beside them.
pub struct Unresponsives<'a> {
    known: &'a [Unresponsive],
    /// Whether added tasks are still to be measured.
    pub is_on_trial: bool,
    requests: Option<Series>,
    cpu: &'a Series,
    history: &'a TaskHistory<'a>,
}

impl<'a> Unresponsives<'a> {
    pub fn new(load: &'a Load, history: &'a TaskHistory<'a>, now: Timestamp) -> Self {
        let scaling = &history.state.scaling;
        let steps = scaling.scalings.iter();
        let has_new_step = steps
            .filter(|step| step.to > step.from)
            .any(|step| now.duration_since(step.at) < TRIAL * 2);
        let present = measure_level(load, |minute| history.tasks_at(minute), now);
        let growth = scaling.trial.zip(present);
        let growth = growth.and_then(|(trial, present)| measure_growth(&trial, &present));
        Self {
            known: &scaling.unresponsive,
            is_on_trial: has_new_step
                && present.is_some_and(|present| !hides_load(&present))
                && growth.is_some_and(|growth| growth <= OTHER_LOAD),
            requests: count_requests(load),
            cpu: &load.cpu,
            history,
        }
    }

    /// Returns the tasks beyond which a utilization asks for no more in a minute. `None` without a limit.
    pub fn limit_at(&self, metric: Utilization, minute: Timestamp) -> Option<f64> {
        let limits = [
            self.limit_of_idle(metric, minute),
            self.limit_by_trial(metric, minute),
        ];
        limits.into_iter().flatten().reduce(f64::min)
    }

    /// Returns zero for the memory of tasks that nobody calls and that do nothing.
    fn limit_of_idle(&self, metric: Utilization, minute: Timestamp) -> Option<f64> {
        let is_idle = self.requests_at(minute)? == 0.0 && *self.cpu.get(&minute)? < IDLE_CPU;
        (is_idle && metric == Utilization::Memory).then_some(0.0)
    }

    /// Returns the tasks that there were when added ones turned out not to lower a utilization, in proportion to the load since.
    /// Load is uneven: a little more of it in one minute is none.
    fn limit_by_trial(&self, metric: Utilization, minute: Timestamp) -> Option<f64> {
        let known = self.known.iter().find(|known| known.metric == metric)?;
        let growth = self.growth_at(&known.after, minute);
        let growth = growth.filter(|growth| !(1.0..=OTHER_LOAD).contains(growth));
        Some(f64::from(known.after.tasks) * growth.unwrap_or(1.0))
    }

    /// Returns the tasks from before the surge, if a minute had no more load than they, and their memory was not beyond the target:
    /// what more tasks use each is no load. It keeps no tasks, and stops none from being added.
    pub fn limit_by_calm(&self, target: u32, minute: Timestamp) -> Option<f64> {
        let calm = self.history.state.scaling.calm?;
        let sufficed = calm.highest_memory? <= f64::from(target);
        let growth = self.growth_at(&calm, minute)?;
        (sufficed && growth <= SAME_LOAD).then(|| f64::from(calm.tasks))
    }

    /// Returns how many times an earlier load there was in a minute; zero without any request.
    fn growth_at(&self, before: &LoadLevel, minute: Timestamp) -> Option<f64> {
        let requests = match &self.requests {
            Some(_) => Some(self.requests_at(minute)?),
            None => None,
        };
        if requests == Some(0.0) {
            return Some(0.0);
        }
        let tasks = self.history.tasks_at(minute);
        let used = self.cpu.get(&minute)? * tasks;
        let growth = Growth {
            requests: before.requests.zip(requests),
            used: (before.used_cpu?, used),
            cpu: used / tasks.max(1.0),
        };
        growth.measure()
    }

    /// Returns the requests of a minute. Those of the newest minutes may arrive later than CPU: then those before count.
    fn requests_at(&self, minute: Timestamp) -> Option<f64> {
        let requests = self.requests.as_ref()?.range(minute - MAX_DELAY..=minute);
        requests.last().map(|(_, requests)| *requests)
    }
}
