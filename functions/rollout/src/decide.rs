//! Decides how a rollout ended and what to do next. Pure: all input is in the arguments.

use jiff::Timestamp;
use lamplighter::Plan;
use lamplighter::engine::TargetContext;
use lamplighter::model::Service;
use lamplighter::plan::{
    Action, ContinueDeployment, RecordResult, ReleaseAction, ReleaseResult, RestoreStrategy,
};
use lamplighter::policy::{self, Managed};

use crate::messages;
use crate::observed::{Observed, RequestedRollback};
use crate::policy::Policy;
use crate::stage::RolloutStage;
use crate::tracked::TrackedRollout;

/// Returns the plan for one service.
#[must_use]
pub fn decide(context: TargetContext<'_, Policy>, observed: &Observed, now: Timestamp) -> Plan {
    let Some(service) = observed.service.as_ref().filter(|_| !observed.is_deleted()) else {
        return decide_deleted(context);
    };
    // A rollback that an interrupted run made has closed its request.
    if let Some(requested) = &observed.requested
        && (requested.found.is_err()
            || context
                .state
                .requests
                .is_rejection_open(&requested.request.id))
    {
        return decide_requested(context, service, observed, requested, now);
    }
    let Some(active) = &context.state.releases.active_rollout else {
        return decide_active_rollback(context, service, observed);
    };
    let rollout = TrackedRollout {
        context,
        service,
        active,
        observed,
        now,
    };
    match observed.stage {
        RolloutStage::InProgress => Plan::nothing(format!(
            "the rollout of {} is in progress for {} min",
            active.tag,
            rollout.age_minutes()
        )),
        RolloutStage::Idle => Plan::nothing(format!(
            "{} is deployed, and no task is desired: its result waits for a task",
            active.tag
        )),
        RolloutStage::Paused => rollout.decide_paused(),
        RolloutStage::Live => rollout.decide_completed(),
        RolloutStage::Superseded => rollout.plan_superseded(),
        RolloutStage::RolledBack => rollout.plan_rolled_back(),
        RolloutStage::TimedOut
        | RolloutStage::Failed
        | RolloutStage::ProbesFailed
        | RolloutStage::AlarmFiring => rollout.plan_rollback(),
    }
}

/// Ends the release of a service that was deleted.
fn decide_deleted(context: TargetContext<'_, Policy>) -> Plan {
    let reason = "the service does not exist any more";
    let releases = &context.state.releases;
    let Some(active) = &releases.active_rollout else {
        return Plan::nothing(reason);
    };
    let service = &context.target.arn;
    let result = ReleaseResult::Superseded;
    let record = RecordResult::new(service, &active.digest, &active.tag, result);
    Plan::single_step(
        Action::Release(ReleaseAction::RecordResult(record)),
        reason,
        messages::release_superseded(active, &context.state.notified),
    )
}

/// Rolls the service back by request, or answers why that has no effect.
fn decide_requested(
    context: TargetContext<'_, Policy>,
    service: &Service,
    observed: &Observed,
    requested: &RequestedRollback,
    now: Timestamp,
) -> Plan {
    match &requested.found {
        Ok(found) => TrackedRollout {
            context,
            service,
            active: &found.leaving,
            observed,
            now,
        }
        .plan_requested_rollback(&requested.request, &found.target),
        Err(problem) => Plan::notify(messages::requested_rollback_without_effect(
            &requested.request,
            problem,
        )),
    }
}

/// Continues a rollback or restart that paused at a hook, because neither needs an approval.
fn decide_active_rollback(
    context: TargetContext<'_, Policy>,
    service: &Service,
    observed: &Observed,
) -> Plan {
    if let Some(restoration) = plan_restoration(context, service) {
        return restoration;
    }
    let Some(rollback) = &context.state.releases.active_rollback else {
        return Plan::nothing("no rollout is active");
    };
    let name = match &rollback.to {
        Some(revision) => format!(
            "the rollback to {}",
            revision.rsplit('/').next().unwrap_or_default()
        ),
        None => "the restart".to_owned(),
    };
    let Some((deployment, hook)) = observed.pause.clone() else {
        return Plan::nothing(format!("{name} is in progress"));
    };
    let reason = format!("{name} needs no approval");
    let resume = ContinueDeployment {
        service: service.arn.clone(),
        deployment,
        hook,
        digest: None,
        tag: name,
    };
    Plan::single_step(
        Action::Release(ReleaseAction::ContinueDeployment(resume)),
        reason,
        None,
    )
}

/// Restores the strategy that a rollback did without, once that has completed.
fn plan_restoration(context: TargetContext<'_, Policy>, service: &Service) -> Option<Plan> {
    let releases = &context.state.releases;
    let settings = releases.strategy_to_restore.clone()?;
    let is_managed = policy::parse_managed(&context.target.tags) == Ok(Managed::Act);
    if releases.active_rollback.is_some() || service.has_rollout_in_progress() {
        return None;
    }
    if !is_managed {
        return Some(Plan::nothing(format!(
            "the strategy {} is restored once the service is managed again",
            settings.strategy
        )));
    }
    let reason = format!(
        "the rollback has completed without the steps of {}",
        settings.strategy
    );
    let restore = RestoreStrategy {
        service: service.arn.clone(),
        settings,
    };
    Some(Plan::single_step(
        Action::Release(ReleaseAction::RestoreStrategy(restore)),
        reason,
        None,
    ))
}
