//! Parks a service in a crash loop at its minimum number of tasks, and restores its desired count.

use lamplighter::Plan;
use lamplighter::plan::{Action, HealingAction, ParkService};

use crate::decision::Decision;
use crate::health::Symptom;
use crate::messages;
use crate::timing::HEALTHY_PERIOD;

/// Parks a service. Returns `None` if it can't be parked.
#[must_use]
pub fn park_service(decision: &Decision<'_>, symptom: &Symptom) -> Option<Plan> {
    let observed = decision.observed;
    let service = &observed.service;
    let from = service.desired_count.unsigned_abs();
    let to = decision.context.policy.min_tasks.max(1);
    // A DAEMON service runs one task per instance and has no desired count to reduce.
    if from <= to || service.scheduling_strategy != "REPLICA" {
        return None;
    }
    let park = ParkService {
        service: service.arn.clone(),
        from,
        to,
        revision: service.task_definition.clone(),
        restores: false,
    };
    Some(Plan::single_step(
        Action::Healing(HealingAction::ParkService(park)),
        messages::describe_symptom(symptom, observed),
        messages::park_message(symptom, observed, to, &decision.current_healing()),
    ))
}

/// Restores the desired count of a parked service once the crash loop is over.
#[must_use]
pub fn unpark_service(decision: &Decision<'_>) -> Option<Plan> {
    let service = &decision.observed.service;
    let parked = decision.state().health.parked.as_ref()?;
    // A new revision gets its tasks at once: nothing says that it crashes too.
    let is_over = parked.revision != service.task_definition
        || decision
            .state()
            .healthy_duration(decision.observed_at)
            .is_some_and(|healthy_for| healthy_for >= HEALTHY_PERIOD);
    if !is_over {
        return None;
    }
    let park = ParkService {
        service: service.arn.clone(),
        from: parked.to,
        to: parked.before,
        revision: service.task_definition.clone(),
        restores: true,
    };
    let message = messages::unpark_message(parked);
    Some(Plan::single_step(
        Action::Healing(HealingAction::ParkService(park)),
        message.title.clone(),
        message,
    ))
}
