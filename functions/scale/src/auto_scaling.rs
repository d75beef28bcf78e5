//! Planning for a service that Application Auto Scaling scales.
//!
//! The desired count is left to Application Auto Scaling. Lamplighter only raises the minimum,
//! within the maximum that is set there, and restores it later.

use lamplighter::Plan;
use lamplighter::model::{ScalableTarget, Service};
use lamplighter::plan::{Action, ScalingAction, SetMinCapacity};
use lamplighter::policy::Autoscaling;

use crate::decision::Decision;
use crate::demand::Need;
use crate::messages;
use crate::reasons;

/// The reason for a higher minimum.
#[derive(Clone, Copy)]
enum RaiseCause<'a> {
    /// The load needs more tasks, of at most `max`.
    Load { need: &'a Need, max: u32 },
    /// A schedule window is open.
    Window,
}

/// Plans the minimum capacity of the service in Application Auto Scaling.
pub fn plan_min_capacity(decision: &Decision<'_>, scalable: &ScalableTarget) -> Plan {
    let count = decision.desired_count().max(scalable.min);
    let max = scalable.max.min(decision.bounds.max);
    let bounds = &decision.bounds;
    let window = bounds.min_window.map_or(0, |_| bounds.min.min(max));
    let Some((to, need)) = decision.scale_out_target(count, max) else {
        return plan_without_growth(decision, scalable, window);
    };
    let mut plan = if to > scalable.min && to >= window {
        raise_min_capacity(decision, scalable, to, RaiseCause::Load { need, max })
    } else {
        plan_without_growth(decision, scalable, window)
    };
    if to == max {
        plan.messages
            .extend(messages::max_tasks_reached(decision, max, need));
    }
    plan
}

/// Returns the minimum from before Lamplighter raised it, or a lower one that someone else set.
fn original_min(decision: &Decision<'_>, scalable: &ScalableTarget) -> u32 {
    decision
        .state
        .scaling
        .raised
        .map_or(scalable.min, |raised| raised.before.min(scalable.min))
}

fn plan_without_growth(decision: &Decision<'_>, scalable: &ScalableTarget, window: u32) -> Plan {
    if window > scalable.min {
        return raise_min_capacity(decision, scalable, window, RaiseCause::Window);
    }
    let before = original_min(decision, scalable);
    if before == scalable.min {
        return Plan::nothing(format!(
            "Application Auto Scaling keeps it between {} and {} tasks",
            scalable.min, scalable.max
        ));
    }
    lower_min_capacity(decision, scalable, before.max(window), before)
}

fn raise_min_capacity(
    decision: &Decision<'_>,
    scalable: &ScalableTarget,
    to: u32,
    cause: RaiseCause<'_>,
) -> Plan {
    let reason = match cause {
        RaiseCause::Load { need, max } => reasons::describe_need(decision, need, to, max),
        RaiseCause::Window => reasons::describe_min_tasks(decision),
    };
    if let Some(flag) = suspension_flag(scalable, cause) {
        let needed = match cause {
            RaiseCause::Load { need, .. } => need.required_tasks(),
            RaiseCause::Window => to,
        };
        return Plan::notify(messages::scaling_suspended(decision, flag, needed, &reason));
    }
    match decision.scale.autoscaling {
        Autoscaling::Notify => {
            return Plan::notify(messages::min_capacity_unchanged(scalable, to, &reason));
        }
        Autoscaling::Raise => {}
    }
    // Only the first raise notifies; the journal records the later ones.
    let message = decision
        .state
        .scaling
        .raised
        .is_none()
        .then(|| messages::min_capacity_raised(scalable, to, &reason));
    Plan::single_step(
        build_min_capacity_action(decision.service, scalable.min, to, false),
        reason,
        message,
    )
}

/// Returns the flag with which someone suspended the kind of scaling that a raise would use.
fn suspension_flag(scalable: &ScalableTarget, cause: RaiseCause<'_>) -> Option<&'static str> {
    match cause {
        RaiseCause::Load { .. } => scalable
            .scaling_out_suspended
            .then_some("DynamicScalingOutSuspended"),
        RaiseCause::Window => scalable
            .scheduled_scaling_suspended
            .then_some("ScheduledScalingSuspended"),
    }
}

/// Lowers the minimum to the peak need of the last 10 minutes, but not below its original value.
fn lower_min_capacity(
    decision: &Decision<'_>,
    scalable: &ScalableTarget,
    lowest: u32,
    before: u32,
) -> Plan {
    if scalable.scaling_in_suspended {
        return Plan::nothing("DynamicScalingInSuspended is set: the minimum stays");
    }
    let to = match decision.scale_in_target(scalable.min, lowest) {
        Ok(to) => to,
        Err(kept) => return Plan::nothing(reasons::describe_kept(&kept, scalable.min, lowest)),
    };
    let restores = to == before;
    let reason = reasons::describe_scale_in(decision, to);
    let message = restores.then(|| messages::min_capacity_restored(scalable, to, &reason));
    Plan::single_step(
        build_min_capacity_action(decision.service, scalable.min, to, restores),
        reason,
        message,
    )
}

/// Restores the original minimum of a service that is no longer scaled by Lamplighter.
pub fn restore_min_capacity(service: &Service, scalable: &ScalableTarget, before: u32) -> Plan {
    let reason = "Lamplighter no longer scales the service";
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
