//! Counts the tasks that serve, and tells since when none does.
//!
//! The number of running tasks is not enough: a task that fails its health checks, or that ends seconds after it started,
//! serves nobody.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::{LoadBalancerTarget, Service, Task};
use lamplighter::release::stopped_task::{StopCause, StoppedTask};
use lamplighter::state::{NoneServes, TargetState};
use serde::Serialize;

use crate::assessment::is_target_of_task;

/// The least time without a serving task that is an outage.
const MIN_OUTAGE: SignedDuration = SignedDuration::from_secs(60);
/// The time after which an observation says nothing about now.
const MEMORY: SignedDuration = SignedDuration::from_mins(5);
/// The most that is believed of a measured start-up, so that one slow start doesn't hide an outage. While tasks start and
/// none has been seen to run, as after a night at zero, it is assumed.
const MAX_STARTUP: SignedDuration = SignedDuration::from_mins(10);
/// Events arrive and sweeps run within this time. A stop that is older isn't the beginning of what is seen now.
const OBSERVATION_LAG: SignedDuration = SignedDuration::from_mins(2);

/// States of a load balancer target that has no health checks, or gets no traffic to check.
const UNCHECKED_STATES: [&str; 2] = ["unused", "unavailable"];

/// How much of a service serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Serving {
    /// The number of tasks that serve.
    pub tasks: i32,
    /// The time since which none does.
    pub none_since: Option<Timestamp>,
    /// The time that a new task needs until it serves, by measurement. At least a minute.
    pub startup: SignedDuration,
}

impl Serving {
    /// Assumes that all running tasks serve.
    #[must_use]
    pub fn from_running(service: &Service) -> Self {
        Self {
            tasks: service.running_count,
            none_since: None,
            startup: MIN_OUTAGE,
        }
    }

    /// Reports whether nothing has served for longer than a new task needs to start.
    #[must_use]
    pub fn is_outage(&self, now: Timestamp) -> bool {
        self.none_since
            .is_some_and(|since| now.duration_since(since) >= self.startup)
    }
}

/// Measures the start-up time of a service's tasks: the longest time from creation to running that ECS still knows,
/// and the interval of the load balancer's health checks, one of which must succeed. While a task that runs is within the
/// health check grace period that its owners gave it, it gets that.
#[must_use]
pub fn measure_startup(
    service: &Service,
    stops: &[StoppedTask],
    running: &[Task],
    check_interval: SignedDuration,
    now: Timestamp,
) -> SignedDuration {
    let grace = SignedDuration::from_secs(service.health_check_grace_period.into());
    let is_booting = running
        .iter()
        .filter_map(|task| task.started_at)
        .any(|started| now.duration_since(started) < grace);
    let booting = is_booting.then_some(grace);
    let measured = stops
        .iter()
        .filter_map(|stop| stop.startup)
        .chain(running.iter().filter_map(Task::startup_time))
        .max();
    match measured.max(booting) {
        Some(startup) => (startup.min(MAX_STARTUP) + check_interval).max(MIN_OUTAGE),
        None if service.pending_count > 0 => MAX_STARTUP,
        None => MIN_OUTAGE,
    }
}

/// Returns the time since which no task serves. The first time, the last task that ended by itself tells.
#[must_use]
pub fn find_outage_start(state: &TargetState, stops: &[StoppedTask], now: Timestamp) -> Timestamp {
    if let Some(known) = find_known_outage(state, now) {
        return known.since;
    }
    stops
        .iter()
        .filter(|stop| stop.cause != StopCause::Routine && stop.started_at.is_some())
        .filter_map(|stop| stop.stopped_at)
        .max()
        .map_or(now, |stopped| stopped.clamp(now - OBSERVATION_LAG, now))
}

/// Returns the time without a serving task that the last observation saw. An older one says nothing about now.
fn find_known_outage(state: &TargetState, now: Timestamp) -> Option<NoneServes> {
    let known = state.health.none_serves?;
    (now.duration_since(known.seen_at) < MEMORY).then_some(known)
}

/// Reports whether a service starts for the first time: nobody can miss it yet.
#[must_use]
pub fn is_first_start(
    service: &Service,
    stops: &[StoppedTask],
    state: &TargetState,
    now: Timestamp,
) -> bool {
    let is_starting = service.deployments.is_empty()
        || service.deployments.len() == 1 && service.has_rollout_in_progress();
    is_starting
        && service.running_count == 0
        && stops.iter().all(|stop| stop.started_at.is_none())
        && find_known_outage(state, now).is_none()
}

/// Counts the running tasks that serve.
///
/// A task behind load balancers serves if one of its targets passes its checks. While tasks end soon after they started,
/// a new one must have run for longer than they did.
#[must_use]
pub fn count_serving_tasks(
    running: &[Task],
    targets: &[LoadBalancerTarget],
    ec2: &BTreeMap<String, String>,
    failed: &[StoppedTask],
    now: Timestamp,
) -> i32 {
    let least_age = least_age(failed);
    let serving = running
        .iter()
        .filter(|task| task.status == "RUNNING" && task.stopped_at.is_none())
        .filter(|task| task.health != "UNHEALTHY")
        .filter(|task| is_reached(task, targets, ec2))
        .filter(|task| {
            task.started_at
                .is_none_or(|at| now.duration_since(at) >= least_age)
        })
        .count();
    i32::try_from(serving).unwrap_or(i32::MAX)
}

/// Returns the age from which a task counts: a minute if all failed tasks ended sooner, else none.
fn least_age(failed: &[StoppedTask]) -> SignedDuration {
    let longest = failed.iter().filter_map(StoppedTask::lifetime).max();
    match longest {
        Some(lifetime) if lifetime < MIN_OUTAGE => MIN_OUTAGE,
        Some(_) | None => SignedDuration::ZERO,
    }
}

/// Reports whether requests reach a task: one of its targets passes its checks. Where no target of the service is
/// checked, there is nothing to judge by.
fn is_reached(task: &Task, targets: &[LoadBalancerTarget], ec2: &BTreeMap<String, String>) -> bool {
    let mut own = targets
        .iter()
        .filter(|target| is_target_of_task(task, target, ec2));
    own.any(|target| target.state == "healthy") || !targets.iter().any(is_checked)
}

/// Reports whether a load balancer checks a target.
fn is_checked(target: &LoadBalancerTarget) -> bool {
    !UNCHECKED_STATES.contains(&target.state.as_str())
}
