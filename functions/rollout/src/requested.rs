//! Rollbacks that a person requests.

use jiff::Timestamp;
use lamplighter::engine::TargetContext;
use lamplighter::model::{Command, Digest, ImageRef, ImageSelector, Request, TaskDefinition};
use lamplighter::plan::{Action, ReleaseAction, Rollback};
use lamplighter::release::rollback::{self, RollbackTarget};
use lamplighter::state::{ActiveRollout, ProbeStreak, TargetState};
use lamplighter::{AwsError, Plan};

use crate::code_deploy;
use crate::deployments::find_revertible_deployment;
use crate::messages;
use crate::observed::{Found, Observed, RequestedRollback};
use crate::policy::Policy;
use crate::reads::Reads;
use crate::tracked::TrackedRollout;

impl Observed {
    /// Finds the rollback that the open request is for. An image that the service does not run is left to `deploy`.
    ///
    /// # Errors
    /// [`AwsError`] if AWS can't be read.
    pub async fn find_requested_rollback<C: Reads>(
        &mut self,
        context: TargetContext<'_, Policy>,
        now: Timestamp,
        cloud: &C,
    ) -> Result<(), AwsError> {
        let Some(request) = &context.state.requests.rejection else {
            return Ok(());
        };
        if context.state.requests.open_rejection(now).is_none() {
            self.closed_request = Some(request.id.clone());
            return Ok(());
        }
        let leaving = self.find_leaving(context, now, cloud).await?;
        if !is_for_release(&request.command, leaving.as_ref()) {
            return Ok(());
        }
        let to = match &request.command {
            Command::RollBack(to) => to.as_deref(),
            _ => None,
        };
        let found = match leaving {
            Some(leaving) => self.find_target(context, leaving, to, cloud).await?,
            None => Err(
                "the running image has no digest, so that it is not a release of Lamplighter"
                    .to_owned(),
            ),
        };
        match &found {
            Ok(found) => self.find_deployment_to_stop(context, found, cloud).await?,
            Err(_) => self.closed_request = Some(request.id.clone()),
        }
        self.requested = Some(RequestedRollback {
            request: request.clone(),
            found,
        });
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
        Ok(find_running_release(&running, context.state, now))
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
        leaving: ActiveRollout,
        to: Option<&str>,
        cloud: &C,
    ) -> Result<Result<Found, String>, AwsError> {
        let state = context.state;
        if let Some(rollback) = &state.releases.active_rollback
            && let Some(revision) = &rollback.to
        {
            let name = messages::revision_name(revision);
            return Ok(Err(format!("a rollback to {name} is in progress")));
        }
        let target = match to {
            Some(to) => rollback::find_named_target(state, to, &leaving.digest, cloud).await?,
            None => rollback::find_rollback_target(state, &leaving.digest, cloud)
                .await?
                .ok_or_else(|| {
                    "no earlier revision is verified, active and still in ECR".to_owned()
                }),
        };
        Ok(target.map(|target| Found { leaving, target }))
    }
}

/// Reports whether a request is for the release that the service would leave.
fn is_for_release(command: &Command, leaving: Option<&ActiveRollout>) -> bool {
    match command {
        Command::RollBack(_) => true,
        Command::Reject(image) => {
            let selector = ImageSelector::new(image);
            leaving.is_some_and(|leaving| selector.matches(&leaving.tag, &leaving.digest))
        }
        Command::Pause
        | Command::Resume
        | Command::Silence
        | Command::Unsilence
        | Command::Acknowledge(_)
        | Command::Approve(_)
        | Command::Deploy(_)
        | Command::BackUp
        | Command::Drill => false,
    }
}

/// Returns the release that a revision runs, as if it was being rolled out.
fn find_running_release(
    running: &TaskDefinition,
    state: &TargetState,
    now: Timestamp,
) -> Option<ActiveRollout> {
    let images: Vec<ImageRef> = running
        .containers()
        .map(|container| ImageRef::parse(container.image))
        .collect();
    let digests = || images.iter().filter_map(|image| image.digest.as_ref());
    let digest = digests()
        .find(|digest| state.find_release_tag(digest).is_some())
        .or_else(|| digests().next())?;
    Some(ActiveRollout {
        digest: digest.clone(),
        tag: find_tag(digest, &images, state),
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

fn find_tag(digest: &Digest, images: &[ImageRef], state: &TargetState) -> String {
    let released = state.find_release_tag(digest).map(str::to_owned);
    let written = images
        .iter()
        .find(|image| image.digest.as_ref() == Some(digest))
        .and_then(|image| image.tag.clone());
    released
        .or(written)
        .unwrap_or_else(|| digest.short_digest())
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
