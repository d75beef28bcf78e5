//! A rollout that Lamplighter tracks until its result is known.

use jiff::Timestamp;
use lamplighter::engine::TargetContext;
use lamplighter::model::{EnvironmentCause, Service};
use lamplighter::notify::Message;
use lamplighter::plan::{
    Action, ContinueDeployment, HoldKind, RecordResult, ReleaseAction, ReleaseResult,
};
use lamplighter::release::approval::Approval;
use lamplighter::state::{ActiveRollout, REQUIRED_STREAK};
use lamplighter::{Function, Plan};

use crate::environment_messages;
use crate::failure;
use crate::messages;
use crate::observed::Observed;
use crate::policy::Policy;

/// The active rollout of one service, with all that its result depends on.
pub struct TrackedRollout<'a> {
    pub context: TargetContext<'a, Policy>,
    pub service: &'a Service,
    pub active: &'a ActiveRollout,
    pub observed: &'a Observed,
    pub now: Timestamp,
}

impl TrackedRollout<'_> {
    /// Returns the whole minutes since the rollout began.
    pub fn age_minutes(&self) -> i64 {
        self.now.duration_since(self.active.at).as_mins()
    }

    /// Reports whether an approval of this digest was used, so that it allows no more attempts.
    pub fn is_approval_used(&self) -> bool {
        self.context.state.is_approval_used(&self.active.digest)
    }

    /// Returns the plan for a completed rollout: probes first, then the bake time.
    pub fn decide_completed(&self) -> Plan {
        let mut plan = self
            .check_probes()
            .or_else(|| self.check_bake())
            .unwrap_or_else(|| self.plan_verified());
        if !self.observed.missing_alarms.is_empty() {
            let message = messages::alarms_not_found(&self.observed.missing_alarms);
            plan.messages.push(message);
        }
        plan
    }

    fn plan_verified(&self) -> Plan {
        let result = ReleaseResult::Verified {
            revision: self.service.task_definition.clone(),
        };
        let message = messages::release_verified(
            self.service,
            self.active,
            self.age_minutes(),
            &self.observed.alarms,
        );
        self.plan_result(result, message)
    }

    pub fn plan_superseded(&self) -> Plan {
        Plan::single_step(
            self.record_result(ReleaseResult::Superseded),
            format!(
                "{} is no longer tracked: something newer runs, or the service is not managed",
                self.active.tag
            ),
            messages::release_superseded(self.active, &self.context.state.notified),
        )
    }

    /// Records that ECS, CodeDeploy or a person rolled the release back: rejected, unless its environment failed it.
    pub fn plan_rolled_back(&self) -> Plan {
        let minutes = self.age_minutes();
        if let Some(cause) = self.find_environment_cause() {
            let message = environment_messages::rollback_not_blamed(
                self.active,
                minutes,
                self.observed,
                cause,
            );
            return self.plan_result(ReleaseResult::NotBlamed { cause }, message);
        }
        let reason = format!(
            "it was rolled back on {}",
            self.now.strftime("%F %H:%M UTC")
        );
        let message = messages::rollback_detected(
            self.active,
            minutes,
            self.observed,
            self.is_approval_used(),
        );
        self.plan_result(ReleaseResult::Rejected { reason }, message)
    }

    fn plan_result(&self, result: ReleaseResult, message: Message) -> Plan {
        let reason = message.title.clone();
        Plan::single_step(self.record_result(result), reason, message)
    }

    fn record_result(&self, result: ReleaseResult) -> Action {
        let candidates_after = match result {
            ReleaseResult::Rejected { .. } | ReleaseResult::NotBlamed { .. } => {
                self.candidates_after()
            }
            ReleaseResult::Verified { .. } | ReleaseResult::Superseded => None,
        };
        let active = self.active;
        Action::Release(ReleaseAction::RecordResult(RecordResult {
            candidates_after,
            runs_instead: self.observed.runs_instead.clone(),
            ..RecordResult::new(&self.service.arn, &active.digest, &active.tag, result)
        }))
    }

    /// Returns the cause of the failure if the image is not to blame.
    pub fn find_environment_cause(&self) -> Option<EnvironmentCause> {
        let repeats = self.context.state.releases.repeats_verified(self.active);
        failure::find_environment_cause(self.observed)
            .or(repeats.then_some(EnvironmentCause::Template))
    }

    /// Returns when the rollout began: images that were pushed before are superseded.
    pub fn candidates_after(&self) -> Option<Timestamp> {
        self.context.state.rollout_start(&self.active.digest)
    }

    /// Returns a plan while the probes are still running or if they are inconclusive. `None` if the
    /// release is confirmed or has no addresses.
    fn check_probes(&self) -> Option<Plan> {
        let streak = self
            .observed
            .probe_streak
            .as_ref()
            .filter(|streak| !streak.is_healthy())?;
        if streak.is_inconclusive() {
            let message = messages::probes_inconclusive(self.active, streak);
            return Some(self.plan_result(ReleaseResult::Superseded, message));
        }
        Some(Plan::nothing(format!(
            "{} is completed, and {} of {REQUIRED_STREAK} probes in a row have passed",
            self.active.tag, streak.successes
        )))
    }

    /// Returns a waiting plan until the bake time has passed; `None` afterwards.
    fn check_bake(&self) -> Option<Plan> {
        let key = format!("the bake of {}", self.active.digest);
        let since = self
            .context
            .state
            .waiting_since(Function::Rollout.name(), &key)
            .unwrap_or(self.now);
        let baked = self.now.duration_since(since).as_secs();
        if u64::try_from(baked).is_ok_and(|baked| baked >= self.context.policy.bake) {
            return None;
        }
        let mut plan = Plan::nothing(format!(
            "{} is completed, and an alarm can still reject it within its bake time of {} min",
            self.active.tag,
            self.context.policy.bake / 60
        ));
        plan.waits_for = Some(key);
        Some(plan)
    }

    /// Continues a paused deployment if its digest is approved.
    pub fn decide_paused(&self) -> Plan {
        let tag = self.active.tag.clone();
        let Some((deployment, hook)) = self.observed.pause.clone() else {
            return Plan::nothing(format!("{tag} is paused, and ECS does not report a hook"));
        };
        let digest = self.active.digest.clone();
        let approvals = Approval::list(&self.context.target.tags, self.context.state);
        let approval = approvals
            .iter()
            .find(|approval| approval.covers(&tag, &digest, self.context.state));
        let Some(approval) = approval else {
            let message = messages::waits_for_approval(self.active, self.context.policy.approve);
            return Plan::notify(message).with_hold(HoldKind::Approval);
        };
        let message = messages::approval_received(self.active, approval.request.as_ref());
        let resume = ContinueDeployment {
            service: self.service.arn.clone(),
            deployment,
            hook,
            digest: Some(digest),
            tag,
        };
        Plan::single_step(
            Action::Release(ReleaseAction::ContinueDeployment(resume)),
            message.title.clone(),
            message,
        )
    }
}
