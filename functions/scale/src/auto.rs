//! A service that Application Auto Scaling scales: its desired count is left to that. Only the minimum is moved,
//! within the maximum that is set there, and put back.

use lamplighter::Plan;
use lamplighter::model::{ScalableTarget, Service};
use lamplighter::plan::{Action, Floor};
use lamplighter::policy::Autoscaling;

use crate::decide::Case;
use crate::demand::Need;
use crate::words;

pub fn decide(case: &Case<'_>, scalable: &ScalableTarget) -> Plan {
    let count = case.desired().max(scalable.min);
    let max = scalable.max.min(case.scale.max);
    let before = case
        .memory
        .raised
        .map_or(scalable.min, |raised| raised.before.min(scalable.min));
    let window = case.floor.window.map_or(0, |_| case.floor.tasks.min(max));
    let out = case.out(count, max);
    let short = out.and_then(|(to, need)| {
        if to == max {
            words::at_maximum(case, max, need)
        } else {
            None
        }
    });
    let mut plan = match out {
        Some((to, need)) if to > scalable.min && to >= window => {
            raise(case, scalable, to, Some((need, max)))
        }
        _ => keep(case, scalable, window, before),
    };
    plan.messages.extend(short);
    plan
}

fn keep(case: &Case<'_>, scalable: &ScalableTarget, window: u32, before: u32) -> Plan {
    if window > scalable.min {
        return raise(case, scalable, window, None);
    }
    if before == scalable.min {
        return Plan::nothing(format!(
            "Application Auto Scaling keeps it from {} to {}",
            scalable.min, scalable.max
        ));
    }
    lower(case, scalable, before.max(window), before)
}

fn raise(case: &Case<'_>, scalable: &ScalableTarget, to: u32, need: Option<(&Need, u32)>) -> Plan {
    let why = need.map_or_else(
        || words::floor_reason(case),
        |(need, max)| words::growth(to, max, need),
    );
    let suspended = match need {
        Some(_) if scalable.scaling_out_suspended => Some("DynamicScalingOutSuspended"),
        None if scalable.scheduled_scaling_suspended => Some("ScheduledScalingSuspended"),
        _ => None,
    };
    if let Some(flag) = suspended {
        return Plan::tell(words::suspended(flag, &why));
    }
    if case.scale.autoscaling == Autoscaling::Tell {
        return Plan::tell(words::would_raise(scalable, to, &why));
    }
    // What follows the first step is in the journal.
    let message = case
        .memory
        .raised
        .is_none()
        .then(|| words::raised(scalable, to, &why));
    Plan::act(floor(case.service, scalable.min, to, false), why, message)
}

/// Puts the minimum back to what was enough for the last 15 minutes, at least to what it was.
fn lower(case: &Case<'_>, scalable: &ScalableTarget, floor_now: u32, before: u32) -> Plan {
    if scalable.scaling_in_suspended {
        return Plan::nothing("DynamicScalingInSuspended is set: the minimum stays");
    }
    match case.enough(scalable.min, floor_now) {
        Err(reason) => Plan::nothing(reason),
        Ok(to) => {
            let reason = words::decline(case, to);
            let message = (to == before).then(|| words::restored(scalable, to, &reason));
            Plan::act(
                floor(case.service, scalable.min, to, to == before),
                reason,
                message,
            )
        }
    }
}

/// The service is not scaled from here any more: the minimum becomes what it was.
pub fn restore(service: &Service, scalable: &ScalableTarget, before: u32) -> Plan {
    let reason = "it is not scaled any more";
    Plan::act(
        floor(service, scalable.min, before, true),
        reason,
        words::restored(scalable, before, reason),
    )
}

fn floor(service: &Service, from: u32, to: u32, restores: bool) -> Action {
    Action::Floor(Floor {
        service: service.arn.clone(),
        from,
        to,
        restores,
    })
}
