//! Decides whether a deployment may proceed. Pure: all input is in the arguments.

use jiff::Timestamp;
use lamplighter::Plan;
use lamplighter::engine::TargetContext;
use lamplighter::model::Digest;
use lamplighter::notify::{Message, RELEASE_CONDITION};
use lamplighter::plan::{
    Action, AnswerCodeDeployHook, HookStatus, RecordVerdict, ReleaseAction, Step, Verdict,
};
use lamplighter::policy::OnInconclusive;
use lamplighter::state::PendingVerdict;
use lamplighter::state::REQUIRED_STREAK;

use crate::observation::{HookStage, Observed};
use crate::sequential::{Comparison, ComparisonResult};
use crate::{Policy, RETRY_LATER_SECONDS, RETRY_SOON_SECONDS, messages};

/// Returns the plan for one deployment.
#[must_use]
pub fn decide(context: TargetContext<'_, Policy>, observed: &Observed, now: Timestamp) -> Plan {
    let Some(judging) = &observed.pending_verdict else {
        return succeed_hook("nobody waits for a judgement: it goes back, or is not known");
    };
    let plan = decide_verdict(Decision {
        context,
        observed,
        pending_verdict: judging,
        now,
    });
    let (Some(execution), Some(status)) = (&judging.execution, plan.hook) else {
        return plan;
    };
    // CodeDeploy reads no response; it receives the result by an API call.
    let passed = match status {
        HookStatus::InProgress { .. } => return Plan { hook: None, ..plan },
        status => status == HookStatus::Succeeded,
    };
    let (service, deployment) = (context.target.arn.clone(), judging.deployment.clone());
    let report = AnswerCodeDeployHook {
        service,
        deployment,
        execution: execution.clone(),
        passed,
    };
    let step = Step {
        action: Action::Release(ReleaseAction::AnswerCodeDeployHook(report)),
        reason: plan.reason.clone(),
        message: None,
    };
    Plan {
        hook: None,
        steps: plan.steps.into_iter().chain([step]).collect(),
        ..plan
    }
}

fn decide_verdict(case: Decision<'_>) -> Plan {
    let Decision {
        context, observed, ..
    } = case;
    if observed.stage == HookStage::RollingBack {
        return succeed_hook("it goes back, and nothing stands in its way");
    }
    if !context.policy.enabled {
        return succeed_hook("its tags do not let it be judged");
    }
    if case.pending_verdict.failed {
        return Plan::nothing("it was judged, and failed").with_hook_status(HookStatus::Failed);
    }
    if let Some(plan) = case.check_quarantine() {
        return plan;
    }
    match (observed.stage, &observed.comparison) {
        (HookStage::Tested, _) if context.policy.verify_test.is_some() => {
            case.check_probes("the test listener")
        }
        (HookStage::Shifted, _) if !context.policy.verify.is_empty() => {
            case.check_probes("its addresses")
        }
        (HookStage::Shifting(weight), Some(comparison)) => {
            case.check_comparison(weight, comparison)
        }
        (HookStage::Shifting(weight), None) => {
            case.plan_inconclusive(messages::not_comparable(&case.label(), weight))
        }
        (HookStage::Unknown, _) => postpone_hook(
            "CodeDeploy does not say yet at what it asks",
            RETRY_SOON_SECONDS,
        ),
        _ => succeed_hook("there is nothing to be judged in this stage"),
    }
}

fn succeed_hook(reason: impl Into<String>) -> Plan {
    Plan::nothing(reason).with_hook_status(HookStatus::Succeeded)
}

fn postpone_hook(reason: impl Into<String>, call_back_delay: u32) -> Plan {
    Plan::nothing(reason).with_hook_status(HookStatus::InProgress { call_back_delay })
}

#[derive(Clone, Copy)]
struct Decision<'a> {
    context: TargetContext<'a, Policy>,
    observed: &'a Observed,
    pending_verdict: &'a PendingVerdict,
    now: Timestamp,
}

impl Decision<'_> {
    fn label(&self) -> String {
        let image = self.observed.image.as_ref();
        image.map_or_else(
            || "the new revision".to_owned(),
            |(tag, digest)| format!("{tag} ({})", digest.short_digest()),
        )
    }

    /// Rejects a quarantined digest that someone deploys outside `lamplighter:deploy`. The active
    /// rollout is exempt, because it was approved.
    fn check_quarantine(&self) -> Option<Plan> {
        let (_, digest) = self.observed.image.as_ref()?;
        let reason = self.context.state.releases.quarantined.get(digest)?;
        let is_ours = self
            .context
            .state
            .releases
            .active_rollout
            .as_ref()
            .is_some_and(|following| following.digest == *digest);
        (!is_ours).then(|| {
            let message = messages::image_quarantined(&self.label(), digest, reason);
            Plan::notify(message).with_hook_status(HookStatus::Failed)
        })
    }

    /// Reports whether the time limit of this step has passed.
    fn is_late(&self) -> bool {
        let waited = self
            .now
            .duration_since(self.pending_verdict.step_since)
            .as_secs();
        u64::try_from(waited).is_ok_and(|waited| waited >= self.context.policy.step)
    }

    fn check_probes(&self, place: &str) -> Plan {
        let looks = &self.pending_verdict.looks;
        if looks.is_healthy() {
            return succeed_hook(format!(
                "{} has answered well {REQUIRED_STREAK} times in a row at {place}",
                self.label()
            ));
        }
        if looks.is_unhealthy() {
            return self.fail_release(
                messages::probes_failed(&self.label(), place, looks),
                &format!("it did not answer well at {place}"),
            );
        }
        if looks.is_inconclusive() || self.is_late() {
            return self.plan_inconclusive(messages::probes_inconclusive(
                &self.label(),
                place,
                looks,
            ));
        }
        postpone_hook(
            format!(
                "{} has answered well {} times of {REQUIRED_STREAK} in a row at {place}",
                self.label(),
                looks.good
            ),
            RETRY_SOON_SECONDS,
        )
    }

    fn check_comparison(&self, weight: f64, comparison: &Comparison) -> Plan {
        let counts = messages::describe_counts(comparison);
        match comparison.current_result() {
            ComparisonResult::MoreErrors => self.fail_release(
                messages::more_errors(&self.label(), weight, comparison),
                &format!("it failed more often at {weight} %"),
            ),
            ComparisonResult::Slower => self.fail_release(
                messages::higher_latency(&self.label(), weight, comparison),
                &format!("it was slower at {weight} %"),
            ),
            ComparisonResult::Unresponsive => self.fail_release(
                messages::unanswered_requests(&self.label(), weight, comparison),
                &format!("it did not answer at {weight} %"),
            ),
            ComparisonResult::NoWorse => succeed_hook(format!(
                "{} is no worse at {weight} %: {counts}",
                self.label()
            )),
            ComparisonResult::Inconclusive { minutes } if self.is_late() => self.plan_inconclusive(
                messages::not_enough_evidence(&self.label(), weight, comparison, minutes),
            ),
            ComparisonResult::Inconclusive { minutes } => {
                let left = minutes
                    .map(|minutes| format!("; about {minutes} min more at this rate"))
                    .unwrap_or_default();
                postpone_hook(
                    format!(
                        "not enough evidence yet about {} at {weight} %: {counts}{left}",
                        self.label()
                    ),
                    RETRY_LATER_SECONDS,
                )
            }
        }
    }

    /// Fails the hook, so that the deployment rolls back and the image is quarantined.
    fn fail_release(&self, message: Message, because: &str) -> Plan {
        // For CodeDeploy, no other notification reports the end of the release.
        let message = message.clears(RELEASE_CONDITION);
        let Some((tag, digest)) = self.observed.image.clone() else {
            let once = format!(
                "failed:{}:{}",
                self.pending_verdict.deployment, self.pending_verdict.step
            );
            return Plan::notify(
                message
                    .next("Traffic goes back to the old revision.")
                    .deduplicated_by(once),
            )
            .with_hook_status(HookStatus::Failed);
        };
        let reason = format!("{because} on {}", self.now.strftime("%F %H:%M UTC"));
        let message = message.next(messages::describe_retry(
            &digest,
            self.context.state.is_approval_used(&digest),
        ));
        self.plan_verdict(tag, digest, Verdict::Failed { reason }, message)
            .with_hook_status(HookStatus::Failed)
    }

    fn plan_verdict(
        &self,
        tag: String,
        digest: Digest,
        verdict: Verdict,
        message: Message,
    ) -> Plan {
        let judge = RecordVerdict {
            service: self.context.target.arn.clone(),
            digest,
            tag,
            verdict,
        };
        Plan::single_step(
            Action::Release(ReleaseAction::RecordVerdict(judge)),
            message.title.clone(),
            message,
        )
    }

    fn plan_inconclusive(&self, message: Message) -> Plan {
        if self.context.policy.unclear == OnInconclusive::Rollback {
            let title = format!("{}: going back", message.title);
            return self.fail_release(
                Message { title, ..message },
                "nobody could say whether it is well",
            );
        }
        let step = format!(
            "unclear:{}:{}",
            self.pending_verdict.deployment, self.pending_verdict.step
        );
        let message = message
            .next("It goes on; with unclear=back in the tag it would go back.")
            .deduplicated_by(step);
        Plan::notify(message).with_hook_status(HookStatus::Succeeded)
    }
}
