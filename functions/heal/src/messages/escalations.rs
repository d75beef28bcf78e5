//! Messages about an unhealthy service that Lamplighter does not or can't heal.

use lamplighter::model::{DeploymentController, Service, pluralize};
use lamplighter::notify::Message;
use lamplighter::state::{HealthIncident, Parked};

use super::symptom::{
    describe_cause, describe_failures, describe_missing_resource, explain_symptom,
    summarize_symptom,
};
use super::terms::{describe_running_tasks, format_time};
use crate::health::Symptom;
use crate::observed_service::ObservedService;
use lamplighter::release::stopped_task::StopCause;

/// Builds a message that is critical if no task is running. It then has a key of its own, so that
/// people are notified again if the last running task stops.
fn message_by_running_tasks(title: String, service: &Service, healing: &HealthIncident) -> Message {
    if service.running_count == 0 {
        Message::critical(title).fires_until_resolved(healing.build_subkey("none-runs"))
    } else {
        Message::warning(title).fires_until_resolved(healing.incident_key())
    }
}

/// Builds the message about missing tasks. It is critical if no task is running.
pub fn missing_tasks_message(
    symptom: &Symptom,
    observed: &ObservedService,
    healing: &HealthIncident,
) -> Message {
    let lacks_capacity = observed.lacks_capacity(symptom);
    let why = match symptom {
        Symptom::Failing(failing) if lacks_capacity => describe_failures(failing),
        Symptom::Failing(_) | Symptom::Unhealthy(_) | Symptom::MissingTasks => {
            explain_symptom(symptom, observed)
        }
    };
    let next = if !lacks_capacity {
        "Read the events of the service in the ECS console (link below). A restart does not help."
    } else if observed.is_on_spot() {
        "Add capacity, or subnets in other Availability Zones. Or set the tag lamplighter:heal = on spot-fallback=yes \
         to use on-demand capacity meanwhile."
    } else {
        "Add capacity, or subnets in other Availability Zones. A restart does not help."
    };
    let title = summarize_symptom(symptom, observed, healing);
    message_by_running_tasks(title, &observed.service, healing)
        .action("Lamplighter takes no step; ECS keeps trying to start tasks.")
        .why(why)
        .next(next)
}

pub fn dependency_message(
    symptom: &Symptom,
    observed: &ObservedService,
    healing: &HealthIncident,
) -> Message {
    let verb = if observed.down.len() == 1 {
        "is"
    } else {
        "are"
    };
    Message::critical(format!(
        "{} - {} {verb} down",
        describe_running_tasks(&observed.service),
        observed.down.join(", ")
    ))
    .action("Lamplighter takes no step during the dependency outage, and resumes healing after it.")
    .why(format!(
        "Service and dependency share the tag lamplighter:app. Symptom: {}. {}",
        describe_cause(symptom, observed),
        explain_symptom(symptom, observed)
    ))
    .next("Restore the dependency. A restart or rollback does not help.")
    .fires_until_resolved(healing.build_subkey("down"))
}

pub fn notify_only_message(
    symptom: &Symptom,
    observed: &ObservedService,
    healing: &HealthIncident,
) -> Message {
    let title = summarize_symptom(symptom, observed, healing);
    message_by_running_tasks(title, &observed.service, healing)
        .action("Lamplighter takes no step, because the tag says lamplighter:heal = notify.")
        .why(format!(
            "{}{}",
            explain_symptom(symptom, observed),
            describe_missing_resource(symptom, observed)
        ))
        .next("Fix the cause, or set the tag lamplighter:heal = on to allow healing.")
}

/// Builds the escalation for a service that Lamplighter can't heal. `rejected`: the tag of the release that is rejected.
pub fn escalation_message(
    symptom: &Symptom,
    observed: &ObservedService,
    healing: &HealthIncident,
    rejected: Option<&str>,
) -> Message {
    let summary = summarize_symptom(symptom, observed, healing);
    let rejection = rejected.map_or(String::new(), |tag| {
        format!(" It rejects {tag}, so that no rollback returns to it.")
    });
    let why = format!(
        "{}{}{}",
        explain_symptom(symptom, observed),
        describe_missing_resource(symptom, observed),
        describe_steps(healing)
    );
    let message = match healing.steps.len() {
        0 => Message::critical(summary)
            .action("Lamplighter takes no step; ECS keeps trying to start tasks."),
        steps => Message::critical(format!("{summary}, {} failed", pluralize(steps, "step")))
            .action(format!(
                "Lamplighter takes no further step; ECS keeps trying to start tasks.{rejection}"
            )),
    };
    message
        .why(why)
        .next(advise(symptom, &observed.service))
        .fires_until_resolved(healing.escalation_key())
}

/// Lists the healing steps of an incident on a line of its own; empty if there are none.
fn describe_steps(healing: &HealthIncident) -> String {
    if healing.steps.is_empty() {
        return String::new();
    }
    let steps: Vec<String> = healing
        .steps
        .iter()
        .map(|step| format!("{} {}", format_time(step.at), step.what))
        .collect();
    format!("\nTried: {}.", steps.join("; "))
}

/// Advises what a person can do about a symptom that no step heals.
fn advise(symptom: &Symptom, service: &Service) -> String {
    match symptom {
        Symptom::Failing(failing) if failing.cause == StopCause::Image => {
            "Check that the image is still in its repository, that the execution role may pull it, and that the \
             subnets reach the registry. A restart does not help."
                .to_owned()
        }
        Symptom::Failing(failing) if failing.cause == StopCause::Setup => {
            "Restore the missing resource, or give the execution role and the subnets access to it. A restart does \
             not help."
                .to_owned()
        }
        Symptom::Failing(_) | Symptom::Unhealthy(_) | Symptom::MissingTasks => format!(
            "Read the logs of the failed tasks. Then push a working release, or {}.",
            advise_rollback(service)
        ),
    }
}

/// Advises how to roll a service back by hand. ECS takes a task definition only for the services
/// that it deploys itself.
fn advise_rollback(service: &Service) -> String {
    match (
        &service.deployment_controller,
        service.arn.ecs_cluster_and_name(),
    ) {
        (DeploymentController::Ecs, Some((cluster, name))) => format!(
            "roll back by hand: aws ecs update-service --cluster {cluster} --service {name} --task-definition REVISION"
        ),
        (
            DeploymentController::Ecs
            | DeploymentController::CodeDeploy
            | DeploymentController::External
            | DeploymentController::Other(_),
            _,
        ) => "roll the service back by hand".to_owned(),
    }
}

/// Builds the daily reminder that a service is still parked, first sent a day after parking.
pub fn still_parked_message(
    symptom: &Symptom,
    observed: &ObservedService,
    parked: &Parked,
    healing: &HealthIncident,
) -> Message {
    Message::critical(format!(
        "{}/{} tasks running, parked at {} since {} - {}",
        observed.service.running_count,
        parked.before,
        parked.to,
        parked.at.strftime("%F %H:%M UTC"),
        describe_cause(symptom, observed)
    ))
    .action("Lamplighter takes no further step, and restores the desired count once the service is healthy or runs another revision.")
    .why(explain_symptom(symptom, observed))
    .next("Push a working release, or roll the service back by hand.")
    .fires_until_resolved(healing.escalation_key())
}
