//! Messages about an unhealthy service that Lamplighter does not or can't heal.

use lamplighter::model::{DeploymentController, Service, pluralize};
use lamplighter::notify::{Message, Offer};
use lamplighter::policy::HealMode;
use lamplighter::release::stop_reasons::find_reason;
use lamplighter::state::{HealthIncident, Parked};

use super::advice::{advise_about_health_checks, advise_about_memory};
use super::symptom::{
    describe_cause, describe_failures, describe_missing_resource, explain_symptom,
    summarize_symptom,
};
use super::terms::{describe_impact, format_time, message_by_impact};
use crate::health::{Failing, Symptom};
use crate::observed_service::ObservedService;
use lamplighter::release::stopped_task::StopCause;

const NOTIFY_ONLY: &str =
    "Lamplighter takes no step, because the tag says lamplighter:heal = notify.";

/// Builds a message about a service for which no step is taken. It is critical if nothing serves, and then it is the
/// message about the outage, so that people are notified again if the last task stops to serve.
fn no_step_message(title: String, observed: &ObservedService, healing: &HealthIncident) -> Message {
    let key = match observed.serving.none_since.filter(|_| observed.is_outage()) {
        Some(since) => healing.outage_key(since),
        None => healing.no_step_key(),
    };
    message_by_impact(title, observed).fires_until_resolved(key)
}

/// Offers to roll back, if the failures began with a release that something was verified before.
fn offer_rollback(message: Message, observed: &ObservedService) -> Message {
    match &observed.rollback_target {
        Some(possible) => message.offers(Offer::RollBack(possible.digest.clone())),
        None => message,
    }
}

/// Builds the first message about an outage: nothing serves, whatever is being tried.
///
/// `next_step`: the step that follows, or why it waits; `None` if none follows.
pub fn outage_message(
    symptom: Option<&Symptom>,
    observed: &ObservedService,
    next_step: Option<&str>,
    healing: &HealthIncident,
) -> Message {
    let since = observed.serving.none_since.unwrap_or(healing.since);
    let (cause, why) = match symptom {
        Some(symptom) => (
            describe_cause(symptom, observed),
            format!(
                "{}{}",
                explain_symptom(symptom, observed),
                describe_missing_resource(symptom, observed)
            ),
        ),
        None => (
            "rollout in progress".to_owned(),
            "The tasks of the new deployment don't serve yet, and none of the old ones is left."
                .to_owned(),
        ),
    };
    let action = match (observed.heal_mode, next_step) {
        (HealMode::On, Some(next_step)) => next_step.to_owned(),
        (HealMode::On, None) => {
            "Lamplighter takes no step; ECS keeps trying to start tasks.".to_owned()
        }
        (HealMode::Notify | HealMode::Off, _) => NOTIFY_ONLY.to_owned(),
    };
    let title = format!(
        "{} since {} - {cause}",
        describe_impact(observed),
        format_time(since)
    );
    offer_rollback(Message::critical(title), observed)
        .action(action)
        .why(why)
        .next(match symptom {
            Some(symptom) => advise(symptom, observed),
            None => "Look at the rollout in the ECS console (link below).".to_owned(),
        })
        .fires_until_resolved(healing.outage_key(since))
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
    let title = summarize_symptom(symptom, observed, healing);
    no_step_message(title, observed, healing)
        .action("Lamplighter takes no step; ECS keeps trying to start tasks.")
        .why(why)
        .next(advise_about_missing_tasks(symptom, observed))
}

/// Advises about tasks that are missing although ECS wants to run them.
fn advise_about_missing_tasks(symptom: &Symptom, observed: &ObservedService) -> String {
    if observed.lacks_capacity(symptom) && observed.is_on_spot() {
        return "Add capacity, or subnets in other Availability Zones. Or set the tag lamplighter:heal = on spot-fallback=yes \
                to use on-demand capacity meanwhile."
            .to_owned();
    }
    match find_specific_advice(symptom, observed) {
        Some(advice) => without_restart(advice),
        None => "Read the events of the service in the ECS console (link below). A restart does not help.".to_owned(),
    }
}

/// Returns the advice that fits what ECS says about missing tasks.
fn find_specific_advice(symptom: &Symptom, observed: &ObservedService) -> Option<&'static str> {
    let advice = match symptom {
        Symptom::Failing(failing) => failing.advice,
        Symptom::MissingTasks => find_reason(&observed.explaining_event()?)?.advice,
        Symptom::Unhealthy(_) => "",
    };
    Some(advice).filter(|advice| !advice.is_empty())
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
        describe_impact(observed),
        observed.down.join(", ")
    ))
    .action("Lamplighter takes no step during the dependency outage, and resumes healing after it.")
    .why(format!(
        "Service and dependency share the tag lamplighter:app. Symptom: {}. {}",
        describe_cause(symptom, observed),
        explain_symptom(symptom, observed)
    ))
    .next("Restore the dependency. A restart or rollback does not help.")
    .fires_until_resolved(healing.dependency_key())
}

pub fn notify_only_message(
    symptom: &Symptom,
    observed: &ObservedService,
    healing: &HealthIncident,
) -> Message {
    let title = summarize_symptom(symptom, observed, healing);
    offer_rollback(no_step_message(title, observed, healing), observed)
        .action(NOTIFY_ONLY)
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
    offer_rollback(message, observed)
        .why(why)
        .next(advise(symptom, observed))
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
fn advise(symptom: &Symptom, observed: &ObservedService) -> String {
    let specific = match symptom {
        Symptom::Failing(failing) if failing.is_left_to_ecs() => {
            return advise_about_missing_tasks(symptom, observed);
        }
        Symptom::Failing(failing) => advise_about_failures(failing, observed),
        Symptom::Unhealthy(_) => advise_about_health_checks(observed),
        Symptom::MissingTasks => return advise_about_missing_tasks(symptom, observed),
    };
    let is_enough = match symptom {
        Symptom::Failing(failing) => failing.needs_operator() && !specific.is_empty(),
        Symptom::Unhealthy(_) | Symptom::MissingTasks => false,
    };
    if is_enough {
        return without_restart(&specific);
    }
    let general = format!(
        "Read the logs of the failed tasks. Then push a working release, or {}.",
        advise_rollback(&observed.service)
    );
    if specific.is_empty() {
        general
    } else {
        format!("{specific} {general}")
    }
}

/// Advises about failed tasks, with the numbers of this service where they are known.
fn advise_about_failures(failing: &Failing, observed: &ObservedService) -> String {
    match (failing.cause, &observed.out_of_memory) {
        (StopCause::OutOfMemory, Some(memory)) => advise_about_memory(memory),
        (StopCause::HealthCheck, _) if !observed.health_checks.is_empty() => {
            advise_about_health_checks(observed)
        }
        _ => failing.advice.to_owned(),
    }
}

/// Adds that a restart alone doesn't help, unless the advice asks for a deployment after a change.
fn without_restart(advice: &str) -> String {
    if advice.contains("deploy") {
        advice.to_owned()
    } else {
        format!("{advice} A restart does not help.")
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
