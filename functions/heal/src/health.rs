//! The health of a service, derived from its tasks and their load balancer targets. Pure: all
//! inputs are arguments.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::{LoadBalancerTarget, Service, Task};
use serde::Serialize;

use crate::stopped_task::{Cause, StoppedTask};

/// Failures within [`CRASH_LOOP_WINDOW`] that make a crash loop, even if tasks run in between: ECS
/// throttles only tasks that never ran.
/// Source:
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-throttle-logic.html>
const CRASH_LOOP_FAILURES: usize = 3;
/// For a large service, a crash loop takes failures of at least one task in this many.
const LARGE_SERVICE_DIVISOR: usize = 10;
const CRASH_LOOP_WINDOW: SignedDuration = SignedDuration::from_mins(10);
/// A crash loop is ongoing while its last failure is younger than this.
const ONGOING_WINDOW: SignedDuration = SignedDuration::from_mins(3);
/// Failures within [`STOPPED_TASK_RETENTION`] that make a slow crash loop.
const SLOW_LOOP_FAILURES: usize = 5;
const STOPPED_TASK_RETENTION: SignedDuration = SignedDuration::from_hours(1);
/// The minimum time that a task gets to pass its load balancer health checks.
const MIN_STARTUP_TIME: SignedDuration = SignedDuration::from_mins(3);
/// ECS waits up to 27 minutes between starts of tasks that never ran.
const THROTTLE_WINDOW: SignedDuration = SignedDuration::from_mins(30);

/// The health of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub enum Health {
    /// All tasks run, and none failed recently.
    Healthy,
    /// All tasks run after recent failures, or a rollout is still starting tasks.
    #[default]
    Recovering,
    Unhealthy(Symptom),
}

/// The symptom of an unhealthy service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Symptom {
    /// Tasks fail.
    Failing(Failing),
    /// Tasks run but fail their load balancer health checks.
    Unhealthy(Unhealthy),
    /// Tasks are missing, and no failure explains it.
    MissingTasks,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failing {
    /// The most frequent cause.
    pub cause: Cause,
    /// Number of tasks that failed with this cause; `total` counts all failed tasks.
    pub count: usize,
    pub total: usize,
    pub within: SignedDuration,
    pub container: Option<String>,
    /// The stop reason that ECS reports for the newest of these tasks.
    pub reason: String,
    /// Time of the first failure of this revision that ECS still lists.
    pub first_failure_at: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unhealthy {
    /// ARNs of the unhealthy tasks, longest-running first.
    pub tasks: Vec<String>,
    /// Number of unhealthy tasks; `total` counts all running tasks.
    pub targets: usize,
    pub total: usize,
    pub reason: String,
}

/// Assesses the health of a service from its stopped tasks, running tasks and targets.
///
/// `ec2` maps each container instance that runs tasks to its EC2 instance. `step` is the time of
/// the last healing step; tasks that started before it are not evidence against it.
#[must_use]
pub fn assess_health(
    service: &Service,
    stops: &[StoppedTask],
    running: &[Task],
    targets: &[LoadBalancerTarget],
    ec2: &BTreeMap<String, String>,
    step: Option<Timestamp>,
    now: Timestamp,
) -> Health {
    let since_step = |at: Option<Timestamp>| step.is_none_or(|step| at.is_none_or(|at| at >= step));
    let own = |stop: &&StoppedTask| stop.is_failure() && stop.revision == service.task_definition;
    let failures = |within: SignedDuration| {
        let recent = move |stop: &&StoppedTask| {
            stop.stopped_at
                .is_none_or(|at| now.duration_since(at) < within)
        };
        stops
            .iter()
            .filter(own)
            .filter(recent)
            .filter(|stop| since_step(stop.started_at.or(stop.stopped_at)))
    };
    // A single burst of failures is no crash loop: a task started after the first failure must fail
    // too.
    let again = |within: SignedDuration| {
        let first = failures(within).filter_map(|stop| stop.stopped_at).min();
        failures(within).any(|stop| {
            stop.started_at
                .is_none_or(|started| first.is_some_and(|first| first < started))
        })
    };
    let recent = failures(CRASH_LOOP_WINDOW).count();
    let part = usize::try_from(service.desired_count)
        .unwrap_or_default()
        .div_ceil(LARGE_SERVICE_DIVISOR);
    let loops = recent >= CRASH_LOOP_FAILURES.max(part)
        && failures(ONGOING_WINDOW).count() > 0
        && again(CRASH_LOOP_WINDOW);
    let slowly = failures(STOPPED_TASK_RETENTION).count() >= SLOW_LOOP_FAILURES.max(part)
        && again(STOPPED_TASK_RETENTION)
        && {
            // The loop is ongoing while the next failure is not overdue: less than twice the mean gap.
            let times = || failures(STOPPED_TASK_RETENTION).filter_map(|stop| stop.stopped_at);
            let (first, last) = (times().min().unwrap_or(now), times().max().unwrap_or(now));
            let gaps = i32::try_from(times().count())
                .unwrap_or(i32::MAX)
                .saturating_sub(1)
                .max(1);
            now.duration_since(last) < last.duration_since(first) * 2 / gaps
        };
    let never_ran = failures(THROTTLE_WINDOW).any(|stop| stop.started_at.is_none());
    // Pending tasks replace the failed ones, so they count as present.
    let is_lost =
        recent > 0 && service.running_count + service.pending_count < service.desired_count;
    if loops || slowly || service.count_missing_tasks() > 0 && (never_ran || is_lost) {
        let within = if loops || !slowly {
            THROTTLE_WINDOW
        } else {
            STOPPED_TASK_RETENTION
        };
        let late: Vec<&StoppedTask> = failures(within).collect();
        return Health::Unhealthy(Symptom::Failing(summarize_failures(
            &late, within, stops, service,
        )));
    }
    let young =
        SignedDuration::from_secs(service.health_check_grace_period.into()).max(MIN_STARTUP_TIME);
    // A restart replaces tasks one by one, so older tasks are still running meanwhile.
    let replaces = service.has_rollout_in_progress();
    let is_grown = |task: &&Task| {
        task.started_at
            .is_none_or(|at| now.duration_since(at) >= young)
    };
    let grown: Vec<&Task> = running
        .iter()
        .filter(is_grown)
        .filter(|task| !replaces || since_step(task.started_at))
        .collect();
    if let Some(unhealthy) = find_unhealthy_tasks(&grown, running.len(), targets, ec2) {
        return Health::Unhealthy(Symptom::Unhealthy(unhealthy));
    }
    match (service.count_missing_tasks(), recent) {
        // A rollout may run fewer tasks for a while.
        (1.., _) if service.has_rollout_in_progress() => Health::Recovering,
        (1.., _) => Health::Unhealthy(Symptom::MissingTasks),
        (_, 0) => Health::Healthy,
        _ => Health::Recovering,
    }
}

fn summarize_failures(
    late: &[&StoppedTask],
    within: SignedDuration,
    all: &[StoppedTask],
    service: &Service,
) -> Failing {
    let mut counts: BTreeMap<Cause, usize> = BTreeMap::new();
    for stop in late {
        *counts.entry(stop.cause).or_default() += 1;
    }
    // On a tie the more specific cause wins, which `Cause` lists first.
    let (cause, count) = counts
        .into_iter()
        .rev()
        .max_by_key(|(_, count)| *count)
        .unwrap_or((Cause::Unknown, 0));
    let newest = late
        .iter()
        .filter(|stop| stop.cause == cause)
        .max_by_key(|stop| stop.stopped_at);
    let own = all
        .iter()
        .filter(|stop| stop.is_failure() && stop.revision == service.task_definition);
    Failing {
        cause,
        count,
        total: late.len(),
        within,
        container: newest.and_then(|stop| stop.container.clone()),
        reason: newest.map(|stop| stop.reason.clone()).unwrap_or_default(),
        first_failure_at: own.filter_map(|stop| stop.stopped_at).min(),
    }
}

/// Returns the running tasks whose targets fail their health checks, if there are any.
fn find_unhealthy_tasks(
    grown: &[&Task],
    of: usize,
    targets: &[LoadBalancerTarget],
    ec2: &BTreeMap<String, String>,
) -> Option<Unhealthy> {
    let bad: Vec<&LoadBalancerTarget> = targets
        .iter()
        .filter(|target| target.is_unhealthy())
        .collect();
    let of_task = |task: &Task, target: &LoadBalancerTarget| {
        if let Some(address) = &task.address {
            return *address == target.id;
        }
        let host = task
            .instance
            .as_ref()
            .and_then(|instance| ec2.get(instance));
        let mut ports = task
            .containers
            .iter()
            .flat_map(|container| &container.ports);
        host == Some(&target.id) && ports.any(|port| *port == target.port)
    };
    let is_bad =
        |task: &&&Task| task.status == "RUNNING" && bad.iter().any(|target| of_task(task, target));
    let mut tasks: Vec<&Task> = grown.iter().filter(is_bad).copied().collect();
    tasks.sort_by_key(|task| (task.started_at, &task.task));
    let first = tasks.first()?;
    let target = bad.iter().find(|target| of_task(first, target));
    let says = target.map(|target| {
        if target.description.is_empty() {
            &target.reason
        } else {
            &target.description
        }
    });
    let says = says.cloned().unwrap_or_default();
    Some(Unhealthy {
        tasks: tasks.iter().map(|task| task.task.clone()).collect(),
        targets: tasks.len(),
        total: of,
        reason: says,
    })
}
