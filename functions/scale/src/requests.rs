//! The requests that a service gets: those that nobody reported, and its share of a target group.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::{Load, Series, Service};

use crate::history::{FREQUENT_VALUES, TaskHistory, round_up_tasks};
use crate::observed::{HISTORY, IDLE_CPU, MIN_DATA_MINUTES, is_fresh};

/// The time by which requests may arrive later than CPU utilization.
const REQUEST_LAG: SignedDuration = SignedDuration::from_mins(2);
/// Minutes with requests that are needed to know the share.
const SHARE_MINUTES: usize = 5;
/// Minutes of which the largest share counts at least.
const NEWEST: usize = 3;
/// The share of the targets from which all of them are taken for tasks of the service: some may be starting.
const WHOLE: f64 = 0.8;
/// The values per target that one a minute can't be.
const MORE_VALUES: f64 = 1.25;

/// Returns the requests, with zero where none were reported: a load balancer reports only what there is. A minute counts if another
/// metric of the service was measured in it, which proves that metrics arrive, and is old enough for the requests to have arrived
/// as well. `None` if nothing counts requests.
pub fn count_requests(load: &Load) -> Option<Series> {
    let requests = load.requests.as_ref()?;
    let others = [&load.cpu, &load.memory, &load.tasks].into_iter();
    let measured: BTreeSet<Timestamp> = others.flat_map(|series| series.keys().copied()).collect();
    let Some(newest) = measured.last() else {
        return Some(requests.clone());
    };
    let settled = *newest - REQUEST_LAG;
    let zeros = measured.range(..=settled).map(|at| (*at, 0.0));
    let mut filled: Series = zeros.collect();
    filled.extend(requests.iter().map(|(at, count)| (*at, *count)));
    Some(filled)
}

/// Reports whether a load balancer counted no request in the last 15 minutes. A service without a load balancer is idle, one
/// behind another kind than an application load balancer is not: nothing counts its requests.
pub fn is_idle(service: &Service, load: &Load, now: Timestamp) -> bool {
    let Some(filled) = count_requests(load) else {
        return service.target_groups.is_empty();
    };
    let recent: Vec<f64> = filled
        .range(now - HISTORY..)
        .map(|(_, count)| *count)
        .collect();
    let is_known = filled
        .last_key_value()
        .is_some_and(|(at, _)| is_fresh(*at, now));
    is_known && recent.len() >= MIN_DATA_MINUTES && recent.into_iter().all(|count| count == 0.0)
}

/// Returns the share of the requests of its target groups that the tasks of a service get; 1 unless other targets are registered
/// there, as of a second service. The load balancer divides the requests by all targets, which tells their number.
///
/// Of all minutes the median counts, since tasks that start or stop are not registered in the same minute, or a larger share of the
/// newest minutes. More values than targets are those of 20-second metrics, each of which stands for a third of a task.
pub fn measure_share(load: &Load, history: &TaskHistory<'_>) -> f64 {
    let Some(requests) = &load.requests else {
        return 1.0;
    };
    let shares: Vec<f64> = join(requests, &load.requests_per_target)
        .into_iter()
        .filter(|(_, (requests, per_target))| *requests > 0.0 && *per_target > 0.0)
        .filter_map(|(at, (requests, per_target))| {
            Some(per_target * history.reported_at(at)? / requests)
        })
        .collect();
    if shares.len() < SHARE_MINUTES || history.service.has_rollout_in_progress() {
        return 1.0;
    }
    let newest = shares.iter().rev().take(NEWEST).copied();
    let newest = newest.fold(0.0, f64::max);
    let mut sorted = shares;
    sorted.sort_by(f64::total_cmp);
    let median = sorted.get(sorted.len() / 2).copied().unwrap_or(1.0);
    let values = if median > MORE_VALUES {
        FREQUENT_VALUES
    } else {
        1.0
    };
    let share = median.max(newest) / values;
    if share < WHOLE { share } else { 1.0 }
}

/// Returns the requests per second that one task serves at a CPU utilization in percent, as the last minutes show it; `None` if
/// nothing counts them or the tasks do too little.
pub fn measure_rate(load: &Load, history: &TaskHistory<'_>, target: u32) -> Option<u32> {
    let both = join(load.requests.as_ref()?, &load.cpu);
    let busy = both.into_iter().filter(|(_, (_, cpu))| *cpu >= IDLE_CPU);
    let busy: Vec<(f64, f64)> = busy
        .map(|(at, (requests, cpu))| (requests, cpu * history.tasks_at(at)))
        .collect();
    if busy.len() < SHARE_MINUTES {
        return None;
    }
    let (requests, used) = busy.into_iter().fold((0.0, 0.0), |sum, minute| {
        (sum.0 + minute.0, sum.1 + minute.1)
    });
    let rate = requests * measure_share(load, history) / 60.0 / used * f64::from(target);
    (rate >= 1.0).then(|| round_up_tasks(rate.floor()))
}

fn join(one: &Series, other: &Series) -> BTreeMap<Timestamp, (f64, f64)> {
    let both = one
        .iter()
        .filter_map(|(at, value)| Some((*at, (*value, *other.get(at)?))));
    both.collect()
}
