//! Assesses the health of a service from its tasks and their load balancer targets. Pure: all
//! inputs are arguments.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::{LoadBalancerTarget, Service, Task};

use crate::failures::{Failures, is_since_step};
use crate::health::{Health, Symptom, Unhealthy};
use lamplighter::release::stopped_task::StoppedTask;

/// The minimum time that a task gets to pass its load balancer health checks.
const MIN_STARTUP_TIME: SignedDuration = SignedDuration::from_mins(3);

/// Assesses the health of a service from its stopped tasks, running tasks and targets.
///
/// `ec2` maps each container instance that runs tasks to its EC2 instance. `step` is the time of
/// the last healing step; tasks that started before it are not evidence against it.
///
/// The order matters: failures explain both unhealthy targets and missing tasks, and unhealthy
/// targets explain missing tasks. So the first symptom found is the one closest to the cause.
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
    let failures = Failures::new(service, stops, step, now);
    if let Some(failing) = failures.find_symptom(service) {
        return Health::Unhealthy(Symptom::Failing(failing));
    }
    let assessable: Vec<&Task> = running
        .iter()
        .filter(|task| is_assessable(task, service, step, now))
        .collect();
    if let Some(unhealthy) = find_unhealthy_tasks(&assessable, running.len(), targets, ec2) {
        return Health::Unhealthy(Symptom::Unhealthy(unhealthy));
    }
    let are_tasks_missing = service.count_missing_tasks() > 0;
    if are_tasks_missing && !service.has_rollout_in_progress() {
        Health::Unhealthy(Symptom::MissingTasks)
    } else if are_tasks_missing || failures.has_recent() {
        // A rollout may run fewer tasks for a while.
        Health::Recovering
    } else {
        Health::Healthy
    }
}

/// Reports whether the health checks of a running task say something about the service.
fn is_assessable(task: &Task, service: &Service, step: Option<Timestamp>, now: Timestamp) -> bool {
    let startup_time =
        SignedDuration::from_secs(service.health_check_grace_period.into()).max(MIN_STARTUP_TIME);
    let has_started = task
        .started_at
        .is_none_or(|at| now.duration_since(at) >= startup_time);
    // A restart replaces tasks one by one, so older tasks are still running meanwhile.
    has_started && (!service.has_rollout_in_progress() || is_since_step(task.started_at, step))
}

/// Returns the running tasks whose targets fail their health checks, if there are any.
fn find_unhealthy_tasks(
    assessable: &[&Task],
    total: usize,
    targets: &[LoadBalancerTarget],
    ec2: &BTreeMap<String, String>,
) -> Option<Unhealthy> {
    let mut tasks: Vec<(&Task, &LoadBalancerTarget)> = assessable
        .iter()
        .filter(|task| task.status == "RUNNING")
        .filter_map(|task| Some((*task, find_unhealthy_target(task, targets, ec2)?)))
        .collect();
    tasks.sort_by_key(|(task, _)| (task.started_at, &task.task));
    let (_, target) = tasks.first()?;
    let reason = if target.description.is_empty() {
        &target.reason
    } else {
        &target.description
    };
    Some(Unhealthy {
        tasks: tasks.iter().map(|(task, _)| task.task.clone()).collect(),
        targets: tasks.len(),
        total,
        reason: reason.clone(),
    })
}

/// Returns the first unhealthy target that belongs to a task.
fn find_unhealthy_target<'a>(
    task: &Task,
    targets: &'a [LoadBalancerTarget],
    ec2: &BTreeMap<String, String>,
) -> Option<&'a LoadBalancerTarget> {
    targets
        .iter()
        .filter(|target| target.is_unhealthy())
        .find(|target| is_target_of_task(task, target, ec2))
}

/// Reports whether a target routes to a task: by the address of its own network interface, or else
/// by its EC2 instance and host port.
pub fn is_target_of_task(
    task: &Task,
    target: &LoadBalancerTarget,
    ec2: &BTreeMap<String, String>,
) -> bool {
    if let Some(address) = &task.address {
        return *address == target.id;
    }
    let host = task
        .instance
        .as_ref()
        .and_then(|instance| ec2.get(instance));
    host == Some(&target.id)
        && task
            .containers
            .iter()
            .any(|container| container.ports.contains(&target.port))
}
