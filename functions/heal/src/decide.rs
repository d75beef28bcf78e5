//! Decides how to heal an unhealthy service, one measured step at a time. Pure: all inputs are
//! arguments.

use jiff::Timestamp;
use lamplighter::Plan;
use lamplighter::engine::TargetContext;
use lamplighter::notify::{Message, Severity};
use lamplighter::plan::{
    Action, CloseIncident, HealingAction, RecordResult, ReleaseAction, ReleaseResult, Step,
};
use lamplighter::policy::HealMode;
use lamplighter::state::{HealthIncident, TargetState};

use crate::decision::Decision;
use crate::health::{Failing, Health, Symptom};
use crate::observed_service::ObservedService;
use crate::policy::Policy;
use crate::timing::{HEALTHY_PERIOD, back_off_until, grace_period_end};
use crate::{capacity, messages, parking, steps};

/// Plans the end of healing for a target: closes its incident, if one was notified.
#[must_use]
pub fn stop_managing(state: &TargetState, why: &str) -> Plan {
    match state
        .notified
        .keys()
        .find(|key| key.starts_with(HealthIncident::KEY_PREFIX))
    {
        Some(key) => Plan::notify(messages::no_longer_managed_message(why, key)),
        None => Plan::nothing(why),
    }
}

/// Decides the next healing step for a service.
#[must_use]
pub fn decide(
    context: TargetContext<'_, Policy>,
    observed: &ObservedService,
    now: Timestamp,
) -> Plan {
    if !observed.is_healable() {
        return stop_managing(context.state, explain_unhealable(observed));
    }
    let decision = Decision {
        context,
        observed,
        now,
        observed_at: observed.at,
    };
    let mut plan = match &observed.health {
        Health::Healthy | Health::Recovering => plan_when_not_unhealthy(&decision),
        Health::Unhealthy(symptom) => plan_when_unhealthy(&decision, symptom),
    };
    plan.messages.extend(announce_outage(&decision, &plan));
    if let Some(memory) = &observed.out_of_memory
        && observed.is_quiet()
    {
        plan.messages
            .push(messages::out_of_memory_message(memory, observed));
    }
    plan
}

fn explain_unhealable(observed: &ObservedService) -> &'static str {
    if observed.heal_mode == HealMode::Off {
        "healing is off"
    } else if observed.service.status == "ACTIVE" {
        "the desired count is 0"
    } else {
        "the service is deleted"
    }
}

/// Builds the first message about an outage, unless the plan has a new critical message of its own. That of a step doesn't
/// count: it is sent only if AWS accepts the step.
fn announce_outage(decision: &Decision<'_>, plan: &Plan) -> Option<Message> {
    let (observed, healing) = (decision.observed, decision.current_healing());
    let notified = &decision.state().notified;
    let is_news = |message: &Message| {
        let is_known = message
            .key
            .as_ref()
            .is_some_and(|key| notified.contains_key(key));
        message.severity == Severity::Critical && !is_known
    };
    if plan.messages.iter().any(is_news) || !observed.is_outage_news(decision.state()) {
        return None;
    }
    let symptom = match &observed.health {
        Health::Unhealthy(symptom) => Some(symptom),
        Health::Healthy | Health::Recovering => None,
    };
    match symptom {
        Some(symptom) if !observed.down.is_empty() => {
            let since = observed.serving.none_since.unwrap_or(decision.observed_at);
            let message = messages::dependency_message(symptom, observed, &healing);
            Some(message.fires_until_resolved(healing.outage_key(since)))
        }
        Some(symptom) => {
            let next = describe_next_step(decision, symptom, plan);
            Some(messages::outage_message(
                Some(symptom),
                observed,
                next.as_deref(),
                &healing,
            ))
        }
        None => Some(messages::outage_message(None, observed, None, &healing)),
    }
}

/// Describes the step that follows, or why it waits; `None` if no step helps.
fn describe_next_step(decision: &Decision<'_>, symptom: &Symptom, plan: &Plan) -> Option<String> {
    if let Some(step) = plan.steps.first() {
        return Some(format!("Next step: {}.", step.action.describe()));
    }
    find_reason_to_wait(decision, symptom)
        .filter(|_| is_step_possible(decision, symptom))
        .map(|reason| format!("Lamplighter takes no step yet: {reason}."))
}

/// Reports whether any step may follow while a symptom lasts.
fn is_step_possible(decision: &Decision<'_>, symptom: &Symptom) -> bool {
    match symptom {
        Symptom::Failing(failing) if failing.needs_operator() => false,
        Symptom::Failing(failing) if failing.is_left_to_ecs() => {
            capacity::is_switch_allowed(decision, symptom)
        }
        Symptom::MissingTasks => capacity::is_switch_allowed(decision, symptom),
        Symptom::Failing(_) | Symptom::Unhealthy(_) => true,
    }
}

/// Plans for a service that is not unhealthy: reverts temporary changes or closes its incident.
fn plan_when_not_unhealthy(decision: &Decision<'_>) -> Plan {
    if let Some(plan) = revert_temporary_changes(decision) {
        return plan;
    }
    let observed = decision.observed;
    let running = messages::describe_running_tasks(&observed.service);
    let state = decision.state();
    let (Some(healing), Some(healthy_for)) = (
        &state.health.incident,
        state.healthy_duration(decision.observed_at),
    ) else {
        return Plan::nothing(running);
    };
    if observed.health != Health::Healthy || healthy_for < HEALTHY_PERIOD {
        return Plan::nothing(format!("{running}, and no step is needed now"));
    }
    close_incident(decision, healing)
}

fn close_incident(decision: &Decision<'_>, healing: &HealthIncident) -> Plan {
    let service = &decision.observed.service;
    let incident_key = healing.incident_key();
    // The first notification about the incident may have been one with a subkey.
    let notified_key = decision
        .state()
        .notified
        .keys()
        .find(|key| key.starts_with(&incident_key))
        .unwrap_or(&incident_key);
    let verified_again = build_verification(decision, healing);
    let tag = verified_again.as_ref().map(|record| record.tag.as_str());
    let message = messages::recovery_message(service, healing, tag, decision.observed_at)
        .resolves(notified_key)
        .clears(&incident_key);
    let reason = message.title.clone();
    let mut plan = Plan::single_step(
        Action::Healing(HealingAction::CloseIncident(CloseIncident {
            service: service.arn.clone(),
        })),
        reason.clone(),
        message,
    );
    // Before the incident is closed, which knows the release.
    let verification = verified_again.map(|record| Step {
        action: Action::Release(ReleaseAction::RecordResult(record)),
        reason,
        message: None,
    });
    plan.steps.splice(0..0, verification);
    plan
}

/// Builds the verification of the release that the incident rejected, if it runs and recovered.
fn build_verification(decision: &Decision<'_>, healing: &HealthIncident) -> Option<RecordResult> {
    let (service, state) = (&decision.observed.service, decision.state());
    let withdrawn = healing.withdrawn.as_ref().filter(|withdrawn| {
        withdrawn.revision == service.task_definition
            && !state.releases.quarantined.contains_key(&withdrawn.digest)
            && !state.is_release_in_progress(decision.observed_at)
    })?;
    let result = ReleaseResult::Verified {
        revision: withdrawn.revision.clone(),
    };
    Some(RecordResult::new(
        &service.arn,
        &withdrawn.digest,
        &withdrawn.tag,
        result,
    ))
}

/// Reverts a temporary change (parked count, capacity provider) once the service is healthy and no
/// release or rollout is in progress.
fn revert_temporary_changes(decision: &Decision<'_>) -> Option<Plan> {
    let is_busy = decision
        .state()
        .is_release_in_progress(decision.observed_at)
        || decision.observed.service.has_rollout_in_progress();
    if is_busy || decision.observed.health != Health::Healthy {
        return None;
    }
    parking::unpark_service(decision).or_else(|| capacity::return_to_spot(decision))
}

/// Plans for an unhealthy service. Each reason to wait comes before each step, and a cause outside
/// the service comes before one inside: a restart would only add load to a dependency that is down.
fn plan_when_unhealthy(decision: &Decision<'_>, symptom: &Symptom) -> Plan {
    if let Some(reason) = find_reason_to_wait(decision, symptom) {
        let symptom = messages::describe_symptom(symptom, decision.observed);
        return Plan::nothing(format!("{symptom}; {reason}"));
    }
    let observed = decision.observed;
    let healing = decision.current_healing();
    if healing.is_escalated {
        return steps::repeat_escalation(decision, symptom);
    }
    if !observed.down.is_empty() {
        return Plan::notify(messages::dependency_message(symptom, observed, &healing));
    }
    if decision.context.policy.heal.mode == HealMode::Notify {
        return Plan::notify(messages::notify_only_message(symptom, observed, &healing));
    }
    match symptom {
        Symptom::Failing(failing) => plan_for_failures(decision, symptom, failing),
        Symptom::MissingTasks => capacity::switch_to_on_demand(decision, symptom),
        Symptom::Unhealthy(_) => steps::take_next_step(decision, symptom),
    }
}

/// Returns why nothing is done about an unhealthy service now, if so.
fn find_reason_to_wait(decision: &Decision<'_>, symptom: &Symptom) -> Option<String> {
    let observed = decision.observed;
    if decision
        .state()
        .is_release_in_progress(decision.observed_at)
    {
        return Some("rollout tracks its release and decides about it".to_owned());
    }
    if let Some(share) = &observed.mass_failure {
        return Some(format!(
            "{share} are unhealthy: the cause is outside the services"
        ));
    }
    if decision.has_foreign_rollout() {
        return Some("a rollout that Lamplighter did not start still has time".to_owned());
    }
    let healing = decision.current_healing();
    if !observed.grace_period_over {
        let until = grace_period_end(&healing, symptom, &observed.service);
        return Some(format!(
            "ECS has until {} to recover it",
            until.strftime("%H:%M:%S UTC")
        ));
    }
    back_off_until(&healing)
        .filter(|until| *until > decision.observed_at)
        .map(|until| {
            format!(
                "the last step has until {} to help",
                until.strftime("%H:%M:%S UTC")
            )
        })
}

/// Plans for failing tasks, from the most specific remedy to the most general one.
fn plan_for_failures(decision: &Decision<'_>, symptom: &Symptom, failing: &Failing) -> Plan {
    if let Some(plan) = steps::roll_back(decision, symptom) {
        return plan;
    }
    if let Some(plan) = steps::increase_memory(decision, symptom, failing) {
        return plan;
    }
    if failing.needs_operator() {
        return steps::escalate(decision, symptom);
    }
    if failing.is_left_to_ecs() {
        return capacity::switch_to_on_demand(decision, symptom);
    }
    steps::take_next_step(decision, symptom)
}
