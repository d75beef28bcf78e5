//! Observation: the AWS state that a decision about one service needs.

use std::collections::BTreeMap;

use crate::reads::Reads;
use jiff::{SignedDuration, Timestamp};
use lamplighter::AwsError;
use lamplighter::engine::TargetContext;
use lamplighter::event::detail::Detail;
use lamplighter::model::{
    Arn, CodeDeployment, Digest, ExistingAlarm, ImageRef, Service, ServiceDeployment,
    TaskDefinition,
};
use lamplighter::policy::{self, OnInconclusive};
use lamplighter::release::evidence::{self, Evidence};
use lamplighter::release::probe::probe_if_due;
use lamplighter::release::{dependencies, rollback};
use lamplighter::state::ProbeStreak;
use lamplighter::state::{ActiveRollout, TargetState, Verified};
use serde::Serialize;

use crate::decide::{CONSISTENCY_DELAY, RolloutStage, blames_release, derive_stage};
use crate::{Policy, code_deploy};

/// Alarms of `enroll` that a release can cause.
const ERROR_ALARMS: [&str; 2] = ["errors-5xx", "unhealthy-targets"];
/// How long Lamplighter tracks a rollback.
const ROLLBACK_TIMEOUT: SignedDuration = SignedDuration::from_hours(6);
const DEPLOYMENT_FAILED: &str = "SERVICE_DEPLOYMENT_FAILED";

/// The services of one run, read in advance.
#[derive(Debug, Default)]
pub struct Prefetched {
    at: Timestamp,
    services: BTreeMap<Arn, Service>,
}

/// The input of [`crate::decide`].
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Observed {
    /// `None` if the service does not exist.
    pub service: Option<Service>,
    /// The CodeDeploy deployment, if CodeDeploy deploys the service.
    pub code_deployment: Option<CodeDeployment>,
    /// The progress of the active rollout.
    pub stage: RolloutStage,
    /// The newest verified revision to roll back to; read only if a rollback is needed.
    pub rollback_target: Option<Verified>,
    /// The probe results so far, if the tag gives addresses to probe.
    pub probe_streak: Option<ProbeStreak>,
    /// Firing error alarms; read only after completion, if there is a bake time.
    pub alarms: Vec<ExistingAlarm>,
    /// Dependencies of the application that are down; read only for a failed release.
    pub down: Vec<String>,
    /// Service events since the rollout began, newest first, after any CodeDeploy error. Read only
    /// for a failed release.
    pub service_events: Vec<String>,
    /// Stopped tasks, log lines and other evidence; read only for a failed release.
    pub evidence: Evidence,
    /// The ARN of the deployment that waits for approval, and the identifier of its pause hook.
    pub pause: Option<(String, String)>,
    /// The time of this observation if the deadline starts again from it.
    pub deadline_restarts_at: Option<Timestamp>,
    /// Whether the active rollback has finished.
    pub rollback_finished: bool,
    /// The deployment that can be reverted to the rollback target: its ECS ARN or CodeDeploy
    /// identifier.
    pub revertible_deployment: Option<String>,
}

impl Prefetched {
    pub(crate) fn new(services: Vec<Service>, at: Timestamp) -> Self {
        Self {
            at,
            services: services
                .into_iter()
                .map(|service| (service.arn.clone(), service))
                .collect(),
        }
    }

    pub(crate) async fn observe_service<C: Reads>(
        &self,
        context: TargetContext<'_, Policy>,
        cloud: &C,
    ) -> Result<Observed, AwsError> {
        let arn = &context.target.arn;
        // Read the service again if another invocation changed it after the prefetch.
        let service = if context.state.last_change().is_some_and(|at| at >= self.at) {
            cloud
                .describe_services(std::slice::from_ref(arn))
                .await?
                .into_iter()
                .next()
        } else {
            self.services.get(arn).cloned()
        };
        let (Some(service), Some(following)) = (&service, &context.state.releases.active_rollout)
        else {
            return self.observe_rollback(context.state, service, cloud).await;
        };
        let runs_it = match service.task_definition.as_str() {
            "" => false,
            revision => runs_image(
                &cloud.describe_task_definition(revision).await?,
                &following.digest,
            ),
        };
        // ECS waits between traffic steps, and each step may be evaluated for a while.
        let shift = service.shifting.max_seconds(context.policy.step);
        let deadline = context.policy.deadline.map(|deadline| deadline + shift);
        let code_deployment = code_deploy::find_deployment(service, following, cloud).await?;
        let stage = match &code_deployment {
            Some(deployment) => code_deploy::derive_stage(
                deployment,
                following,
                runs_it,
                context.policy.deadline,
                self.at,
            ),
            None => derive_stage(
                service,
                following,
                runs_it,
                has_failure_event(context, following),
                deadline,
                self.at,
            ),
        };
        let mut observed = Observed {
            service: Some(service.clone()),
            stage,
            code_deployment,
            ..Observed::default()
        };
        if matches!(stage, RolloutStage::InProgress | RolloutStage::TimedOut)
            && service.shifts_traffic()
        {
            observed.pause = find_pause(arn, cloud).await?;
            if observed.pause.is_some() {
                (observed.stage, observed.deadline_restarts_at) =
                    (RolloutStage::Paused, Some(self.at));
            }
        }
        if stage == RolloutStage::Live {
            self.check_completed(&mut observed, context, following, cloud)
                .await?;
        }
        if observed.stage.is_failure() {
            observed.service_events = cloud.service_events(arn, following.at).await?;
            let error = observed
                .code_deployment
                .as_ref()
                .map(|deployment| deployment.error.clone());
            observed
                .service_events
                .splice(0..0, error.filter(|error| !error.is_empty()));
            observed.down =
                dependencies::find_unavailable(policy::app_name(&context.target.tags), cloud)
                    .await?;
            observed.evidence =
                evidence::collect_evidence(service, following.at, &following.base, cloud).await;
        }
        if observed.stage.needs_rollback() {
            self.find_rollback(&mut observed, context, following, cloud)
                .await?;
        }
        Ok(observed)
    }

    /// Finds the rollback target and a deployment that can be reverted to it. Skips both if a
    /// dependency is down, because the target would fail as well.
    async fn find_rollback<C: Reads>(
        &self,
        observed: &mut Observed,
        context: TargetContext<'_, Policy>,
        following: &ActiveRollout,
        cloud: &C,
    ) -> Result<(), AwsError> {
        if !observed.down.is_empty() {
            // A dependency outage must not use up the release's deadline or its probe results.
            observed.deadline_restarts_at = Some(self.at);
            observed.probe_streak = observed.probe_streak.take().map(|_| ProbeStreak::default());
            return Ok(());
        }
        observed.rollback_target =
            rollback::find_rollback_target(context.state, &following.digest, cloud).await?;
        if let (RolloutStage::TimedOut, Some(to)) = (observed.stage, &observed.rollback_target) {
            observed.revertible_deployment = match &observed.code_deployment {
                Some(deployment) => Some(deployment.id.clone()),
                None => find_revertible_deployment(&context.target.arn, to, cloud).await?,
            };
        }
        Ok(())
    }

    /// Observes a service without an active rollout, and tracks its active rollback if there is
    /// one.
    async fn observe_rollback<C: Reads>(
        &self,
        memory: &TargetState,
        service: Option<Service>,
        cloud: &C,
    ) -> Result<Observed, AwsError> {
        let mut observed = Observed {
            service,
            ..Observed::default()
        };
        let (Some(service), Some(way)) = (&observed.service, &memory.releases.active_rollback)
        else {
            return Ok(observed);
        };
        let age = self.at.duration_since(way.at);
        let settled = age >= CONSISTENCY_DELAY && !service.has_rollout_in_progress();
        if settled || age >= ROLLBACK_TIMEOUT {
            observed.rollback_finished = true;
        } else if service.shifts_traffic() {
            observed.pause = find_pause(&service.arn, cloud).await?;
        }
        Ok(observed)
    }

    /// Checks a completed release: its addresses first, then its alarms.
    async fn check_completed<C: Reads>(
        &self,
        observed: &mut Observed,
        context: TargetContext<'_, Policy>,
        following: &ActiveRollout,
        cloud: &C,
    ) -> Result<(), AwsError> {
        let Policy {
            verify,
            expect,
            unclear,
            bake,
            ..
        } = context.policy;
        if !verify.is_empty() {
            let looks =
                probe_if_due(&following.looks, verify, expect.as_deref(), self.at, cloud).await;
            if looks.is_unhealthy()
                || looks.is_inconclusive() && *unclear == OnInconclusive::Rollback
            {
                observed.stage = RolloutStage::ProbesFailed;
            }
            observed.probe_streak = Some(looks);
        }
        if observed.stage == RolloutStage::Live && *bake > 0 {
            observed.alarms = find_firing_alarms(&context.target.arn, cloud).await?;
            if observed
                .alarms
                .iter()
                .any(|alarm| blames_release(alarm, following))
            {
                observed.stage = RolloutStage::AlarmFiring;
            }
        }
        Ok(())
    }
}

/// Returns the deployment that waits for approval, and its pause hook.
async fn find_pause<C: Reads>(
    service: &Arn,
    cloud: &C,
) -> Result<Option<(String, String)>, AwsError> {
    let waiting = cloud
        .find_active_deployment(service)
        .await?
        .filter(ServiceDeployment::is_in_progress);
    Ok(waiting.and_then(|deployment| Some((deployment.arn, deployment.paused?))))
}

/// Returns the active deployment if ECS can revert it to the revision `to`.
async fn find_revertible_deployment<C: Reads>(
    service: &Arn,
    to: &Verified,
    cloud: &C,
) -> Result<Option<String>, AwsError> {
    let deployment = cloud
        .find_active_deployment(service)
        .await?
        .filter(ServiceDeployment::is_in_progress);
    let leads_there = |d: &ServiceDeployment| {
        d.from
            .as_ref()
            .is_some_and(|f| f.task_definition == to.revision)
    };
    Ok(deployment
        .filter(leads_there)
        .map(|deployment| deployment.arn))
}

/// Reports whether the event says that a deployment failed after the rollout began.
fn has_failure_event(context: TargetContext<'_, Policy>, following: &ActiveRollout) -> bool {
    let says = matches!(&context.event.detail, Detail::DeploymentChange(change) if change.event_name == DEPLOYMENT_FAILED);
    // Event times are in whole seconds.
    says && context
        .event
        .time
        .is_some_and(|at| at + SignedDuration::from_secs(1) >= following.at)
}

/// Returns the service's firing alarms that a release can cause.
async fn find_firing_alarms<C: Reads>(
    service: &Arn,
    cloud: &C,
) -> Result<Vec<ExistingAlarm>, AwsError> {
    let prefix = format!("lamplighter/{}/", service.display_name());
    let mut on = cloud.describe_alarms(&prefix, true).await?;
    on.retain(|alarm| {
        alarm
            .name
            .strip_prefix(&prefix)
            .is_some_and(|kind| ERROR_ALARMS.contains(&kind))
    });
    Ok(on)
}

/// Reports whether a container of the revision runs the image with this digest.
fn runs_image(definition: &TaskDefinition, digest: &Digest) -> bool {
    definition
        .containers()
        .any(|container| ImageRef::parse(container.image).digest.as_ref() == Some(digest))
}
