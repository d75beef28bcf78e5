//! `before=`: runs a task with the new image before the service changes, such as a database migration.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use lamplighter::Plan;
use lamplighter::engine::TargetContext;
use lamplighter::model::{ImageRef, Task, TaskDefinition};
use lamplighter::notify::Message;
use lamplighter::plan::{
    Action, RecordResult, ReleaseAction, ReleaseResult, RunPreDeploymentTask, StopPreDeploymentTask,
};
use lamplighter::policy::{MANAGED, STACK, TARGET};
use lamplighter::release::pre_deployment::{TaskProgress, build_token};
use lamplighter::state::{PreDeploymentResult, PreDeploymentRun, TargetState};

use crate::candidate::Candidate;
use crate::observed::Observed;
use crate::observed_task::{BeforeRevision, ObservedTask, TaskFailure, needs_no_task};
use crate::policy::Policy;
use crate::pre_deployment_messages as messages;

/// How much longer than its limit a task may take to start and run.
const STARTS_WITHIN: SignedDuration = SignedDuration::from_mins(15);

/// Returns the plan for a pre-deployment task that failed or runs for too long; `None` if there is none.
pub fn plan_open_task(
    context: TargetContext<'_, Policy>,
    observed: &Observed,
    now: Timestamp,
) -> Option<Plan> {
    let open = observed.pre_deployment.as_ref()?;
    let run = find_open_run(context.state, open)?;
    let failure = match (open.progress(), &open.task) {
        (Some(TaskProgress::Running), Some(task)) => {
            if run.should_have_stopped(now) {
                TaskFailure::NotStopping
            } else if run.stopped_at.is_none() && is_late(context, run, task, now) {
                return Some(plan_stop(context, open, task));
            } else {
                return None;
            }
        }
        (None, _) => find_lost_result(run, now)?,
        (Some(progress), _) => TaskFailure::from_progress(progress)?,
    };
    Some(reject(context, open, &failure, now))
}

/// Returns the failure of a task that ECS does not list any more; `None` while it may not list it yet.
fn find_lost_result(run: &PreDeploymentRun, now: Timestamp) -> Option<TaskFailure> {
    if let Some(how) = &run.failure {
        return Some(TaskFailure::Failed(how.clone()));
    }
    run.may_be_forgotten(now).then_some(TaskFailure::Lost)
}

/// Reports whether a task runs longer than the tag allows, or does not come to run.
fn is_late(
    context: TargetContext<'_, Policy>,
    run: &PreDeploymentRun,
    task: &Task,
    now: Timestamp,
) -> bool {
    let limit = i64::try_from(context.policy.deploy.before_limit).unwrap_or(i64::MAX);
    let limit = SignedDuration::from_secs(limit);
    match task.started_at {
        Some(started) => now.duration_since(started) >= limit,
        None => now.duration_since(run.at) >= limit + STARTS_WITHIN,
    }
}

/// Returns the recorded run of an observed task, if it has no result.
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
    let result = ReleaseResult::Rejected {
        reason: format!("{} {how} on {}", run.family, now.strftime("%F %H:%M UTC")),
    };
    let record = RecordResult {
        // Images that were pushed meanwhile stay candidates.
        candidates_after: run.pushed_at.or(Some(run.at)),
        ..RecordResult::new(&context.target.arn, &open.digest, &run.tag, result)
    };
    Plan::single_step(
        Action::Release(ReleaseAction::RecordResult(record)),
        message.title.clone(),
        message,
    )
}

impl Candidate<'_> {
    /// Holds every new image while a pre-deployment task runs. What the service should run already is deployed again
    /// meanwhile, if a template replaces it, and so is an image that a person requests and that needs no task.
    pub fn check_running_task(&self) -> Option<Plan> {
        let open = self.observed.pre_deployment.as_ref()?;
        let run = find_open_run(self.context.state, open)?;
        let is_requested = self.has_open_approval() && self.needs_no_task();
        // A start without an answer is repeated with its token.
        let is_unanswered = !run.is_confirmed && open.digest == self.image.digest;
        let is_free = self.is_expected() || is_requested || is_unanswered;
        (!is_free).then(|| {
            Plan::nothing(format!(
                "{} is held: {} runs before {} since {}",
                self.label(),
                run.family,
                run.tag,
                run.at.strftime("%H:%M UTC")
            ))
        })
    }

    /// Reports whether the image is released without a task: its task has passed, it was verified before, or it is older
    /// than what runs.
    fn needs_no_task(&self) -> bool {
        let releases = &self.context.state.releases;
        needs_no_task(releases, &self.image.digest) || self.is_downgrade()
    }

    /// Holds the image until the task before its release has passed; `None` if it has, or none is due.
    pub fn check_pre_deployment(&self) -> Option<Plan> {
        let family = self.context.policy.deploy.before.as_ref()?;
        let releases = &self.context.state.releases;
        if self.is_expected() || self.needs_no_task() {
            return None;
        }
        let known = releases.pre_deployment.get(&self.image.digest);
        if let Some(known) = known
            && let Some((reason, at)) = known.find_retry()
            && self.now < at
        {
            let message = messages::task_not_started(self.image, &known.family, reason, at);
            return Some(Plan::notify(message));
        }
        let attempt = match known {
            Some(unanswered) if unanswered.result.is_none() => unanswered.attempt,
            Some(ended) => ended.attempt + 1,
            None => 1,
        };
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
        // A task that did not start, or whose start got no answer, was announced before.
        let runs = &self.context.state.releases.pre_deployment;
        let is_retry = runs
            .get(&self.image.digest)
            .is_some_and(|known| known.result != Some(PreDeploymentResult::Failed));
        let message = (!is_retry).then_some(message);
        let action = Action::Release(ReleaseAction::RunPreDeploymentTask(run));
        Plan::single_step(action, reason, message)
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
        let base = self.choose_base(revision);
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
            commit: self.image.commit.clone(),
            pushed_at: self.pushed_at,
            snapshots_since: self.wait_start(),
            is_adoption: self.is_adoption(),
        })
    }

    /// Returns the revision from which everything but the images is copied: the newest one, or the one that Lamplighter
    /// built it on. A revision that somebody made from Lamplighter's, with its tags, is one of its own.
    fn choose_base<'r>(&self, revision: &'r BeforeRevision) -> &'r TaskDefinition {
        let newest = &revision.newest;
        let original = revision.base.as_ref().filter(|base| {
            let images = self.find_task_images(base);
            newest.build_request_with_images(&images) == base.build_request_with_images(&images)
        });
        original.unwrap_or(newest)
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
                is_single
                    || ImageRef::parse(container.image).repository == self.container.repository
            })
            .map(|container| (container.name.to_owned(), image.clone()))
            .collect()
    }
}
