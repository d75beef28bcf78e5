//! The rollback of a release that failed.

use lamplighter::Plan;
use lamplighter::model::{EnvironmentCause, ExistingAlarm, StrategySettings};
use lamplighter::plan::{Action, ReleaseAction, Rollback};
use lamplighter::release::rollback::RollbackTarget;

use crate::code_deploy;
use crate::environment_messages;
use crate::failure::{self, Failure};
use crate::messages;
use crate::stage::{RolloutStage, blames_release};
use crate::tracked::TrackedRollout;

impl TrackedRollout<'_> {
    /// Rolls the service back, or notifies why that is impossible now.
    pub fn plan_rollback(&self) -> Plan {
        let alarm = self.find_blaming_alarm();
        let failure = self.classify_failure(alarm);
        let why = self.describe_failure(failure, alarm);
        if !self.observed.down.is_empty() {
            return Plan::notify(messages::rollback_held_by_outage(
                self.service,
                self.active,
                self.age_minutes(),
                &why,
                &self.observed.down,
            ));
        }
        match &self.observed.rollback_target {
            Some(target) => self.roll_back_to(target, failure, &why),
            None => Plan::notify(messages::no_rollback_target(
                self.service,
                self.active,
                self.age_minutes(),
                &why,
            )),
        }
    }

    fn roll_back_to(&self, target: &RollbackTarget, failure: Failure, why: &str) -> Plan {
        let environment = self.find_rollback_cause(failure);
        let mut message = match environment {
            Some(cause) => environment_messages::rollback_started_not_blamed(
                self.active,
                self.age_minutes(),
                target,
                why,
                cause,
            ),
            None => messages::rollback_started(
                self.active,
                self.age_minutes(),
                failure,
                target,
                why,
                self.is_approval_used(),
            ),
        };
        let reason = format!(
            "{} on {}",
            failure.quarantine_reason(),
            self.now.strftime("%F %H:%M UTC")
        );
        let rollback = Rollback {
            environment,
            ..self.build_rollback(target, reason)
        };
        if let Some(skipped) = &rollback.skips {
            message
                .action
                .push_str(&messages::describe_skipped_steps(skipped));
        }
        Plan::single_step(
            Action::Release(ReleaseAction::Rollback(rollback)),
            message.title.clone(),
            message,
        )
    }

    /// Builds a rollback that quarantines the image for a reason.
    pub fn build_rollback(&self, target: &RollbackTarget, reason: String) -> Rollback {
        Rollback {
            service: self.service.arn.clone(),
            to: target.revision.clone(),
            to_digest: target.digest.clone(),
            stop: self.observed.revertible_deployment.clone(),
            code_deploy: self
                .observed
                .code_deployment
                .as_ref()
                .and_then(|deployment| code_deploy::deployment_group(deployment, self.service)),
            digest: self.active.digest.clone(),
            tag: self.active.tag.clone(),
            reason,
            environment: None,
            candidates_after: self.candidates_after(),
            request: None,
            skips: self.strategy_to_skip(),
        }
    }

    /// Returns the strategy that the rollback does without. ECS and CodeDeploy do without one when they revert a
    /// deployment.
    fn strategy_to_skip(&self) -> Option<StrategySettings> {
        let is_update = self.observed.revertible_deployment.is_none()
            && self.observed.code_deployment.is_none();
        self.service.strategy_to_skip().filter(|_| is_update)
    }

    /// Returns the cause of a failure if the image is not to blame. Probes and alarms speak about tasks that run, so that
    /// only a template can excuse them.
    fn find_rollback_cause(&self, failure: Failure) -> Option<EnvironmentCause> {
        let cause = self.find_environment_cause();
        match failure {
            Failure::Deadline | Failure::FailedDeployment => cause,
            Failure::FailedProbes | Failure::FiringAlarm => {
                cause.filter(|cause| *cause == EnvironmentCause::Template)
            }
        }
    }

    /// Returns the first alarm that counts against the release.
    fn find_blaming_alarm(&self) -> Option<&ExistingAlarm> {
        self.observed
            .alarms
            .iter()
            .find(|alarm| blames_release(alarm, self.active))
    }

    fn classify_failure(&self, alarm: Option<&ExistingAlarm>) -> Failure {
        if alarm.is_some() {
            return Failure::FiringAlarm;
        }
        match self.observed.stage {
            RolloutStage::ProbesFailed => Failure::FailedProbes,
            RolloutStage::TimedOut => Failure::Deadline,
            RolloutStage::Failed
            | RolloutStage::AlarmFiring
            | RolloutStage::RolledBack
            | RolloutStage::InProgress
            | RolloutStage::Paused
            | RolloutStage::Idle
            | RolloutStage::Live
            | RolloutStage::Superseded => Failure::FailedDeployment,
        }
    }

    fn describe_failure(&self, failure: Failure, alarm: Option<&ExistingAlarm>) -> String {
        match (failure, alarm) {
            (Failure::FiringAlarm, Some(alarm)) => failure::describe_alarm(alarm, self.observed),
            (Failure::FailedProbes, _) => failure::describe_probe_failure(self.observed),
            (Failure::Deadline | Failure::FailedDeployment | Failure::FiringAlarm, _) => {
                failure::describe_incomplete_rollout(self.observed)
            }
        }
    }
}
