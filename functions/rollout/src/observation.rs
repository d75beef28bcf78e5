//! Observation: the AWS state that a decision about one service needs.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use lamplighter::AwsError;
use lamplighter::engine::TargetContext;
use lamplighter::event::detail::Detail;
use lamplighter::model::{Arn, Digest, ImageRef, Service, TaskDefinition};
use lamplighter::policy::{self, BASE};
use lamplighter::release::{dependencies, evidence, rollback};
use lamplighter::state::{ActiveRollout, ProbeStreak, RolloutProgress, TargetState};

use crate::code_deploy;
use crate::completion;
use crate::deployments::{find_pause, find_revertible_deployment};
use crate::observed::Observed;
use crate::policy::Policy;
use crate::reads::Reads;
use crate::stage::{CONSISTENCY_DELAY, RolloutStage, derive_stage};

/// How long Lamplighter tracks a rollback.
const ROLLBACK_TIMEOUT: SignedDuration = SignedDuration::from_hours(6);
const DEPLOYMENT_FAILED: &str = "SERVICE_DEPLOYMENT_FAILED";

/// The services of one run, read in advance.
#[derive(Debug, Default)]
pub struct Prefetched {
    at: Timestamp,
    services: BTreeMap<Arn, Service>,
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
        let service = self.read_service(context, cloud).await?;
        let mut observed = match (service, &context.state.releases.active_rollout) {
            (Some(service), Some(active)) => {
                self.observe_rollout(context, service, active, cloud)
                    .await?
            }
            (service, _) => self.observe_rollback(context.state, service, cloud).await?,
        };
        observed
            .find_requested_rollback(context, self.at, cloud)
            .await?;
        Ok(observed)
    }

    /// Returns the prefetched service, or reads it again if another invocation changed it since.
    async fn read_service<C: Reads>(
        &self,
        context: TargetContext<'_, Policy>,
        cloud: &C,
    ) -> Result<Option<Service>, AwsError> {
        let arn = &context.target.arn;
        if context.state.last_change().is_none_or(|at| at < self.at) {
            return Ok(self.services.get(arn).cloned());
        }
        let services = cloud.describe_services(std::slice::from_ref(arn)).await?;
        Ok(services.into_iter().next())
    }

    async fn observe_rollout<C: Reads>(
        &self,
        context: TargetContext<'_, Policy>,
        service: Service,
        active: &ActiveRollout,
        cloud: &C,
    ) -> Result<Observed, AwsError> {
        let is_on_template = is_left_on_template(&service, active, context.state);
        let mut observed = self.read_stage(context, service, active, cloud).await?;
        if observed.stage == RolloutStage::RolledBack && is_on_template {
            // ECS went back to a revision that nobody released.
            observed.stage = RolloutStage::Failed;
        }
        if observed.stage.may_be_paused() {
            self.check_pause(&mut observed, cloud).await?;
        }
        if observed.stage == RolloutStage::Live {
            completion::check_completed(&mut observed, context, active, self.at, cloud).await?;
        }
        if observed.stage.is_failure() {
            collect_evidence(&mut observed, context, active, cloud).await?;
        }
        if observed.stage.needs_rollback() {
            self.find_rollback(&mut observed, context, active, cloud)
                .await?;
        }
        Ok(observed)
    }

    /// Reads how far the rollout has come, by CodeDeploy or by ECS.
    async fn read_stage<C: Reads>(
        &self,
        context: TargetContext<'_, Policy>,
        service: Service,
        active: &ActiveRollout,
        cloud: &C,
    ) -> Result<Observed, AwsError> {
        let running = match service.task_definition.as_str() {
            "" => None,
            revision => Some(cloud.describe_task_definition(revision).await?),
        };
        let runs_it = running
            .as_ref()
            .is_some_and(|running| runs_release(running, active));
        let runs_instead = running
            .filter(|_| !runs_it)
            .and_then(|running| find_released_digest(&running, context.state));
        let deadline = context.policy.deadline;
        let code_deployment = code_deploy::find_deployment(&service, active, cloud).await?;
        let stage = if let Some(deployment) = &code_deployment {
            code_deploy::derive_stage(deployment, active, runs_it, deadline, self.at)
        } else {
            // ECS waits between traffic steps, and each step may be evaluated for a while.
            let shift = service.shifting.max_seconds(context.policy.step);
            let grace = u64::try_from(service.health_check_grace_period).unwrap_or_default();
            let deadline = deadline.map(|deadline| deadline + shift + grace);
            let failed = has_failure_event(context, active);
            let advanced = ActiveRollout {
                progress: Some(self.observe_progress(&service, active)),
                ..active.clone()
            };
            let stage = derive_stage(&service, &advanced, runs_it, failed, deadline, self.at);
            if stage == RolloutStage::TimedOut {
                // Before ECS stops an old task, the load balancer drains it.
                let read = cloud.longest_deregistration(&service.target_groups).await;
                let drained = read.unwrap_or_else(|error| {
                    // A rollback must not wait until it can be read.
                    tracing::warn!(error = %error, "the deregistration delay counts as 0");
                    0
                });
                let deadline = deadline.map(|deadline| deadline + drained);
                derive_stage(&service, &advanced, runs_it, failed, deadline, self.at)
            } else {
                stage
            }
        };
        Ok(Observed {
            progress: Some(self.observe_progress(&service, active)),
            runs_instead,
            // Without a task, time says nothing about the release.
            deadline_restarts_at: (stage == RolloutStage::Idle).then_some(self.at),
            service: Some(service),
            stage,
            code_deployment,
            ..Observed::default()
        })
    }

    /// Returns how far ECS has replaced the tasks, and since when.
    fn observe_progress(&self, service: &Service, active: &ActiveRollout) -> RolloutProgress {
        let new = service
            .primary_deployment()
            .map_or(0, |primary| primary.running_count);
        let old = service.running_count - new;
        match active.progress {
            None => RolloutProgress::observe(None, new, old, active.at),
            known => RolloutProgress::observe(known, new, old, self.at),
        }
    }

    /// Finds out whether the deployment waits for an approval, which stops the clock of its
    /// deadline.
    async fn check_pause<C: Reads>(
        &self,
        observed: &mut Observed,
        cloud: &C,
    ) -> Result<(), AwsError> {
        let Some(service) = observed
            .service
            .as_ref()
            .filter(|service| service.shifts_traffic())
        else {
            return Ok(());
        };
        observed.pause = find_pause(&service.arn, cloud).await?;
        if observed.pause.is_some() {
            observed.stage = RolloutStage::Paused;
            observed.deadline_restarts_at = Some(self.at);
        }
        Ok(())
    }

    /// Finds the rollback target and a deployment that can be reverted to it. Skips both if a
    /// dependency is down, because the target would fail as well.
    async fn find_rollback<C: Reads>(
        &self,
        observed: &mut Observed,
        context: TargetContext<'_, Policy>,
        active: &ActiveRollout,
        cloud: &C,
    ) -> Result<(), AwsError> {
        if !observed.down.is_empty() {
            // A dependency outage must not use up the release's deadline or its probe results.
            observed.deadline_restarts_at = Some(self.at);
            observed.probe_streak = observed.probe_streak.take().map(|_| ProbeStreak::default());
            return Ok(());
        }
        observed.rollback_target =
            rollback::find_rollback_target(context.state, &active.digest, cloud).await?;
        if let (RolloutStage::TimedOut, Some(target)) = (observed.stage, &observed.rollback_target)
        {
            observed.revertible_deployment = match &observed.code_deployment {
                Some(deployment) => Some(deployment.id.clone()),
                None => find_revertible_deployment(&context.target.arn, target, cloud).await?,
            };
        }
        Ok(())
    }

    /// Observes a service without an active rollout, and tracks its active rollback if there is
    /// one.
    async fn observe_rollback<C: Reads>(
        &self,
        state: &TargetState,
        service: Option<Service>,
        cloud: &C,
    ) -> Result<Observed, AwsError> {
        let mut observed = Observed {
            service,
            ..Observed::default()
        };
        let (Some(service), Some(rollback)) = (&observed.service, &state.releases.active_rollback)
        else {
            return Ok(observed);
        };
        let age = self.at.duration_since(rollback.at);
        let is_settled = age >= CONSISTENCY_DELAY && !service.has_rollout_in_progress();
        if is_settled || age >= ROLLBACK_TIMEOUT {
            observed.rollback_finished = true;
        } else if service.shifts_traffic() {
            observed.pause = find_pause(&service.arn, cloud).await?;
        }
        Ok(observed)
    }
}

/// Collects the reasons for a failed release: service events, dependencies and stopped tasks.
async fn collect_evidence<C: Reads>(
    observed: &mut Observed,
    context: TargetContext<'_, Policy>,
    active: &ActiveRollout,
    cloud: &C,
) -> Result<(), AwsError> {
    observed.service_events = cloud.service_events(&context.target.arn, active.at).await?;
    let error = observed
        .code_deployment
        .as_ref()
        .map(|deployment| deployment.error.clone())
        .filter(|error| !error.is_empty());
    observed.service_events.splice(0..0, error);
    observed.down =
        dependencies::find_unavailable(policy::app_name(&context.target.tags), cloud).await?;
    if let Some(service) = &observed.service {
        observed.evidence =
            evidence::collect_evidence(service, active.at, &active.base, cloud).await;
    }
    Ok(())
}

/// Reports whether the event says that a deployment failed after the rollout began.
fn has_failure_event(context: TargetContext<'_, Policy>, active: &ActiveRollout) -> bool {
    let Detail::DeploymentChange(change) = &context.event.detail else {
        return false;
    };
    // Event times are in whole seconds.
    change.event_name == DEPLOYMENT_FAILED
        && context
            .event
            .time
            .is_some_and(|at| at + SignedDuration::from_secs(1) >= active.at)
}

/// Reports whether the service runs the revision of a template again, on which a verified image was deployed.
fn is_left_on_template(service: &Service, active: &ActiveRollout, state: &TargetState) -> bool {
    active.template.as_ref() == Some(&service.task_definition)
        && state.releases.repeats_verified(active)
}

/// Reports whether a revision is the one of the rollout: it runs the image, and, where the image ran before as well, it was
/// built on the same revision.
fn runs_release(definition: &TaskDefinition, active: &ActiveRollout) -> bool {
    let runs_image = definition
        .containers()
        .any(|container| ImageRef::parse(container.image).digest.as_ref() == Some(&active.digest));
    let is_repetition = active.previous.as_ref() == Some(&active.digest);
    let built_on = active.built_on.rsplit('/').next();
    runs_image && (!is_repetition || definition.tags.get(BASE).map(String::as_str) == built_on)
}

/// Returns the digest of the revision that Lamplighter released, if it did.
fn find_released_digest(definition: &TaskDefinition, state: &TargetState) -> Option<Digest> {
    definition
        .containers()
        .filter_map(|container| ImageRef::parse(container.image).digest)
        .find(|digest| state.find_release_tag(digest).is_some())
}
