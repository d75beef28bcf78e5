//! Scaling decision for one service. Pure: all inputs are arguments.

use jiff::Timestamp;
use lamplighter::Plan;
use lamplighter::engine::TargetContext;
use lamplighter::model::Service;
use lamplighter::notify::Message;
use lamplighter::state::TargetState;

use crate::auto_scaling;
use crate::decision::{Bounds, Decision};
use crate::demand::Demand;
use crate::desired_count;
use crate::messages;
use crate::observed::Observed;
use crate::peak;
use crate::policy::Policy;
use crate::queue_messages;
use crate::unresponsive_messages;

/// Decides the plan for one service.
#[must_use]
pub fn decide(context: TargetContext<'_, Policy>, observed: &Observed, now: Timestamp) -> Plan {
    let Some(service) = &observed.service else {
        return Plan::nothing("the service no longer exists");
    };
    if service.status != "ACTIVE" {
        return Plan::nothing(format!("the service is {}", service.status));
    }
    if service.scheduling_strategy == "DAEMON" {
        return Plan::notify(messages::daemon_service());
    }
    let Some(scale) = &context.policy.scale else {
        let mut plan = plan_unscaled(context, service, observed);
        plan.messages.extend(end_conditions(context.state));
        plan.messages
            .extend(queue_messages::report_left_stopped(context.state, service));
        return plan;
    };
    let is_stopped_by_us = context.state.scaling.stopped_since.is_some();
    if service.desired_count == 0 && !is_stopped_by_us {
        let mut plan = Plan::nothing("the desired count is 0, which Lamplighter does not change");
        plan.messages.extend(end_conditions(context.state));
        return plan;
    }
    let decision = Decision {
        service,
        scale,
        bounds: Bounds::for_time(scale, &context.policy.windows, now),
        demand: Demand::from_load(scale, &observed.load, service, context.state, now),
        state: context.state,
        now,
    };
    let mut plan = match &observed.scalable {
        Some(scalable) => auto_scaling::plan_min_capacity(&decision, scalable),
        None => desired_count::plan_desired_count(&decision),
    };
    plan.messages.extend(report_conditions(&decision));
    plan
}

/// Reports what keeps the load from being followed, and the ends of it.
fn report_conditions(decision: &Decision<'_>) -> Vec<Message> {
    let mut reports = queue_messages::report_queue(decision);
    if decision.service.desired_count == 0 {
        return reports;
    }
    let single = [
        messages::missing_data(decision),
        messages::load_unknown(decision),
        messages::load_measured(decision),
        unresponsive_messages::report_share(decision),
    ];
    reports.extend(single.into_iter().flatten());
    reports.extend(unresponsive_messages::report_unresponsive(decision));
    reports
}

/// Ends what was reported about the load of a service that is no longer scaled.
fn end_conditions(state: &TargetState) -> Vec<Message> {
    let mut ends = unresponsive_messages::end_all(state);
    ends.extend(messages::no_longer_scaled(state));
    ends
}

/// Restores the minimum that Lamplighter raised while the service was scaled, or reports a peak.
fn plan_unscaled(
    context: TargetContext<'_, Policy>,
    service: &Service,
    observed: &Observed,
) -> Plan {
    match (&observed.scalable, context.state.scaling.raised) {
        (Some(scalable), Some(raised)) => {
            auto_scaling::restore_min_capacity(service, scalable, raised.before)
        }
        (None, _) | (_, None) => peak::report_peak(context, service, &observed.load),
    }
}
