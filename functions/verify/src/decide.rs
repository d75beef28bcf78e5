//! Decides whether a deployment may proceed. Pure: all input is in the arguments.

use jiff::Timestamp;
use lamplighter::Plan;
use lamplighter::engine::TargetContext;
use lamplighter::plan::{Action, AnswerCodeDeployHook, HookStatus, ReleaseAction, Step};

use crate::hook_plan::{RETRY_SOON_SECONDS, postpone_hook, succeed_hook};
use crate::messages;
use crate::observed::Observed;
use crate::policy::Policy;
use crate::stage::HookStage;
use crate::verdict::OpenVerdict;

/// Returns the plan for one deployment.
#[must_use]
pub fn decide(context: TargetContext<'_, Policy>, observed: &Observed, now: Timestamp) -> Plan {
    let Some(pending) = &observed.pending_verdict else {
        return succeed_hook(
            "no hook waits for a verdict: the deployment rolls back, or is unknown",
        );
    };
    let plan = decide_verdict(&OpenVerdict {
        context,
        observed,
        pending,
        now,
    });
    let (Some(execution), Some(status)) = (&pending.execution, plan.hook) else {
        return plan;
    };
    // CodeDeploy reads no response; it receives the result by an API call.
    let passed = match status {
        HookStatus::InProgress { .. } => return Plan { hook: None, ..plan },
        HookStatus::Succeeded => true,
        HookStatus::Failed => false,
    };
    let answer = AnswerCodeDeployHook {
        service: context.target.arn.clone(),
        deployment: pending.deployment.clone(),
        execution: execution.clone(),
        passed,
    };
    let step = Step {
        action: Action::Release(ReleaseAction::AnswerCodeDeployHook(answer)),
        reason: plan.reason.clone(),
        message: None,
    };
    Plan {
        hook: None,
        steps: plan.steps.into_iter().chain([step]).collect(),
        ..plan
    }
}

/// Returns the plan with the response to the hook, as ECS reads it.
fn decide_verdict(verdict: &OpenVerdict<'_>) -> Plan {
    let stage = verdict.observed.stage;
    let policy = verdict.context.policy;
    if stage == HookStage::RollingBack {
        return succeed_hook("the deployment rolls back, which needs no verdict");
    }
    if !policy.enabled {
        return succeed_hook("the tags of the service disable verification");
    }
    if verdict.pending.failed {
        return Plan::nothing("the release was already rejected")
            .with_hook_status(HookStatus::Failed);
    }
    if let Some(plan) = verdict.check_quarantine() {
        return plan;
    }
    match stage {
        HookStage::Tested if policy.verify_test.is_some() => {
            verdict.check_probes("the test listener")
        }
        HookStage::Shifted if !policy.verify.is_empty() => verdict.check_probes("its addresses"),
        HookStage::Shifting(weight) => decide_traffic_step(verdict, weight),
        HookStage::Unknown => postpone_hook(
            "CodeDeploy does not report the stage of its hook yet",
            RETRY_SOON_SECONDS,
        ),
        HookStage::Prepared | HookStage::Tested | HookStage::Shifted | HookStage::RollingBack => {
            succeed_hook("this stage needs no verification")
        }
    }
}

fn decide_traffic_step(verdict: &OpenVerdict<'_>, weight: f64) -> Plan {
    let place = format!("{weight} % of traffic");
    match &verdict.observed.comparison {
        Some(comparison) => verdict.check_comparison(&place, comparison),
        None => verdict.plan_inconclusive(messages::not_comparable(
            &verdict.version(),
            &place,
            verdict.context.policy.unclear,
        )),
    }
}
