//! `before=`: runs a task with the new image before the service changes, such as a database migration.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use lamplighter::engine::TargetContext;
use lamplighter::model::{Digest, Image, ImageRef, Task, TaskDefinition};
use lamplighter::notify::Message;
use lamplighter::plan::{
    Action, RecordResult, ReleaseAction, ReleaseResult, RunPreDeploymentTask, StopPreDeploymentTask,
};
use lamplighter::policy::{BASE, MANAGED, STACK, TARGET};
use lamplighter::release::approval;
use lamplighter::release::evidence::{Evidence, collect_task_evidence};
use lamplighter::release::pre_deployment::{TaskProgress, build_token};
use lamplighter::state::{PreDeploymentResult, PreDeploymentRun, ReleaseState, TargetState};
use lamplighter::{AwsError, Plan};
use serde::Serialize;

use crate::candidate::Candidate;
use crate::observed::Observed;
use crate::policy::Policy;
use crate::pre_deployment_messages as messages;
use crate::reads::Reads;

/// How long after its start ECS may not list a task yet.
const CONSISTENCY_DELAY: SignedDuration = SignedDuration::from_mins(5);

/// A pre-deployment task whose run has no result, as ECS describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ObservedTask {
    pub digest: Digest,
    pub run: PreDeploymentRun,
    /// `None` if ECS does not list it: not yet, or not any more.
    pub task: Option<Task>,
    /// The last log lines, if the task failed.
    pub evidence: Evidence,
}

/// The newest revision of the family of a pre-deployment task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BeforeRevision {
    pub newest: TaskDefinition,
    /// The revision that the newest one was built on, if Lamplighter registered that.
    pub base: Option<TaskDefinition>,
}

/// Why a pre-deployment task did not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskFailure {
    /// It ran and failed: `exited with code 1`.
    Failed(String),
    /// Lamplighter stopped it, because it ran for too long.
    TimedOut,
    /// It should have stopped, and is listed as running.
    NotStopping,
    /// ECS does not list it any more.
    Lost,
}

impl TaskFailure {
    /// Returns the failure of a task that has none of the other results; `None` if it has not failed.
    fn from_progress(progress: Option<TaskProgress>) -> Option<Self> {
        match progress {
            Some(TaskProgress::Failed(how)) => Some(Self::Failed(how)),
            Some(TaskProgress::TimedOut) => Some(Self::TimedOut),
            Some(TaskProgress::Running) => Some(Self::NotStopping),
            None => Some(Self::Lost),
            Some(TaskProgress::Passed | TaskProgress::NotStarted(_)) => None,
        }
    }

    /// Describes the failure as it continues the name of the family.
    pub fn describe(&self) -> &str {
        match self {
            Self::Failed(how) => how,
            Self::TimedOut => "did not end in time",
            Self::NotStopping => "does not stop",
            Self::Lost => "left no result",
        }
    }
}

impl BeforeRevision {
    /// Returns the revision from which everything but the images is copied.
    fn base(&self) -> &TaskDefinition {
        self.base.as_ref().unwrap_or(&self.newest)
    }
}

impl ObservedTask {
    fn progress(&self) -> Option<TaskProgress> {
        let task = self.task.as_ref()?;
        Some(TaskProgress::from_task(task, &self.run))
    }

    /// Records a result that needs no decision: the task passed, or is started again.
    pub fn record(&self, releases: &mut ReleaseState) {
        let stopped_at = self.task.as_ref().and_then(|task| task.stopped_at);
        let result = match self.progress() {
            Some(TaskProgress::Passed) => PreDeploymentResult::Passed,
            Some(TaskProgress::NotStarted(reason)) => PreDeploymentResult::NotStarted {
                reason,
                at: stopped_at.unwrap_or(self.run.at),
            },
            Some(TaskProgress::Running | TaskProgress::Failed(_) | TaskProgress::TimedOut)
            | None => return,
        };
        releases.end_pre_deployment(&self.digest, result);
    }
}

/// Reads the pre-deployment task without a result, if there is one.
pub async fn read_open_task<C: Reads>(
    context: TargetContext<'_, Policy>,
    cloud: &C,
) -> Result<Option<ObservedTask>, AwsError> {
    let Some((digest, run)) = context.state.find_open_pre_deployment() else {
        return Ok(None);
    };
    let service = &context.target.arn;
    let (cluster, _) = service.ecs_cluster_and_name().unwrap_or_default();
    let task = cloud.find_started_task(cluster, &run.token).await?;
    let mut observed = ObservedTask {
        digest,
        run,
        task,
        evidence: Evidence::default(),
    };
    let failure = TaskFailure::from_progress(observed.progress());
    if let (Some(task), Some(TaskFailure::Failed(_) | TaskFailure::TimedOut)) =
        (&observed.task, failure)
    {
        observed.evidence = collect_task_evidence(task, cloud).await;
    }
    Ok(Some(observed))
}

/// Reads the newest revision of the family that the tag names, if its task may be due for the image.
pub async fn read_revision<C: Reads>(
    observed: &Observed,
    image: &Image,
    context: TargetContext<'_, Policy>,
    cloud: &C,
) -> Result<Option<Option<BeforeRevision>>, AwsError> {
    let releases = &context.state.releases;
    let is_open = observed
        .pre_deployment
        .as_ref()
        .is_some_and(|open| open.task.is_some());
    let is_quarantined = releases.quarantined.contains_key(&image.digest);
    let is_expected = releases.current.as_ref() == Some(&image.digest);
    let is_closed = is_expected || is_quarantined && !is_approved(context, image);
    let Some(family) = &context.policy.deploy.before else {
        return Ok(None);
    };
    if is_open || is_closed || needs_no_task(releases, &image.digest) {
        return Ok(None);
    }
    let newest = match cloud.newest_revision(family).await {
        Ok(newest) => newest,
        // There is no such family, or none of its revisions is active.
        Err(error) if error.code == "ClientException" => return Ok(Some(None)),
        Err(error) => return Err(error),
    };
    let base = match newest.tags.get(BASE) {
        Some(base) if cloud.is_revision_active(base).await? => {
            Some(cloud.describe_task_definition(base).await?)
        }
        Some(_) | None => None,
    };
    Ok(Some(Some(BeforeRevision { newest, base })))
}

/// Reports whether an image is released without a task: its task has passed, or it was verified before.
fn needs_no_task(releases: &ReleaseState, digest: &Digest) -> bool {
    let mut verified = releases.verified.iter();
    releases.has_passed_pre_deployment(digest)
        || verified.any(|verified| verified.digest == *digest)
}

fn is_approved(context: TargetContext<'_, Policy>, image: &Image) -> bool {
    let (tags, state) = (&context.target.tags, context.state);
    approval::is_approved(tags, state, &image.tag, &image.digest)
}

/// Returns the plan for a pre-deployment task that failed or runs for too long; `None` if there is none.
pub fn plan_open_task(
    context: TargetContext<'_, Policy>,
    observed: &Observed,
    now: Timestamp,
) -> Option<Plan> {
    let open = observed.pre_deployment.as_ref()?;
    let run = find_open_run(context.state, open)?;
    let limit = context.policy.deploy.before_limit;
    let is_late = now.duration_since(run.at).as_secs() >= i64::try_from(limit).unwrap_or(i64::MAX);
    match (open.progress(), &open.task) {
        (Some(TaskProgress::Running), Some(task)) if is_late && run.stopped_at.is_none() => {
            Some(plan_stop(context, open, task))
        }
        (Some(TaskProgress::Running), _) if !run.should_have_stopped(now) => None,
        (None, _) if now.duration_since(run.at) < CONSISTENCY_DELAY => None,
        (progress, _) => {
            let failure = TaskFailure::from_progress(progress)?;
            Some(reject(context, open, &failure, now))
        }
    }
}

/// Returns the recorded run of an observed task, if it has no result. An intent whose task ECS does not list is decided
/// again, with the same token.
fn find_open_run<'s>(state: &'s TargetState, open: &ObservedTask) -> Option<&'s PreDeploymentRun> {
    let run = state.releases.pre_deployment.get(&open.digest)?;
    run.result.is_none().then_some(run)
}

fn plan_stop(context: TargetContext<'_, Policy>, open: &ObservedTask, task: &Task) -> Plan {
    let stop = StopPreDeploymentTask {
        service: context.target.arn.clone(),
        family: open.run.family.clone(),
        task: task.task.clone(),
        digest: open.digest.clone(),
    };
    Plan::single_step(
        Action::Release(ReleaseAction::StopPreDeploymentTask(stop)),
        format!("{} ran longer than before-limit= allows", open.run.family),
        None,
    )
}

/// Rejects the release whose task did not pass.
fn reject(
    context: TargetContext<'_, Policy>,
    open: &ObservedTask,
    failure: &TaskFailure,
    now: Timestamp,
) -> Plan {
    let run = &open.run;
    let how = failure.describe();
    let message = messages::task_failed(open, failure);
    let record = RecordResult {
        service: context.target.arn.clone(),
        digest: open.digest.clone(),
        tag: run.tag.clone(),
        candidates_after: Some(run.at),
        runs_instead: None,
        request: None,
        result: ReleaseResult::Rejected {
            reason: format!("{} {how} on {}", run.family, now.strftime("%F %H:%M UTC")),
        },
    };
    Plan::single_step(
        Action::Release(ReleaseAction::RecordResult(record)),
        message.title.clone(),
        message,
    )
}

impl Candidate<'_> {
    /// Holds every new image while a pre-deployment task runs. What the service should run already is deployed again
    /// meanwhile, if a template replaces it.
    pub fn check_running_task(&self) -> Option<Plan> {
        let open = self.observed.pre_deployment.as_ref()?;
        let run = find_open_run(self.context.state, open)?;
        (!self.is_expected()).then(|| {
            Plan::nothing(format!(
                "{} is held: {} runs before {} since {}",
                self.label(),
                run.family,
                run.tag,
                run.at.strftime("%H:%M UTC")
            ))
        })
    }

    /// Holds the image until the task before its release has passed; `None` if it has, or none is due.
    pub fn check_pre_deployment(&self) -> Option<Plan> {
        let family = self.context.policy.deploy.before.as_ref()?;
        let releases = &self.context.state.releases;
        if self.is_expected() || needs_no_task(releases, &self.image.digest) {
            return None;
        }
        let known = releases.pre_deployment.get(&self.image.digest);
        if let (Some(known), Some(at)) = (known, self.find_retry_time())
            && self.now < at
        {
            return Some(Plan::notify(messages::task_not_started(known, at)));
        }
        let attempt = known.map_or(1, |known| known.attempt + 1);
        Some(match self.build_pre_deployment_task(family, attempt) {
            Ok(run) => self.plan_pre_deployment_task(run),
            Err(problem) => Plan::notify(*problem),
        })
    }

    fn plan_pre_deployment_task(&self, run: RunPreDeploymentTask) -> Plan {
        let message = messages::task_started(
            self.image,
            &run.family,
            self.context.policy.deploy.before_limit,
            &self.usable_snapshots(),
            self.describe_missing_snapshots().as_deref(),
        );
        let reason = message.title.clone();
        // A task that did not start was announced before.
        let is_retry = self.find_retry_time().is_some();
        let message = (!is_retry).then_some(message);
        let action = Action::Release(ReleaseAction::RunPreDeploymentTask(run));
        Plan::single_step(action, reason, message)
    }

    /// Returns the time from which the task is started again; `None` unless it did not start.
    fn find_retry_time(&self) -> Option<Timestamp> {
        let runs = &self.context.state.releases.pre_deployment;
        runs.get(&self.image.digest)?.retry_at()
    }

    /// Builds the run of a task.
    ///
    /// # Errors
    /// The notification that says why the task can't run.
    fn build_pre_deployment_task(
        &self,
        family: &str,
        attempt: u32,
    ) -> Result<RunPreDeploymentTask, Box<Message>> {
        if self.running.family() == family {
            return Err(Box::new(messages::family_of_service(self.image, family)));
        }
        let revision = self.observed.before.as_ref().and_then(Option::as_ref);
        let revision =
            revision.ok_or_else(|| Box::new(messages::family_not_found(self.image, family)))?;
        let base = revision.base();
        if base.tags.get(MANAGED).map(String::as_str) != Some("true") {
            return Err(Box::new(messages::family_not_managed(self.image, base)));
        }
        let images = self.find_task_images(base);
        if images.is_empty() {
            let repository = &self.container.repository.name;
            return Err(Box::new(messages::family_without_image(
                self.image, base, repository,
            )));
        }
        let is_registered = revision.newest.arn() != base.arn()
            && revision.newest.build_request_with_images(&BTreeMap::new())
                == base.build_request_with_images(&images);
        let service = &self.service.arn;
        let task_tags = [
            (STACK, self.context.policy.stack.clone()),
            (TARGET, service.to_string()),
        ];
        Ok(RunPreDeploymentTask {
            service: service.clone(),
            family: family.to_owned(),
            base: base.arn().to_owned(),
            images,
            registered: is_registered.then(|| revision.newest.arn().to_owned()),
            revision_tags: self.revision_tags(base),
            task_tags: task_tags.map(|(key, value)| (key.to_owned(), value)).into(),
            token: build_token(service, &self.image.digest, attempt),
            attempt,
            tag: self.image.tag.clone(),
            digest: self.image.digest.clone(),
        })
    }

    /// Returns the new image by the containers of a revision that run an image of its repository. A single container gets
    /// it in any case.
    fn find_task_images(&self, base: &TaskDefinition) -> BTreeMap<String, String> {
        let image = self.build_image_ref().to_string();
        let containers: Vec<_> = base.containers().collect();
        let is_single = containers.len() == 1;
        containers
            .iter()
            .filter(|container| {
                let repository = ImageRef::parse(container.image).repository;
                is_single || repository.name == self.container.repository.name
            })
            .map(|container| (container.name.to_owned(), image.clone()))
            .collect()
    }
}
