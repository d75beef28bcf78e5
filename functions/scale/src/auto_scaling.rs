//! Planning for a service that Application Auto Scaling scales.
//!
//! The desired count is left to Application Auto Scaling. Lamplighter only raises the minimum,
//! within the maximum that is set there, and restores it later.

use lamplighter::Plan;
use lamplighter::model::{ScalableTarget, Service};
use lamplighter::plan::{Action, ScalingAction, SetMinCapacity};
use lamplighter::policy::Autoscaling;

use crate::decide::Decision;
use crate::demand::Need;
use crate::messages;

pub fn decide(case: &Decision<'_>, scalable: &ScalableTarget) -> Plan {
    let count = case.desired_count().max(scalable.min);
    let max = scalable.max.min(case.scale.max);
    let before = case
        .memory
        .scaling
        .raised
        .map_or(scalable.min, |raised| raised.before.min(scalable.min));
    let window = case.floor.window.map_or(0, |_| case.floor.tasks.min(max));
    let out = case.scale_out_target(count, max);
    let short = out.and_then(|(to, need)| {
        if to == max {
            messages::max_tasks_reached(case, max, need)
        } else {
            None
        }
    });
    let mut plan = match out {
        Some((to, need)) if to > scalable.min && to >= window => {
            raise_min_capacity(case, scalable, to, Some((need, max)))
        }
        _ => plan_without_growth(case, scalable, window, before),
    };
    plan.messages.extend(short);
    plan
}

fn plan_without_growth(
    case: &Decision<'_>,
    scalable: &ScalableTarget,
    window: u32,
    before: u32,
) -> Plan {
    if window > scalable.min {
        return raise_min_capacity(case, scalable, window, None);
    }
    if before == scalable.min {
        return Plan::nothing(format!(
            "Application Auto Scaling keeps it from {} to {}",
            scalable.min, scalable.max
        ));
    }
    lower_min_capacity(case, scalable, before.max(window), before)
}

fn raise_min_capacity(
    case: &Decision<'_>,
    scalable: &ScalableTarget,
    to: u32,
    need: Option<(&Need, u32)>,
) -> Plan {
    let why = need.map_or_else(
        || messages::describe_min_tasks(case),
        |(need, max)| messages::describe_scale_out(to, max, need),
    );
    let suspended = match need {
        Some(_) if scalable.scaling_out_suspended => Some("DynamicScalingOutSuspended"),
        None if scalable.scheduled_scaling_suspended => Some("ScheduledScalingSuspended"),
        _ => None,
    };
    if let Some(flag) = suspended {
        return Plan::notify(messages::scaling_suspended(flag, &why));
    }
    if case.scale.autoscaling == Autoscaling::Notify {
        return Plan::notify(messages::min_capacity_unchanged(scalable, to, &why));
    }
    // Only the first raise notifies; the journal records the later ones.
    let message = case
        .memory
        .scaling
        .raised
        .is_none()
        .then(|| messages::min_capacity_raised(scalable, to, &why));
    Plan::single_step(
        build_min_capacity_action(case.service, scalable.min, to, false),
        why,
        message,
    )
}

/// Lowers the minimum to the peak need of the last 15 minutes, but not below its original value.
fn lower_min_capacity(
    case: &Decision<'_>,
    scalable: &ScalableTarget,
    floor_now: u32,
    before: u32,
) -> Plan {
    if scalable.scaling_in_suspended {
        return Plan::nothing("DynamicScalingInSuspended is set: the minimum stays");
    }
    match case.scale_in_target(scalable.min, floor_now) {
        Err(reason) => Plan::nothing(reason),
        Ok(to) => {
            let reason = messages::describe_scale_in(case, to);
            let message =
                (to == before).then(|| messages::min_capacity_restored(scalable, to, &reason));
            Plan::single_step(
                build_min_capacity_action(case.service, scalable.min, to, to == before),
                reason,
                message,
            )
        }
    }
}

/// Restores the original minimum of a service that is no longer scaled by Lamplighter.
pub fn restore_min_capacity(service: &Service, scalable: &ScalableTarget, before: u32) -> Plan {
    let reason = "it is not scaled any more";
    Plan::single_step(
        build_min_capacity_action(service, scalable.min, before, true),
        reason,
        messages::min_capacity_restored(scalable, before, reason),
    )
}

fn build_min_capacity_action(service: &Service, from: u32, to: u32, restores: bool) -> Action {
    Action::Scaling(ScalingAction::SetMinCapacity(SetMinCapacity {
        service: service.arn.clone(),
        from,
        to,
        restores,
    }))
}
