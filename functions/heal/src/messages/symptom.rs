//! Describes the symptom of a service: its impact, its cause and the evidence.

use lamplighter::model::pluralize;
use lamplighter::state::HealthIncident;

use super::terms::{describe_impact, format_time};
use crate::health::{Failing, Symptom};
use crate::missing_resource::extract_missing_arn;
use crate::observed_service::{ObservedService, OutOfMemory, shorten_reason};
use lamplighter::release::stopped_task::StopCause;

/// Describes the cause as a noun phrase: `crash loop (exit 1)`.
#[must_use]
pub fn describe_cause(symptom: &Symptom, observed: &ObservedService) -> String {
    match symptom {
        Symptom::Failing(failing) => describe_failure_cause(failing),
        Symptom::Unhealthy(_) => "load balancer health checks failing".to_owned(),
        Symptom::MissingTasks if observed.lacks_capacity(symptom) => "no capacity".to_owned(),
        Symptom::MissingTasks if observed.explaining_event().is_some() => {
            "tasks can't start".to_owned()
        }
        Symptom::MissingTasks => "cause unknown".to_owned(),
    }
}

fn describe_failure_cause(failing: &Failing) -> String {
    match failing.cause {
        StopCause::OutOfMemory => "out of memory".to_owned(),
        // One failure is no loop. It is a symptom only because nothing replaced the task.
        StopCause::Exit if failing.total < 2 => format!("task crashed{}", describe_exit(failing)),
        StopCause::Exit => format!("crash loop{}", describe_exit(failing)),
        StopCause::HealthCheck => "health checks failing".to_owned(),
        StopCause::Image => "image pull failed".to_owned(),
        StopCause::Setup => "required resource missing".to_owned(),
        StopCause::Start => "tasks can't start".to_owned(),
        StopCause::Capacity => "no capacity".to_owned(),
        StopCause::Spot | StopCause::Host | StopCause::Routine | StopCause::Unknown => {
            "tasks stop unexpectedly".to_owned()
        }
    }
}

fn describe_exit(failing: &Failing) -> String {
    failing
        .exit_code
        .map(|code| format!(" (exit {code})"))
        .unwrap_or_default()
}

/// Describes impact and cause, for the reason of a plan: `1/3 tasks running - out of memory`.
#[must_use]
pub fn describe_symptom(symptom: &Symptom, observed: &ObservedService) -> String {
    let running = describe_impact(observed);
    match symptom {
        Symptom::Unhealthy(unhealthy) => format!("{running}, {} unhealthy", unhealthy.targets),
        Symptom::Failing(_) | Symptom::MissingTasks => {
            format!("{running} - {}", describe_cause(symptom, observed))
        }
    }
}

/// Describes impact, time and cause, for a title: `1/3 tasks running since 02:48 UTC - out of memory`.
#[must_use]
pub fn summarize_symptom(
    symptom: &Symptom,
    observed: &ObservedService,
    healing: &HealthIncident,
) -> String {
    let running = describe_impact(observed);
    let outage_start = observed.serving.none_since.filter(|_| observed.is_outage());
    let since = match (outage_start, symptom) {
        (Some(since), _) => since,
        (None, Symptom::Failing(failing)) => failing.start_time(healing.since),
        (None, Symptom::Unhealthy(_) | Symptom::MissingTasks) => healing.since,
    };
    let since = format_time(since);
    let cause = describe_cause(symptom, observed);
    match symptom {
        Symptom::Unhealthy(unhealthy) => {
            format!("{running}, {} unhealthy since {since}", unhealthy.targets)
        }
        Symptom::Failing(_) | Symptom::MissingTasks
            if observed.service.count_missing_tasks() > 0 || observed.is_outage() =>
        {
            format!("{running} since {since} - {cause}")
        }
        // If no task is missing now, only the failures have lasted since then.
        Symptom::Failing(_) | Symptom::MissingTasks => {
            format!("{running} - {cause} since {since}")
        }
    }
}

/// Explains the symptom in sentences, with evidence.
#[must_use]
pub fn explain_symptom(symptom: &Symptom, observed: &ObservedService) -> String {
    match symptom {
        Symptom::Failing(failing) => {
            let memory = observed
                .out_of_memory
                .as_ref()
                .filter(|_| failing.cause == StopCause::OutOfMemory)
                .map(|memory| format!(" {}", describe_memory_kill(memory)))
                .unwrap_or_default();
            format!(
                "{}{memory}{}",
                describe_failures(failing),
                observed.evidence.render_text()
            )
        }
        Symptom::Unhealthy(unhealthy) => format!(
            "The load balancer's health checks fail: {}.",
            shorten_reason(&unhealthy.reason)
        ),
        Symptom::MissingTasks => match (observed.explaining_event(), &observed.service_events) {
            (Some(event), _) => format!("ECS reports: {event}."),
            (None, Some(_)) => {
                "No task failed, and ECS does not report why tasks are missing.".to_owned()
            }
            (None, None) => "No task failed.".to_owned(),
        },
    }
}

/// Explains the failures: how many, where, and what ECS reports.
#[must_use]
pub fn describe_failures(failing: &Failing) -> String {
    let others = if failing.total == failing.count {
        String::new()
    } else {
        format!(" ({} including other causes)", failing.total)
    };
    let container = failing
        .container
        .as_ref()
        .map(|name| format!(" in container {name}"))
        .unwrap_or_default();
    format!(
        "{} failed within {} min{others}{container}. ECS reports: {}.",
        pluralize(failing.count, "task"),
        failing.within.as_mins(),
        shorten_reason(&failing.reason)
    )
}

/// Explains an out-of-memory kill, with the memory limit and the peak utilization.
#[must_use]
pub fn describe_memory_kill(memory: &OutOfMemory) -> String {
    let limit = memory.limit.map_or_else(
        || "it has no memory limit of its own".to_owned(),
        |mib| format!("its memory limit is {mib} MiB"),
    );
    let peak = memory.peak.map_or_else(
        || "CloudWatch has no memory utilization of the last hour.".to_owned(),
        |peak| format!("The service's peak memory utilization of the last hour is {peak:.0} %."),
    );
    format!(
        "Container {} was killed because it ran out of memory; {limit}. {peak}",
        memory.container
    )
}

/// Names the missing resource and its last CloudTrail change; empty if no operator is needed.
#[must_use]
pub fn describe_missing_resource(symptom: &Symptom, observed: &ObservedService) -> String {
    let Symptom::Failing(failing) = symptom else {
        return String::new();
    };
    if !failing.needs_operator() {
        return String::new();
    }
    let Some(resource) = extract_missing_arn(&failing.reason) else {
        return String::new();
    };
    match &observed.change {
        Some(change) => format!(
            " CloudTrail: {} by {} at {} on {resource}.",
            change.call,
            change.by,
            format_time(change.at)
        ),
        None => format!(" Missing or unreachable: {resource}."),
    }
}
