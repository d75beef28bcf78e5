//! What AWS reports about the task before a release, and about the family that the tag names.

use jiff::Timestamp;
use lamplighter::AwsError;
use lamplighter::engine::TargetContext;
use lamplighter::model::{Digest, Image, Task, TaskDefinition};
use lamplighter::policy::BASE;
use lamplighter::release::approval;
use lamplighter::release::evidence::{Evidence, collect_task_evidence};
use lamplighter::release::pre_deployment::TaskProgress;
use lamplighter::state::{PreDeploymentResult, PreDeploymentRun, ReleaseState};
use serde::Serialize;

use crate::policy::Policy;
use crate::reads::Reads;

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
    /// Returns the failure of a task that stopped; `None` if it did not fail.
    pub fn from_progress(progress: TaskProgress) -> Option<Self> {
        match progress {
            TaskProgress::Failed(how) => Some(Self::Failed(how)),
            TaskProgress::TimedOut => Some(Self::TimedOut),
            TaskProgress::Running | TaskProgress::Passed | TaskProgress::NotStarted(_) => None,
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

impl ObservedTask {
    /// Returns how the task stands; `None` if ECS does not list it.
    #[must_use]
    pub fn progress(&self) -> Option<TaskProgress> {
        let task = self.task.as_ref()?;
        Some(TaskProgress::from_task(task, &self.run))
    }

    /// Records what needs no decision: that the task was started, that it passed, how it failed, and that it is started
    /// again.
    pub fn record(&self, releases: &mut ReleaseState, now: Timestamp) {
        let Some(run) = releases.pre_deployment.get_mut(&self.digest) else {
            return;
        };
        if self.task.is_some() {
            run.is_confirmed = true;
            run.seen_at = Some(now);
        }
        let stopped_at = self.task.as_ref().and_then(|task| task.stopped_at);
        let result = match self.progress() {
            Some(TaskProgress::Passed) => PreDeploymentResult::Passed,
            Some(TaskProgress::NotStarted(reason)) => PreDeploymentResult::NotStarted {
                reason,
                at: stopped_at.unwrap_or(run.at),
            },
            Some(TaskProgress::Failed(_) | TaskProgress::TimedOut) if run.is_rejected => {
                PreDeploymentResult::Failed
            }
            Some(TaskProgress::Failed(how)) => {
                run.failure = Some(how);
                return;
            }
            None if !run.is_confirmed
                && run.should_be_listed(now)
                && !run.may_be_forgotten(now) =>
            {
                PreDeploymentResult::unanswered(run.at)
            }
            Some(TaskProgress::Running | TaskProgress::TimedOut) | None => return,
        };
        releases.end_pre_deployment(&self.digest, result);
    }
}

/// Reads the pre-deployment task without a result, if there is one.
pub async fn read_open_task<C: Reads>(
    context: TargetContext<'_, Policy>,
    cloud: &C,
) -> Result<Option<ObservedTask>, AwsError> {
    let open = context.state.releases.find_open_pre_deployment();
    let Some((digest, run)) = open.map(|(digest, run)| (digest.clone(), run.clone())) else {
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
    let failure = observed.progress().and_then(TaskFailure::from_progress);
    if let (Some(task), Some(_)) = (&observed.task, failure) {
        observed.evidence = collect_task_evidence(task, cloud).await;
    }
    Ok(Some(observed))
}

/// Reads the newest revision of the family that the tag names, if its task may be due for the image.
pub async fn read_revision<C: Reads>(
    open: Option<&ObservedTask>,
    image: &Image,
    context: TargetContext<'_, Policy>,
    cloud: &C,
) -> Result<Option<Option<BeforeRevision>>, AwsError> {
    let releases = &context.state.releases;
    let is_open = open.is_some_and(|open| open.progress() == Some(TaskProgress::Running));
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
pub fn needs_no_task(releases: &ReleaseState, digest: &Digest) -> bool {
    let mut verified = releases.verified.iter();
    releases.has_passed_pre_deployment(digest)
        || verified.any(|verified| verified.digest == *digest)
}

fn is_approved(context: TargetContext<'_, Policy>, image: &Image) -> bool {
    let (tags, state) = (&context.target.tags, context.state);
    approval::is_approved(tags, state, &image.tag, &image.digest)
}
