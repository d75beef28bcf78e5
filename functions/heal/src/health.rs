//! How a service is, by its tasks and their targets. Pure: everything it knows is in its arguments.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::{Service, Target, Task};
use serde::Serialize;

use crate::stop::{Cause, Stop};

/// So many failures within [`LOOPS_WITHIN`] are a crash loop, whatever runs between them: ECS throttles only tasks that
/// never ran. Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-throttle-logic.html>
const LOOPS: usize = 3;
/// Of a large service it takes a tenth of its tasks.
const PART: usize = 10;
const LOOPS_WITHIN: SignedDuration = SignedDuration::from_mins(10);
/// A loop goes on: the last failure is no older.
const GOES_ON: SignedDuration = SignedDuration::from_mins(3);
/// So many within the hour that ECS remembers are one as well.
const SLOW_LOOPS: usize = 5;
const REMEMBERED: SignedDuration = SignedDuration::from_hours(1);
/// A task has so long to answer its load balancer at least.
const STARTS: SignedDuration = SignedDuration::from_mins(3);
/// ECS waits up to 27 minutes between starts of tasks that never ran.
const THROTTLED: SignedDuration = SignedDuration::from_mins(30);

/// How a service is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub enum Health {
    /// All tasks run, and none failed for a while.
    Well,
    /// All tasks run, and some have failed.
    #[default]
    Unsettled,
    Unwell(Symptom),
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Symptom {
    /// Its tasks fail.
    Failing(Failing),
    /// Its tasks run, and fail their health checks.
    Unhealthy(Unhealthy),
    /// Tasks are missing, and none has failed.
    Short,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failing {
    /// The most frequent one.
    pub cause: Cause,
    /// Tasks that failed for it, of so many that failed.
    pub count: usize,
    pub of: usize,
    pub within: SignedDuration,
    pub container: Option<String>,
    /// What ECS says of the newest of them.
    pub says: String,
    /// When the first of those that ECS still knows failed.
    pub first: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unhealthy {
    /// ARNs of the tasks, the one that has run longest first.
    pub tasks: Vec<String>,
    /// Unhealthy targets, of so many.
    pub targets: usize,
    pub of: usize,
    pub says: String,
}

/// `ec2`: the EC2 instance of each container instance that tasks run on. `step`: when something was last done; what ran
/// before then says nothing about it.
#[must_use]
pub fn health(
    service: &Service,
    stops: &[Stop],
    running: &[Task],
    targets: &[Target],
    ec2: &BTreeMap<String, String>,
    step: Option<Timestamp>,
    now: Timestamp,
) -> Health {
    let since_step = |at: Option<Timestamp>| step.is_none_or(|step| at.is_none_or(|at| at >= step));
    let own = |stop: &&Stop| stop.is_failure() && stop.revision == service.task_definition;
    let failures = |within: SignedDuration| {
        let recent = move |stop: &&Stop| stop.at.is_none_or(|at| now.duration_since(at) < within);
        stops
            .iter()
            .filter(own)
            .filter(recent)
            .filter(|stop| since_step(stop.started.or(stop.at)))
    };
    // Those that fail at one stroke are no loop: one that began after the first failure fails as well.
    let again = |within: SignedDuration| {
        let first = failures(within).filter_map(|stop| stop.at).min();
        failures(within).any(|stop| {
            stop.started
                .is_none_or(|started| first.is_some_and(|first| first < started))
        })
    };
    let recent = failures(LOOPS_WITHIN).count();
    let part = usize::try_from(service.desired_count)
        .unwrap_or_default()
        .div_ceil(PART);
    let loops = recent >= LOOPS.max(part) && failures(GOES_ON).count() > 0 && again(LOOPS_WITHIN);
    let slowly = failures(REMEMBERED).count() >= SLOW_LOOPS.max(part) && again(REMEMBERED) && {
        // It goes on while the next failure is not overdue.
        let times = || failures(REMEMBERED).filter_map(|stop| stop.at);
        let (first, last) = (times().min().unwrap_or(now), times().max().unwrap_or(now));
        let gaps = i32::try_from(times().count())
            .unwrap_or(i32::MAX)
            .saturating_sub(1)
            .max(1);
        now.duration_since(last) < last.duration_since(first) * 2 / gaps
    };
    let never_ran = failures(THROTTLED).any(|stop| stop.started.is_none());
    // What starts takes their place.
    let is_lost =
        recent > 0 && service.running_count + service.pending_count < service.desired_count;
    if loops || slowly || service.short() > 0 && (never_ran || is_lost) {
        let within = if loops || !slowly {
            THROTTLED
        } else {
            REMEMBERED
        };
        let late: Vec<&Stop> = failures(within).collect();
        return Health::Unwell(Symptom::Failing(failing(&late, within, stops, service)));
    }
    let young = SignedDuration::from_secs(service.health_check_grace_period.into()).max(STARTS);
    // A restart replaces them one after the other.
    let replaces = service.rollout_in_progress();
    let is_grown = |task: &&Task| {
        task.started_at
            .is_none_or(|at| now.duration_since(at) >= young)
    };
    let grown: Vec<&Task> = running
        .iter()
        .filter(is_grown)
        .filter(|task| !replaces || since_step(task.started_at))
        .collect();
    if let Some(unhealthy) = unhealthy(&grown, running.len(), targets, ec2) {
        return Health::Unwell(Symptom::Unhealthy(unhealthy));
    }
    match (service.short(), recent) {
        // A rollout may keep fewer, and takes a while.
        (1.., _) if service.rollout_in_progress() => Health::Unsettled,
        (1.., _) => Health::Unwell(Symptom::Short),
        (_, 0) => Health::Well,
        _ => Health::Unsettled,
    }
}

fn failing(late: &[&Stop], within: SignedDuration, all: &[Stop], service: &Service) -> Failing {
    let mut counts: BTreeMap<Cause, usize> = BTreeMap::new();
    for stop in late {
        *counts.entry(stop.cause).or_default() += 1;
    }
    // Of two that are as frequent the more telling one, which comes first.
    let (cause, count) = counts
        .into_iter()
        .rev()
        .max_by_key(|(_, count)| *count)
        .unwrap_or((Cause::Unknown, 0));
    let newest = late
        .iter()
        .filter(|stop| stop.cause == cause)
        .max_by_key(|stop| stop.at);
    let own = all
        .iter()
        .filter(|stop| stop.is_failure() && stop.revision == service.task_definition);
    Failing {
        cause,
        count,
        of: late.len(),
        within,
        container: newest.and_then(|stop| stop.container.clone()),
        says: newest.map(|stop| stop.says.clone()).unwrap_or_default(),
        first: own.filter_map(|stop| stop.at).min(),
    }
}

/// Tasks that run, and whose targets fail their health checks.
fn unhealthy(
    grown: &[&Task],
    of: usize,
    targets: &[Target],
    ec2: &BTreeMap<String, String>,
) -> Option<Unhealthy> {
    let bad: Vec<&Target> = targets
        .iter()
        .filter(|target| target.is_unhealthy())
        .collect();
    let of_task = |task: &Task, target: &Target| {
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
        of,
        says,
    })
}
