//! The healing steps of a service: roll back, increase the memory, replace a task, restart all
//! tasks, and escalate.

use std::collections::BTreeMap;

use lamplighter::Plan;
use lamplighter::plan::{
    Action, HealingAction, IncreaseMemory, RecordResult, ReleaseAction, ReleaseResult, ReplaceTask,
    RestartTasks, Rollback,
};
use lamplighter::policy::{BASE, OnCrashLoop};

use crate::decision::Decision;
use crate::health::{Failing, Symptom, Unhealthy};
use crate::messages::{self, Remedy};
use crate::parking;
use lamplighter::release::stopped_task::StopCause;

/// Rolls the service back if its failures started with the running revision.
#[must_use]
pub fn roll_back(decision: &Decision<'_>, symptom: &Symptom) -> Option<Plan> {
    let observed = decision.observed;
    let target = observed
        .rollback_target
        .as_ref()
        .filter(|_| decision.is_deployed_by_ecs())?;
    let cause = messages::describe_cause(symptom, observed);
    let rollback = Rollback {
        service: observed.service.arn.clone(),
        to: target.target.revision.clone(),
        to_digest: target.target.digest.clone(),
        stop: None,
        code_deploy: None,
        digest: target.digest.clone(),
        tag: target.tag.clone(),
        reason: format!(
            "{cause}; rolled back on {}",
            decision.now.strftime("%F %H:%M UTC")
        ),
        environment: None,
        candidates_after: decision.context.state.rollout_start(&target.digest),
        request: None,
        skips: observed.service.strategy_to_skip(),
    };
    Some(Plan::single_step(
        Action::Release(ReleaseAction::Rollback(rollback)),
        messages::describe_symptom(symptom, observed),
        messages::rollback_message(symptom, observed, target, &decision.current_healing()),
    ))
}

/// Increases the memory after an out-of-memory kill, once per release.
#[must_use]
pub fn increase_memory(
    decision: &Decision<'_>,
    symptom: &Symptom,
    failing: &Failing,
) -> Option<Plan> {
    let observed = decision.observed;
    let memory = observed
        .out_of_memory
        .as_ref()
        .filter(|_| failing.cause == StopCause::OutOfMemory && decision.is_deployed_by_ecs())?;
    if has_increased_memory(decision) {
        return None;
    }
    let sizes = memory.larger.clone()?;
    let service = &observed.service;
    let base = service.task_definition.clone();
    let family_and_revision = base.rsplit('/').next().unwrap_or_default().to_owned();
    let healing = decision.current_healing();
    let message = messages::memory_increase_message(symptom, memory, &sizes, observed, &healing);
    let increase = IncreaseMemory {
        service: service.arn.clone(),
        base,
        sizes,
        tags: BTreeMap::from([(BASE.to_owned(), family_and_revision)]),
        shifts: service.shifts_traffic(),
    };
    Some(Plan::single_step(
        Action::Healing(HealingAction::IncreaseMemory(increase)),
        messages::describe_symptom(symptom, observed),
        message,
    ))
}

/// Reports whether the memory was increased since the last release.
fn has_increased_memory(decision: &Decision<'_>) -> bool {
    let state = decision.state();
    let released_at = state.last_rollout().map(|attempt| attempt.at);
    state
        .health
        .memory_increased_at
        .is_some_and(|at| released_at.is_none_or(|released_at| released_at <= at))
}

/// Plans the next step of the ladder: replace one task, then restart all tasks with exponential
/// back-off, then escalate.
#[must_use]
pub fn take_next_step(decision: &Decision<'_>, symptom: &Symptom) -> Plan {
    let observed = decision.observed;
    let policy = decision.context.policy;
    let healing = decision.current_healing();
    if decision.state().health.parked.is_some() {
        return repeat_escalation(decision, symptom);
    }
    let taken = u32::try_from(healing.steps.len()).unwrap_or(u32::MAX);
    if taken >= policy.heal.steps {
        return escalate_and_reject(decision, symptom);
    }
    match symptom {
        Symptom::Unhealthy(unhealthy) => {
            // A service whose deployment limits leave no room for a rollout would never get new
            // tasks from a restart. Replacing one task needs no room.
            if taken > 0 && observed.service.rollout_deadlock().is_some() {
                escalate(decision, symptom)
            } else if taken == 0 || !decision.is_deployed_by_ecs() {
                replace_task(decision, symptom, unhealthy, taken)
            } else {
                restart_tasks(decision, symptom, taken)
            }
        }
        Symptom::Failing(_) if policy.heal.crash == OnCrashLoop::Park => {
            parking::park_service(decision, symptom).unwrap_or_else(|| escalate(decision, symptom))
        }
        Symptom::Failing(_) | Symptom::MissingTasks => {
            if decision.is_deployed_by_ecs() {
                restart_tasks(decision, symptom, taken)
            } else {
                escalate(decision, symptom)
            }
        }
    }
}

/// Replaces the longest-running unhealthy task.
fn replace_task(
    decision: &Decision<'_>,
    symptom: &Symptom,
    unhealthy: &Unhealthy,
    taken: u32,
) -> Plan {
    let reason = messages::describe_symptom(symptom, decision.observed);
    let Some(task) = unhealthy.tasks.first().cloned() else {
        return Plan::nothing(reason);
    };
    let replace = ReplaceTask {
        service: decision.observed.service.arn.clone(),
        task,
        reason: "lamplighter: its targets are unhealthy".to_owned(),
    };
    Plan::single_step(
        Action::Healing(HealingAction::ReplaceTask(replace)),
        reason,
        step_message(decision, symptom, Remedy::ReplaceTask, taken),
    )
}

/// Restarts all tasks by a new deployment of the same revision.
fn restart_tasks(decision: &Decision<'_>, symptom: &Symptom, taken: u32) -> Plan {
    let service = &decision.observed.service;
    let restart = RestartTasks {
        service: service.arn.clone(),
        since: decision.now,
        shifts: service.shifts_traffic(),
        heals: true,
    };
    Plan::single_step(
        Action::Release(ReleaseAction::RestartTasks(restart)),
        messages::describe_symptom(symptom, decision.observed),
        step_message(decision, symptom, Remedy::RestartTasks, taken),
    )
}

fn step_message(
    decision: &Decision<'_>,
    symptom: &Symptom,
    remedy: Remedy,
    taken: u32,
) -> lamplighter::notify::Message {
    messages::step_message(
        symptom,
        decision.observed,
        remedy,
        (taken + 1, decision.context.policy.heal.steps),
        &decision.current_healing(),
    )
}

/// Repeats, once a day, that people must act. Nothing else is tried until something else is deployed.
#[must_use]
pub fn repeat_escalation(decision: &Decision<'_>, symptom: &Symptom) -> Plan {
    let healing = decision.current_healing();
    match &decision.state().health.parked {
        Some(parked) => Plan::notify(messages::still_parked_message(
            symptom,
            decision.observed,
            parked,
            &healing,
        )),
        None => escalate(decision, symptom),
    }
}

/// Notifies people that Lamplighter can't heal the service.
#[must_use]
pub fn escalate(decision: &Decision<'_>, symptom: &Symptom) -> Plan {
    Plan::notify(messages::escalation_message(
        symptom,
        decision.observed,
        &decision.current_healing(),
        None,
    ))
}

/// Escalates, and rejects the release that no step made healthy.
fn escalate_and_reject(decision: &Decision<'_>, symptom: &Symptom) -> Plan {
    let Some(record) = build_rejection(decision, symptom) else {
        return escalate(decision, symptom);
    };
    let message = messages::escalation_message(
        symptom,
        decision.observed,
        &decision.current_healing(),
        Some(&record.tag),
    );
    let action = Action::Release(ReleaseAction::RecordResult(record));
    Plan {
        messages: vec![message.clone()],
        ..Plan::single_step(action, message.title, None)
    }
}

/// Builds the rejection of the verified release that runs; `None` if there is none, or if it need not be to blame.
fn build_rejection(decision: &Decision<'_>, symptom: &Symptom) -> Option<RecordResult> {
    let blames_image = match symptom {
        Symptom::Failing(failing) => match failing.cause {
            StopCause::OutOfMemory | StopCause::Exit | StopCause::HealthCheck => true,
            StopCause::Image
            | StopCause::Setup
            | StopCause::Start
            | StopCause::Capacity
            | StopCause::Spot
            | StopCause::Host
            | StopCause::Routine
            | StopCause::Unknown => false,
        },
        Symptom::Unhealthy(_) => true,
        Symptom::MissingTasks => false,
    };
    let service = &decision.observed.service;
    let mut verified = decision.state().releases.verified.iter();
    let running = verified.find(|verified| verified.revision == service.task_definition)?;
    let result = ReleaseResult::Rejected {
        reason: format!(
            "no healing step helped until {}",
            decision.now.strftime("%F %H:%M UTC")
        ),
    };
    blames_image.then(|| RecordResult {
        is_escalation: true,
        ..RecordResult::new(&service.arn, &running.digest, &running.tag, result)
    })
}
