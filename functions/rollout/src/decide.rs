//! Decides how a rollout ended and what to do next. Pure: all input is in the arguments.

use jiff::{SignedDuration, Timestamp};
use lamplighter::engine::TargetContext;
use lamplighter::model::{ExistingAlarm, Service};
use lamplighter::plan::{
    Action, ContinueDeployment, RecordVerdict, ReleaseAction, Rollback, Verdict,
};
use lamplighter::policy;
use lamplighter::state::REQUIRED_STREAK;
use lamplighter::state::{ActiveRollout, TargetState};
use lamplighter::{Operation, Plan};
use serde::Serialize;

use crate::observation::Observed;
use crate::{Policy, Rollout, code_deploy, messages};

/// How long DescribeServices may return stale state after an update.
pub(crate) const CONSISTENCY_DELAY: SignedDuration = SignedDuration::from_mins(2);

/// The progress of a rollout.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub enum RolloutStage {
    /// In progress, and within its deadline.
    #[default]
    InProgress,
    /// Waiting for an approval before traffic shifts to it.
    Paused,
    /// Completed: all tasks run it.
    Live,
    /// Not completed by the deadline.
    TimedOut,
    /// Completed, but its probes failed, or were inconclusive under `unclear=back`.
    ProbesFailed,
    /// Completed, but an alarm has fired since it began.
    AlarmFiring,
    /// ECS or CodeDeploy reports a failure without rolling it back.
    Failed,
    /// The service runs its previous revision again.
    RolledBack,
    /// The service runs something newer, or rollouts are no longer tracked.
    Superseded,
}

impl RolloutStage {
    /// Reports whether the stage is a failure, for which evidence is collected.
    #[must_use]
    pub fn is_failure(self) -> bool {
        matches!(
            self,
            Self::TimedOut
                | Self::Failed
                | Self::RolledBack
                | Self::ProbesFailed
                | Self::AlarmFiring
        )
    }

    #[must_use]
    pub fn needs_rollback(self) -> bool {
        matches!(
            self,
            Self::TimedOut | Self::Failed | Self::ProbesFailed | Self::AlarmFiring
        )
    }
}

/// Returns the progress of an ECS rollout. `runs_it`: the newest deployment has its image.
/// `failed`: ECS reported a failed deployment since the rollout began. `deadline` is in seconds.
#[must_use]
pub fn derive_stage(
    service: &Service,
    following: &ActiveRollout,
    runs_it: bool,
    failed: bool,
    deadline: Option<u64>,
    now: Timestamp,
) -> RolloutStage {
    let age = now.duration_since(following.at);
    let Some(deadline) = deadline else {
        return RolloutStage::Superseded;
    };
    let Some(primary) = service.primary_deployment() else {
        return RolloutStage::InProgress;
    };
    if runs_it {
        let late = u64::try_from(age.as_secs()).is_ok_and(|age| age >= deadline);
        return match primary.rollout_state.as_str() {
            "COMPLETED" => RolloutStage::Live,
            "FAILED" => RolloutStage::Failed,
            // ECS reports no rollout state for a service behind a Classic Load Balancer.
            "" if age >= CONSISTENCY_DELAY && is_only_deployment(service) => RolloutStage::Live,
            _ if late => RolloutStage::TimedOut,
            _ => RolloutStage::InProgress,
        };
    }
    let is_older = primary
        .created_at
        .is_some_and(|created| created < following.at);
    match primary.task_definition == following.base || is_older {
        true if age < CONSISTENCY_DELAY && !failed => RolloutStage::InProgress,
        true => RolloutStage::RolledBack,
        false => RolloutStage::Superseded,
    }
}

/// Reports whether all tasks belong to the newest deployment.
fn is_only_deployment(service: &Service) -> bool {
    service.deployments.len() == 1 && service.running_count >= service.desired_count
}

/// Reports whether an alarm counts against the release: only if it fired after the rollout began.
#[must_use]
pub fn blames_release(alarm: &ExistingAlarm, following: &ActiveRollout) -> bool {
    // AWS may report the time in whole seconds.
    alarm
        .state_since
        .is_some_and(|since| since + SignedDuration::from_secs(1) >= following.at)
}

/// Returns the plan for one service.
#[must_use]
pub fn decide(context: TargetContext<'_, Policy>, observed: &Observed, now: Timestamp) -> Plan {
    let Some(service) = &observed.service else {
        return Plan::nothing("the service does not exist any more");
    };
    let Some(following) = &context.state.releases.active_rollout else {
        return decide_active_rollback(context, service, observed);
    };
    let case = Decision {
        service,
        active_rollout: following,
        observed,
        memory: context.state,
        now,
    };
    match observed.stage {
        RolloutStage::InProgress => {
            let minutes = now.duration_since(following.at).as_mins();
            Plan::nothing(format!(
                "{} is rolled out since {minutes} min",
                following.tag
            ))
        }
        RolloutStage::Paused => case.decide_paused(context),
        RolloutStage::Live => case
            .check_probes()
            .or_else(|| case.check_bake(context))
            .unwrap_or_else(|| {
                let verdict = Verdict::Passed {
                    revision: service.task_definition.clone(),
                };
                let message =
                    messages::release_completed(service, following, &observed.alarms, now);
                let reason = message.title.clone();
                Plan::single_step(case.record_verdict(verdict), reason, message)
            }),
        RolloutStage::Superseded => Plan::single_step(
            case.record_verdict(Verdict::Superseded),
            format!(
                "{} is not followed any more: something newer runs, or the service is not ours",
                following.tag
            ),
            messages::release_superseded(following, &context.state.notified),
        ),
        // With a dependency down, any release would have failed.
        RolloutStage::RolledBack if !observed.down.is_empty() => {
            let message = messages::rollback_while_down(service, following, &observed.down);
            Plan::single_step(
                case.record_verdict(Verdict::Superseded),
                message.title.clone(),
                message,
            )
        }
        RolloutStage::RolledBack => {
            let reason = format!("it went back on {}", now.strftime("%F %H:%M UTC"));
            let message =
                messages::rollback_detected(service, following, observed, case.approval_is_spent());
            Plan::single_step(
                case.record_verdict(Verdict::Failed { reason }),
                message.title.clone(),
                message,
            )
        }
        RolloutStage::TimedOut
        | RolloutStage::Failed
        | RolloutStage::ProbesFailed
        | RolloutStage::AlarmFiring => case.plan_rollback(),
    }
}

/// Continues a rollback or restart that paused at a hook, because neither needs an approval.
fn decide_active_rollback(
    context: TargetContext<'_, Policy>,
    service: &Service,
    observed: &Observed,
) -> Plan {
    let Some(way) = &context.state.releases.active_rollback else {
        return Plan::nothing("no rollout is followed");
    };
    let tag = match &way.to {
        Some(to) => format!(
            "the way back to {}",
            to.rsplit('/').next().unwrap_or_default()
        ),
        None => "the restart".to_owned(),
    };
    match observed.pause.clone() {
        Some((deployment, hook)) => {
            let reason = format!("{tag} waits for nobody");
            let go_on = ContinueDeployment {
                service: service.arn.clone(),
                deployment,
                hook,
                digest: None,
                tag,
            };
            Plan::single_step(
                Action::Release(ReleaseAction::ContinueDeployment(go_on)),
                reason,
                None,
            )
        }
        None => Plan::nothing(format!("{tag} goes on")),
    }
}

struct Decision<'a> {
    memory: &'a TargetState,
    service: &'a Service,
    active_rollout: &'a ActiveRollout,
    observed: &'a Observed,
    now: Timestamp,
}

impl Decision<'_> {
    fn approval_is_spent(&self) -> bool {
        self.memory.is_approval_used(&self.active_rollout.digest)
    }

    fn record_verdict(&self, verdict: Verdict) -> Action {
        let ActiveRollout { digest, tag, .. } = self.active_rollout.clone();
        Action::Release(ReleaseAction::RecordVerdict(RecordVerdict {
            service: self.service.arn.clone(),
            digest,
            tag,
            verdict,
        }))
    }

    /// Returns a plan while the probes are still running or if they are inconclusive. `None` if the
    /// release is confirmed or has no addresses.
    fn check_probes(&self) -> Option<Plan> {
        let looks = self
            .observed
            .probe_streak
            .as_ref()
            .filter(|looks| !looks.is_healthy())?;
        if looks.is_inconclusive() {
            let message = messages::probes_inconclusive(self.active_rollout, looks);
            return Some(Plan::single_step(
                self.record_verdict(Verdict::Superseded),
                message.title.clone(),
                message,
            ));
        }
        let (tag, good) = (&self.active_rollout.tag, looks.good);
        Some(Plan::nothing(format!(
            "{tag} is completed, and has answered well {good} times of {REQUIRED_STREAK} in a row"
        )))
    }

    /// Returns a waiting plan until the bake time has passed; `None` afterwards.
    fn check_bake(&self, context: TargetContext<'_, Policy>) -> Option<Plan> {
        let key = format!("the bake of {}", self.active_rollout.digest);
        let baked = self.now.duration_since(
            context
                .state
                .waiting_since(Rollout::FUNCTION.name(), &key)
                .unwrap_or(self.now),
        );
        if u64::try_from(baked.as_secs()).is_ok_and(|baked| baked >= context.policy.bake) {
            return None;
        }
        let (tag, minutes) = (&self.active_rollout.tag, context.policy.bake / 60);
        let mut plan = Plan::nothing(format!(
            "{tag} is completed; alarms have {minutes} min to speak against it"
        ));
        plan.waits_for = Some(key);
        Some(plan)
    }

    fn decide_paused(&self, context: TargetContext<'_, Policy>) -> Plan {
        let ActiveRollout { digest, tag, .. } = self.active_rollout.clone();
        let Some((deployment, hook)) = self.observed.pause.clone() else {
            return Plan::nothing(format!("{tag} waits, and ECS does not say for what"));
        };
        if policy::find_approval(&context.target.tags) != Some(digest.as_str()) {
            return Plan::notify(messages::waits_for_approval(
                self.active_rollout,
                context.policy.approve,
            ));
        }
        let message = messages::approval_received(self.active_rollout);
        let go_on = ContinueDeployment {
            service: self.service.arn.clone(),
            deployment,
            hook,
            digest: Some(digest),
            tag,
        };
        Plan::single_step(
            Action::Release(ReleaseAction::ContinueDeployment(go_on)),
            message.title.clone(),
            message,
        )
    }

    fn plan_rollback(&self) -> Plan {
        let minutes = self.now.duration_since(self.active_rollout.at).as_mins();
        let guilty = self
            .observed
            .alarms
            .iter()
            .find(|alarm| blames_release(alarm, self.active_rollout));
        let (what, why) = match (self.observed.stage, guilty) {
            (_, Some(alarm)) => (
                messages::RAISED_ALARM,
                messages::describe_alarm(alarm, self.observed),
            ),
            (RolloutStage::ProbesFailed, None) => (
                messages::PROBES_FAILED,
                messages::describe_probe_failure(self.observed),
            ),
            (RolloutStage::TimedOut, None) => (
                messages::HUNG,
                messages::describe_timeout(minutes, self.observed),
            ),
            _ => (
                messages::FAILED,
                messages::describe_timeout(minutes, self.observed),
            ),
        };
        if !self.observed.down.is_empty() {
            return Plan::notify(messages::dependency_down(
                self.active_rollout,
                what,
                &why,
                &self.observed.down,
            ));
        }
        let Some(to) = &self.observed.rollback_target else {
            return Plan::notify(messages::no_rollback_target(
                self.active_rollout,
                what,
                &why,
            ));
        };
        let ActiveRollout { digest, tag, .. } = self.active_rollout.clone();
        let reason = format!("it {what} on {}", self.now.strftime("%F %H:%M UTC"));
        let message = messages::rollback_started(
            self.active_rollout,
            what,
            to,
            &why,
            self.approval_is_spent(),
        );
        let (service, stop) = (
            self.service.arn.clone(),
            self.observed.revertible_deployment.clone(),
        );
        let code_deploy = self
            .observed
            .code_deployment
            .as_ref()
            .and_then(|deployment| code_deploy::deployment_group(deployment, self.service));
        let back = Rollback {
            service,
            to: to.revision.clone(),
            stop,
            code_deploy,
            digest,
            tag,
            reason,
        };
        Plan::single_step(
            Action::Release(ReleaseAction::Rollback(back)),
            message.title.clone(),
            message,
        )
    }
}
