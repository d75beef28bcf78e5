//! Planning for a service whose desired count Lamplighter sets.

use lamplighter::Plan;
use lamplighter::plan::{Action, ScalingAction, SetDesiredCount};

use crate::decision::{self, Decision, KeepReason};
use crate::demand::Need;
use crate::messages;
use crate::reasons;

/// Plans the desired count. The load comes first, then the bounds of tag and schedule, and only a
/// service that needs no more and is within its bounds may scale in.
pub fn plan_desired_count(decision: &Decision<'_>) -> Plan {
    let desired = decision.desired_count();
    let (min, max) = (decision.bounds.min, decision.bounds.max);
    if decision.may_stop() {
        return match desired {
            0 => Plan::nothing(format!("stopped: {}", reasons::describe_stop(decision))),
            _ => set_desired_count(decision, 0, reasons::describe_stop(decision)),
        };
    }
    let target = decision.scale_out_target(desired, max);
    if let Some((to, need)) = target
        && to > desired
        && to >= min
    {
        return scale_out(decision, to, need);
    }
    if desired < min {
        return set_desired_count(decision, min, reasons::describe_min_tasks(decision));
    }
    if desired > max {
        return set_desired_count(decision, max, reasons::describe_max_tasks(decision));
    }
    match target {
        Some((_, need)) => keep_count(decision, need),
        None => scale_in(decision),
    }
}

fn scale_out(decision: &Decision<'_>, to: u32, need: &Need) -> Plan {
    let max = decision.bounds.max;
    let mut plan = set_desired_count(
        decision,
        to,
        reasons::describe_need(decision, need, to, max),
    );
    if to == max {
        plan.messages
            .extend(messages::max_tasks_reached(decision, max, need));
    }
    plan
}

/// Keeps a count that a limit does not allow to rise.
fn keep_count(decision: &Decision<'_>, need: &Need) -> Plan {
    let mut plan = Plan::nothing(reasons::describe_unchanged(decision, need));
    plan.messages.extend(messages::max_tasks_reached(
        decision,
        decision.bounds.max,
        need,
    ));
    plan
}

/// Scales in towards the sufficient count: at most by half, and at most once a minute. If the load
/// returns meanwhile, at least half of the tasks are still there.
fn scale_in(decision: &Decision<'_>) -> Plan {
    let desired = decision.desired_count();
    let min = decision.bounds.min;
    let wanted = match decision.scale_in_target(desired, min) {
        Ok(wanted) => wanted,
        Err(reason) => {
            let mut plan = Plan::nothing(reasons::describe_kept(&reason, desired, min));
            if let KeepReason::SetByOthers { since } = reason {
                plan.messages
                    .push(messages::count_set_by_others(decision, since));
            }
            return plan;
        }
    };
    if decision.was_scaled_recently() {
        return Plan::nothing(format!(
            "stays at {}: the count changed less than {} minutes ago",
            reasons::describe_tasks(desired),
            decision::SCALE_IN_PACE.as_mins()
        ));
    }
    // Half of the last task is none.
    let to = if desired > 1 {
        wanted.max(desired.div_ceil(2))
    } else {
        wanted
    };
    set_desired_count(decision, to, reasons::describe_scale_in(decision, wanted))
}

fn set_desired_count(decision: &Decision<'_>, to: u32, reason: String) -> Plan {
    let from = decision.desired_count();
    let base = decision
        .state
        .scaling
        .surge
        .map_or(from.max(decision.scale.min), |surge| surge.base);
    let action = Action::Scaling(ScalingAction::SetDesiredCount(SetDesiredCount {
        service: decision.service.arn.clone(),
        from,
        to,
        base,
    }));
    let message = messages::count_changed(decision, to, &reason);
    Plan::single_step(action, reason, message)
}
