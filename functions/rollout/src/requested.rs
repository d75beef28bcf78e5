//! Rollbacks that a person requests.

use jiff::{SignedDuration, Timestamp};
use lamplighter::engine::TargetContext;
use lamplighter::model::{Command, Digest, ImageRef, ImageSelector, Request, TaskDefinition};
use lamplighter::plan::{Action, ReleaseAction, Rollback};
use lamplighter::release::rollback::{self, RollbackTarget};
use lamplighter::state::{ActiveRollout, ProbeStreak, RequestState, TargetState};
use lamplighter::{AwsError, Plan};

use crate::code_deploy;
use crate::deployments::find_revertible_deployment;
use crate::messages;
use crate::observed::{Found, Observed, RequestedRollback};
use crate::policy::Policy;
use crate::reads::Reads;
use crate::stage::CONSISTENCY_DELAY;
use crate::tracked::TrackedRollout;

/// How long after a rollback or a restart a request must name what to go back to: it may be about what ran before.
const SETTLING: SignedDuration = SignedDuration::from_mins(30);

impl Observed {
    /// Finds the rollback that the first open request is for. An image that the service does not run is left to `deploy`.
    ///
    /// # Errors
    /// [`AwsError`] if AWS can't be read.
    pub async fn find_requested_rollback<C: Reads>(
        &mut self,
        context: TargetContext<'_, Policy>,
        now: Timestamp,
        cloud: &C,
    ) -> Result<(), AwsError> {
        let rejections = &context.state.requests.rejections;
        if rejections.is_empty() {
            return Ok(());
        }
        let leaving = self.find_leaving(context, now, cloud).await?;
        for request in rejections {
            let found = if RequestState::has_expired(request, now) {
                Err("it was not possible for 24 h".to_owned())
            } else if !is_for_release(&request.command, leaving.as_ref()) {
                continue;
            } else if let Some(leaving) = &leaving {
                self.find_target(context, request, leaving, cloud).await?
            } else {
                Err("no image of the service is known as a release of Lamplighter".to_owned())
            };
            match &found {
                Ok(found) => self.find_deployment_to_stop(context, found, cloud).await?,
                Err(_) => self.closed_request = Some(request.id.clone()),
            }
            self.requested = Some(RequestedRollback {
                request: request.clone(),
                found,
            });
            break;
        }
        Ok(())
    }

    /// Returns the release that is being rolled out, else the one that runs.
    async fn find_leaving<C: Reads>(
        &self,
        context: TargetContext<'_, Policy>,
        now: Timestamp,
        cloud: &C,
    ) -> Result<Option<ActiveRollout>, AwsError> {
        let revision = match (&self.service, &context.state.releases.active_rollout) {
            (_, Some(active)) => return Ok(Some(active.clone())),
            (Some(service), None) => service.task_definition.as_str(),
            (None, None) => "",
        };
        if revision.is_empty() {
            return Ok(None);
        }
        let running = cloud.describe_task_definition(revision).await?;
        let Some(mut image) = select_image(&running, context.state) else {
            return Ok(None);
        };
        if let (None, Some(tag), true) = (&image.digest, &image.tag, image.repository.is_ecr()) {
            let found = match cloud.find_image(&image.repository, tag).await {
                Err(error) if error.code == "RepositoryNotFoundException" => None,
                found => found?,
            };
            image.digest = found.map(|found| found.digest);
        }
        Ok(describe_running_release(&image, context.state, now))
    }

    /// Finds the deployment that can be reverted, and the one whose group a rollback goes through.
    async fn find_deployment_to_stop<C: Reads>(
        &mut self,
        context: TargetContext<'_, Policy>,
        found: &Found,
        cloud: &C,
    ) -> Result<(), AwsError> {
        if let (Some(service), None) = (&self.service, &self.code_deployment) {
            let deployment = code_deploy::find_deployment(service, &found.leaving, cloud);
            self.code_deployment = deployment.await?;
        }
        self.revertible_deployment = match &self.code_deployment {
            Some(deployment) => (!deployment.is_finished()).then(|| deployment.id.clone()),
            None => find_revertible_deployment(&context.target.arn, &found.target, cloud).await?,
        };
        Ok(())
    }

    /// Finds the revision to roll back to: the named one, or the one that any rollback of the release leads to.
    async fn find_target<C: Reads>(
        &self,
        context: TargetContext<'_, Policy>,
        request: &Request,
        leaving: &ActiveRollout,
        cloud: &C,
    ) -> Result<Result<Found, String>, AwsError> {
        let state = context.state;
        if let Some(problem) = self.find_change_since(request, leaving, state) {
            return Ok(Err(problem));
        }
        let target = match &request.command {
            Command::RollBack(Some(to)) => {
                rollback::find_named_target(state, to, &leaving.digest, cloud).await?
            }
            _ => rollback::find_rollback_target(state, &leaving.digest, cloud)
                .await?
                .ok_or_else(|| {
                    "no earlier revision is verified, active and still in ECR".to_owned()
                }),
        };
        Ok(target.map(|target| Found {
            leaving: leaving.clone(),
            target,
        }))
    }

    /// Describes what was deployed since the request, which can't be what the person wants to leave. `None` if nothing was.
    fn find_change_since(
        &self,
        request: &Request,
        leaving: &ActiveRollout,
        state: &TargetState,
    ) -> Option<String> {
        if let Some(rollback) = &state.releases.active_rollback
            && let Some(revision) = &rollback.to
        {
            let name = messages::revision_name(revision);
            return Some(format!("a rollback to {name} is in progress"));
        }
        let names_image = !matches!(request.command, Command::RollBack(None));
        let started = state.rollout_start(&leaving.digest);
        let service = self.service.as_ref()?;
        let deployed = service.primary_deployment()?.created_at?;
        // A change of Lamplighter itself may be this rollback, in a run that was interrupted.
        let is_foreign = state.last_change().is_none_or(|at| at < request.at);
        if deployed > request.at && is_foreign {
            return Some("the service was deployed by others after the request".to_owned());
        }
        let is_settling = deployed > request.at - SETTLING && deployed <= request.at;
        let is_release = started.is_some_and(|started| started + CONSISTENCY_DELAY > deployed);
        (is_settling && !is_release && !names_image).then(|| {
            format!(
                "{} was deployed again at {}, by a rollback or a restart: name with \"to\" what to go back to",
                leaving.tag,
                deployed.strftime("%H:%M UTC")
            )
        })
    }
}

/// Reports whether a request is for the release that the service would leave.
fn is_for_release(command: &Command, leaving: Option<&ActiveRollout>) -> bool {
    match command {
        Command::RollBack(_) => true,
        Command::Reject(image) => {
            // `deploy` has replaced a tag by the digest that it names.
            let selector = ImageSelector::new(image);
            leaving.is_some_and(|leaving| selector.matches_digest(&leaving.digest))
        }
        Command::Pause
        | Command::Resume
        | Command::Silence
        | Command::Unsilence
        | Command::Acknowledge(_)
        | Command::Approve(_)
        | Command::Deploy(_)
        | Command::BackUp
        | Command::Drill
        | Command::Redrive => false,
    }
}

/// Returns the image that the release of a revision is about: one that Lamplighter released, else the only one.
fn select_image(running: &TaskDefinition, state: &TargetState) -> Option<ImageRef> {
    let mut images: Vec<ImageRef> = running
        .containers()
        .map(|container| ImageRef::parse(container.image))
        .collect();
    let released = images.iter().position(|image| {
        let digest = image.digest.as_ref();
        digest.is_some_and(|digest| state.find_release_tag(digest).is_some())
    });
    match released {
        Some(at) => Some(images.swap_remove(at)),
        None if images.len() == 1 => images.pop(),
        None => None,
    }
}

/// Returns the release of a running image, as if it was being rolled out. `None` if its digest is unknown.
fn describe_running_release(
    image: &ImageRef,
    state: &TargetState,
    now: Timestamp,
) -> Option<ActiveRollout> {
    let digest = image.digest.as_ref()?;
    let released = state.find_release_tag(digest).map(str::to_owned);
    let tag = released.or_else(|| image.tag.clone());
    Some(ActiveRollout {
        digest: digest.clone(),
        tag: tag.unwrap_or_else(|| digest.short_digest()),
        base: find_base(digest, state),
        previous: None,
        built_on: String::new(),
        template: None,
        at: state.rollout_start(digest).unwrap_or(now),
        deployment: None,
        probe_streak: ProbeStreak::default(),
        progress: None,
    })
}

/// Returns the revision that ran before a verified release; empty if it is unknown.
fn find_base(digest: &Digest, state: &TargetState) -> String {
    let mut verified = state.releases.verified.iter();
    verified
        .find(|verified| verified.digest == *digest)
        .map(|verified| verified.base.clone())
        .unwrap_or_default()
}

impl TrackedRollout<'_> {
    /// Rolls the service back because a person requested it. A dependency outage doesn't hold it.
    pub fn plan_requested_rollback(&self, request: &Request, target: &RollbackTarget) -> Plan {
        let message = messages::requested_rollback_started(self.active, target, request);
        let rollback = Rollback {
            request: Some(request.id.clone()),
            ..self.build_rollback(target, request.describe_rejection())
        };
        Plan::single_step(
            Action::Release(ReleaseAction::Rollback(rollback)),
            message.title.clone(),
            message,
        )
    }
}
