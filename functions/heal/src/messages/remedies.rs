//! Messages about what Lamplighter did to heal a service.

use lamplighter::model::{TaskSizes, pluralize};
use lamplighter::notify::Message;
use lamplighter::state::HealthIncident;

use super::symptom::{describe_failures, describe_memory_kill, explain_symptom, summarize_symptom};
use super::terms::{count_tasks, describe_running_tasks, message_by_impact, revision_name};
use crate::health::Symptom;
use crate::observed_service::{ObservedService, OutOfMemory, PossibleRollback};
use crate::timing::HEALTHY_PERIOD;

/// A step of the healing ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    ReplaceTask,
    RestartTasks,
}

impl Remedy {
    /// Names the result, for a title.
    fn result(self) -> &'static str {
        match self {
            Self::ReplaceTask => "1 task replaced",
            Self::RestartTasks => "tasks restarted",
        }
    }

    /// Describes what Lamplighter did.
    fn describe(self) -> &'static str {
        match self {
            Self::ReplaceTask => "stopped the longest-running unhealthy task, which ECS replaces",
            Self::RestartTasks => "restarted the tasks by a new deployment",
        }
    }
}

pub fn step_message(
    symptom: &Symptom,
    observed: &ObservedService,
    remedy: Remedy,
    (step, steps): (u32, u32),
    healing: &HealthIncident,
) -> Message {
    let summary = summarize_symptom(symptom, observed, healing);
    message_by_impact(format!("{summary}, {}", remedy.result()), observed)
        .action(format!(
            "Lamplighter {} (step {step} of {steps}).",
            remedy.describe()
        ))
        .why(explain_symptom(symptom, observed))
        .next(if observed.is_outage() {
            "Read the logs of the failed tasks. If no step helps, Lamplighter escalates."
        } else {
            "Nothing to do. If no step helps, Lamplighter escalates."
        })
        .fires_until_resolved(healing.step_key(observed.at))
}

pub fn rollback_message(
    symptom: &Symptom,
    observed: &ObservedService,
    rollback: &PossibleRollback,
    healing: &HealthIncident,
) -> Message {
    let summary = summarize_symptom(symptom, observed, healing);
    let failing = revision_name(&observed.service.task_definition);
    message_by_impact(format!("{summary}, rolled back"), observed)
        .action(format!(
            "Lamplighter rolled the service back to {} ({}) and quarantined the image of {failing}.",
            rollback.target.version,
            revision_name(&rollback.target.revision)
        ))
        .why(format!(
            "The failures started with {failing}; the previous revision was healthy. {}",
            explain_symptom(symptom, observed)
        ))
        .next("Push a fixed image. The quarantined image is not deployed again.")
        .fires_until_resolved(healing.step_key(observed.at))
}

pub fn memory_increase_message(
    symptom: &Symptom,
    memory: &OutOfMemory,
    sizes: &TaskSizes,
    observed: &ObservedService,
    healing: &HealthIncident,
) -> Message {
    let summary = summarize_symptom(symptom, observed, healing);
    message_by_impact(format!("{summary}, memory increased"), observed)
        .action(format!(
            "Lamplighter deployed a copy of {} with more memory: {sizes}.",
            revision_name(&observed.service.task_definition)
        ))
        .why(describe_memory_kill(memory))
        .next(
            "Set the new size in your own template too, or fix the memory leak. Lamplighter increases the memory \
             only once per release.",
        )
        .fires_until_resolved(healing.step_key(observed.at))
}

/// Builds the message about an isolated out-of-memory kill, from which ECS recovered the service.
pub fn out_of_memory_message(memory: &OutOfMemory, observed: &ObservedService) -> Message {
    Message::warning(format!(
        "{} - container {} ran out of memory",
        describe_running_tasks(&observed.service),
        memory.container
    ))
    .why(format!(
        "{} ECS replaced the task.",
        describe_memory_kill(memory)
    ))
    .next(
        "Give the container more memory. The tag lamplighter:heal = on memory=+25 lets Lamplighter do it once per \
         release.",
    )
    .deduplicated_by(observed.out_of_memory_key().unwrap_or_default())
}

pub fn park_message(
    symptom: &Symptom,
    observed: &ObservedService,
    to: u32,
    healing: &HealthIncident,
) -> Message {
    let summary = summarize_symptom(symptom, observed, healing);
    Message::critical(format!("{summary}, parked at {}", count_tasks(to)))
        .action(format!(
            "Lamplighter reduced the desired count (crash=park) and restores it after {} healthy minutes or as soon as the service \
             runs another revision.",
            HEALTHY_PERIOD.as_mins()
        ))
        .why(explain_symptom(symptom, observed))
        .next("Push a working release, or roll the service back by hand.")
        .fires_until_resolved(healing.escalation_key())
}

pub fn on_demand_message(
    symptom: &Symptom,
    observed: &ObservedService,
    retry_hours: u32,
    healing: &HealthIncident,
) -> Message {
    let summary = summarize_symptom(symptom, observed, healing);
    let why = match symptom {
        Symptom::Failing(failing) => describe_failures(failing),
        Symptom::Unhealthy(_) | Symptom::MissingTasks => explain_symptom(symptom, observed),
    };
    message_by_impact(format!("{summary}, moved to on-demand"), observed)
        .action(format!(
            "Lamplighter moved the tasks from Spot to on-demand capacity and retries Spot after {}.",
            pluralize(retry_hours as usize, "hour")
        ))
        .why(why)
        .next("Nothing to do. The tag says spot-fallback=yes; on-demand capacity costs more.")
        .fires_until_resolved(healing.step_key(observed.at))
}

pub fn spot_retry_message(hours: u32) -> Message {
    Message::info(format!(
        "moved back to Spot capacity after {} on-demand",
        pluralize(hours as usize, "hour")
    ))
    .action("Lamplighter moved the tasks back to Spot capacity.")
    .why("Spot capacity was unavailable, and its retry was due.")
    .next("Nothing to do. If there is still no Spot capacity, Lamplighter moves the tasks to on-demand again.")
}
