//! Moves tasks from Spot to on-demand capacity while there is no Spot capacity, and back.

use jiff::SignedDuration;
use lamplighter::Plan;
use lamplighter::model::CapacityShare;
use lamplighter::plan::{Action, HealingAction, SwitchCapacityProvider};

use crate::decision::Decision;
use crate::health::Symptom;
use crate::messages;

const ON_DEMAND: &str = "FARGATE";
/// The time on Spot after which the retry interval is back at one hour. Until then each fallback to
/// on-demand doubles the interval: one hour, two, four, … up to a day.
const SPOT_STABLE_AFTER: SignedDuration = SignedDuration::from_hours(48);
const MAX_RETRY_HOURS: u32 = 24;

/// Reports whether the tasks of a service may move from Spot to on-demand capacity.
#[must_use]
pub fn is_switch_allowed(decision: &Decision<'_>, symptom: &Symptom) -> bool {
    decision.observed.is_on_spot()
        && decision.observed.lacks_capacity(symptom)
        && decision.is_deployed_by_ecs()
        && decision.context.policy.heal.spot_fallback
        && decision.state().health.switched_capacity.is_none()
}

/// Moves tasks from Spot to on-demand capacity if the policy allows it; otherwise notifies about
/// the missing tasks.
#[must_use]
pub fn switch_to_on_demand(decision: &Decision<'_>, symptom: &Symptom) -> Plan {
    let observed = decision.observed;
    let service = &observed.service;
    let healing = decision.current_healing();
    if !is_switch_allowed(decision, symptom) {
        return Plan::notify(messages::missing_tasks_message(symptom, observed, &healing));
    }
    let hours = next_retry_hours(decision);
    let switch = SwitchCapacityProvider {
        service: service.arn.clone(),
        from: service.capacity.clone(),
        to: vec![CapacityShare {
            provider: ON_DEMAND.to_owned(),
            weight: 1,
            base: service.capacity.iter().map(|share| share.base).sum(),
        }],
        restores: false,
        hours,
        shifts: service.shifts_traffic(),
    };
    Plan::single_step(
        Action::Healing(HealingAction::SwitchCapacityProvider(switch)),
        messages::describe_symptom(symptom, observed),
        messages::on_demand_message(symptom, observed, hours, &healing),
    )
}

/// Returns the hours until Spot is retried: twice as many as before if the last return to Spot did
/// not last.
fn next_retry_hours(decision: &Decision<'_>) -> u32 {
    match decision.state().health.back_on_spot {
        Some((at, hours)) if decision.now.duration_since(at) < SPOT_STABLE_AFTER => {
            (hours * 2).clamp(1, MAX_RETRY_HOURS)
        }
        Some(_) | None => 1,
    }
}

/// Moves the tasks back to Spot capacity once the retry interval is over.
#[must_use]
pub fn return_to_spot(decision: &Decision<'_>) -> Option<Plan> {
    let service = &decision.observed.service;
    let moved = decision
        .state()
        .health
        .switched_capacity
        .as_ref()
        .filter(|moved| {
            decision.observed_at.duration_since(moved.at)
                >= SignedDuration::from_hours(moved.hours.into())
        })?;
    let switch = SwitchCapacityProvider {
        service: service.arn.clone(),
        from: moved.to.clone(),
        to: moved.before.clone(),
        restores: true,
        hours: 0,
        shifts: service.shifts_traffic(),
    };
    Some(Plan::single_step(
        Action::Healing(HealingAction::SwitchCapacityProvider(switch)),
        "Spot capacity is tried again",
        messages::spot_retry_message(moved.hours),
    ))
}
