//! What a decision needs to know of one service.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use lamplighter::AwsError;
use lamplighter::engine::Seen;
use lamplighter::event::detail::Detail;
use lamplighter::model::{
    Arn, CodeDeployment, Digest, HasAlarm, ImageRef, Service, ServiceDeployment, TaskDefinition,
};
use lamplighter::policy::{self, Unclear};
use lamplighter::ports::cloud::Cloud;
use lamplighter::release::evidence::{self, Evidence};
use lamplighter::release::probe::probe_if_due;
use lamplighter::release::{dependencies, rollback};
use lamplighter::state::ProbeStreak;
use lamplighter::state::{Following, Memory, Verified};
use serde::Serialize;

use crate::decide::{SETTLING, Stage, speaks_against, stage};
use crate::{Policy, code_deploy};

/// Alarms of `enroll` that a release can be the cause of.
const OF_ERRORS: [&str; 2] = ["errors-5xx", "unhealthy-targets"];
/// A way back is looked after for so long.
const RETURNS_WITHIN: SignedDuration = SignedDuration::from_hours(6);
const FAILED: &str = "SERVICE_DEPLOYMENT_FAILED";

/// The services of a run.
#[derive(Debug, Default)]
pub struct Survey {
    at: Timestamp,
    services: BTreeMap<Arn, Service>,
}

/// All that [`crate::decide`] looks at.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Observed {
    /// `None` where the service is gone.
    pub service: Option<Service>,
    /// What CodeDeploy does, where it deploys the service.
    pub code_deployment: Option<CodeDeployment>,
    /// How far what is followed has come.
    pub stage: Stage,
    /// The newest good revision that can be gone back to, where one is needed.
    pub way_back: Option<Verified>,
    /// What was found at its addresses until now, where they are asked.
    pub looks: Option<ProbeStreak>,
    /// Alarms about errors that are on, where they are asked.
    pub alarms: Vec<HasAlarm>,
    /// What the application depends on and is down, where it was to go back.
    pub down: Vec<String>,
    /// What ECS says has happened since, the newest first, where that is to be told.
    pub said: Vec<String>,
    /// And what else is found out then.
    pub evidence: Evidence,
    /// The ARN of the deployment that waits for a person, and the identifier of the hook at which.
    pub pause: Option<(String, String)>,
    /// When it was seen waiting.
    pub waits_at: Option<Timestamp>,
    /// A way back is over.
    pub has_returned: bool,
    /// The ARN of the deployment that ECS can take back to where the way back leads.
    pub can_take_back: Option<String>,
}

impl Survey {
    pub(crate) fn new(services: Vec<Service>, at: Timestamp) -> Self {
        Self {
            at,
            services: services
                .into_iter()
                .map(|service| (service.arn.clone(), service))
                .collect(),
        }
    }

    pub(crate) async fn of<C: Cloud>(
        &self,
        seen: Seen<'_, Policy>,
        cloud: &C,
    ) -> Result<Observed, AwsError> {
        let arn = &seen.target.arn;
        // What another invocation did since the survey is asked for again.
        let service = if seen.memory.last_change().is_some_and(|at| at >= self.at) {
            cloud
                .services(std::slice::from_ref(arn))
                .await?
                .into_iter()
                .next()
        } else {
            self.services.get(arn).cloned()
        };
        let (Some(service), Some(following)) = (&service, &seen.memory.following) else {
            return self.on_the_way_back(seen.memory, service, cloud).await;
        };
        let runs_it = match service.task_definition.as_str() {
            "" => false,
            revision => runs(&cloud.task_definition(revision).await?, &following.digest),
        };
        // ECS waits between steps, and each may be judged for a while.
        let shift = service.shifting.longest(seen.policy.step);
        let deadline = seen.policy.deadline.map(|deadline| deadline + shift);
        let code_deployment = code_deploy::deployment(service, following, cloud).await?;
        let stage = match &code_deployment {
            Some(deployment) => code_deploy::stage(
                deployment,
                following,
                runs_it,
                seen.policy.deadline,
                self.at,
            ),
            None => stage(
                service,
                following,
                runs_it,
                failed(seen, following),
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
        if matches!(stage, Stage::Moving | Stage::Stuck) && service.shifts_traffic() {
            observed.pause = pause(arn, cloud).await?;
            if observed.pause.is_some() {
                (observed.stage, observed.waits_at) = (Stage::Paused, Some(self.at));
            }
        }
        if stage == Stage::Live {
            self.check(&mut observed, seen, following, cloud).await?;
        }
        if observed.stage.is_bad() {
            observed.said = cloud.happened(arn, following.at).await?;
            let error = observed
                .code_deployment
                .as_ref()
                .map(|deployment| deployment.error.clone());
            observed
                .said
                .splice(0..0, error.filter(|error| !error.is_empty()));
            observed.down = dependencies::down(policy::app(&seen.target.tags), cloud).await?;
            observed.evidence = evidence::find(service, following.at, &following.base, cloud).await;
        }
        if observed.stage.needs_way_back() {
            self.ways_back(&mut observed, seen, following, cloud)
                .await?;
        }
        Ok(observed)
    }

    /// What can be gone back to, and by whom, unless it would fail as well.
    async fn ways_back<C: Cloud>(
        &self,
        observed: &mut Observed,
        seen: Seen<'_, Policy>,
        following: &Following,
        cloud: &C,
    ) -> Result<(), AwsError> {
        if !observed.down.is_empty() {
            // The time of what it depends on is not the release's, and neither is what its addresses answered.
            observed.waits_at = Some(self.at);
            observed.looks = observed.looks.take().map(|_| ProbeStreak::default());
            return Ok(());
        }
        observed.way_back = rollback::find(seen.memory, &following.digest, cloud).await?;
        if let (Stage::Stuck, Some(to)) = (observed.stage, &observed.way_back) {
            observed.can_take_back = match &observed.code_deployment {
                Some(deployment) => Some(deployment.id.clone()),
                None => ecs_deployment(&seen.target.arn, to, cloud).await?,
            };
        }
        Ok(())
    }

    /// Nothing is followed but, maybe, a way back.
    async fn on_the_way_back<C: Cloud>(
        &self,
        memory: &Memory,
        service: Option<Service>,
        cloud: &C,
    ) -> Result<Observed, AwsError> {
        let mut observed = Observed {
            service,
            ..Observed::default()
        };
        let (Some(service), Some(way)) = (&observed.service, &memory.returning) else {
            return Ok(observed);
        };
        let age = self.at.duration_since(way.at);
        let settled = age >= SETTLING && !service.rollout_in_progress();
        if settled || age >= RETURNS_WITHIN {
            observed.has_returned = true;
        } else if service.shifts_traffic() {
            observed.pause = pause(&service.arn, cloud).await?;
        }
        Ok(observed)
    }

    /// What speaks against a release that is completed: its addresses, and alarms.
    async fn check<C: Cloud>(
        &self,
        observed: &mut Observed,
        seen: Seen<'_, Policy>,
        following: &Following,
        cloud: &C,
    ) -> Result<(), AwsError> {
        let Policy {
            verify,
            expect,
            unclear,
            bake,
            ..
        } = seen.policy;
        if !verify.is_empty() {
            let looks =
                probe_if_due(&following.looks, verify, expect.as_deref(), self.at, cloud).await;
            if looks.is_refuted() || looks.is_unclear() && *unclear == Unclear::GoBack {
                observed.stage = Stage::Refuted;
            }
            observed.looks = Some(looks);
        }
        if observed.stage == Stage::Live && *bake > 0 {
            observed.alarms = alarms(&seen.target.arn, cloud).await?;
            if observed
                .alarms
                .iter()
                .any(|alarm| speaks_against(alarm, following))
            {
                observed.stage = Stage::Failing;
            }
        }
        Ok(())
    }
}

/// The deployment that waits for a person, and the hook at which.
async fn pause<C: Cloud>(service: &Arn, cloud: &C) -> Result<Option<(String, String)>, AwsError> {
    let waiting = cloud
        .deployment(service)
        .await?
        .filter(ServiceDeployment::is_moving);
    Ok(waiting.and_then(|deployment| Some((deployment.arn, deployment.paused?))))
}

/// The deployment that ECS can take back to there.
async fn ecs_deployment<C: Cloud>(
    service: &Arn,
    to: &Verified,
    cloud: &C,
) -> Result<Option<String>, AwsError> {
    let deployment = cloud
        .deployment(service)
        .await?
        .filter(ServiceDeployment::is_moving);
    let leads_there = |d: &ServiceDeployment| {
        d.from
            .as_ref()
            .is_some_and(|f| f.task_definition == to.revision)
    };
    Ok(deployment
        .filter(leads_there)
        .map(|deployment| deployment.arn))
}

/// Whether the event says that a deployment has failed since the rollout began.
fn failed(seen: Seen<'_, Policy>, following: &Following) -> bool {
    let says = matches!(&seen.event.detail, Detail::DeploymentChange(change) if change.event_name == FAILED);
    // Events have whole seconds.
    says && seen
        .event
        .time
        .is_some_and(|at| at + SignedDuration::from_secs(1) >= following.at)
}

/// The alarms of a service that are on and say something about a release.
async fn alarms<C: Cloud>(service: &Arn, cloud: &C) -> Result<Vec<HasAlarm>, AwsError> {
    let prefix = format!("lamplighter/{}/", service.name());
    let mut on = cloud.alarms(&prefix, true).await?;
    on.retain(|alarm| {
        alarm
            .name
            .strip_prefix(&prefix)
            .is_some_and(|kind| OF_ERRORS.contains(&kind))
    });
    Ok(on)
}

/// Whether a container of a revision runs an image by this digest.
fn runs(definition: &TaskDefinition, digest: &Digest) -> bool {
    definition
        .containers()
        .any(|container| ImageRef::parse(container.image).digest.as_ref() == Some(digest))
}
