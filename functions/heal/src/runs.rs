//! One-off and scheduled tasks: reports a run that failed or did not start. Lamplighter never repeats a run: that may not
//! be safe.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lamplighter::engine::TargetContext;
use lamplighter::event::detail::Detail;
use lamplighter::model::{Arn, Task, TaskDefinition};
use lamplighter::policy::HealMode;
use lamplighter::ports::{TaskLifecycle, TaskOwner};
use lamplighter::release::evidence::{Evidence, collect_task_evidence};
use lamplighter::release::stopped_task::{StopCause, StoppedTask};
use lamplighter::{AwsError, Plan};
use serde::Serialize;

use crate::messages;
use crate::policy::Policy;
use crate::reads::Reads;

/// The condition that fires while the last run of a task definition failed. AWS reports a run only once, so the
/// condition expires like a failed job of AWS.
pub const FAILED_RUN_KEY: &str = "failed:run";
/// The number of revisions whose task definition is read.
const MAX_REVISIONS: usize = 3;

/// The runs of a task definition that belong to no service, as far as ECS keeps them (about an hour).
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ObservedRuns {
    /// The name of their cluster.
    pub cluster: String,
    /// The number of runs that ended, and of those that failed.
    pub ended: usize,
    pub failed: usize,
    /// The last run that failed.
    pub last_failure: Option<FailedRun>,
    /// Why a run did not even become a task, and when, if the event reports it.
    pub not_started: Option<(Timestamp, String)>,
    /// The time at which the newest run that succeeded began.
    pub last_success: Option<Timestamp>,
}

/// A run that failed, with its evidence.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FailedRun {
    pub task: StoppedTask,
    pub evidence: Evidence,
}

/// How a run ended.
enum RunResult {
    Succeeded,
    Failed(Box<StoppedTask>),
    /// A person stopped it.
    Stopped,
}

impl ObservedRuns {
    /// Reports whether a run failed, and none that began later succeeded.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        let stopped = self
            .last_failure
            .as_ref()
            .and_then(|failure| failure.task.stopped_at);
        let not_started = self.not_started.as_ref().map(|(at, _)| *at);
        match (stopped.max(not_started), self.last_success) {
            (Some(failed), Some(succeeded)) => succeeded < failed,
            (Some(_), None) => true,
            (None, _) => false,
        }
    }
}

/// Reads the runs of a family in the cluster that the event names.
///
/// # Errors
/// [`AwsError`] if AWS can't be read.
pub async fn observe_runs<C: Reads>(
    context: TargetContext<'_, Policy>,
    family: &str,
    cloud: &C,
) -> Result<ObservedRuns, AwsError> {
    let (cluster, not_started) = match &context.event.detail {
        Detail::TaskChange(change) => (change.cluster_arn.as_str(), None),
        Detail::RunFailure(failure) => (
            failure.cluster.as_str(),
            context.event.time.zip(Some(failure.describe())),
        ),
        _ => return Ok(ObservedRuns::default()),
    };
    let owner = TaskOwner::Family { cluster, family };
    let mut tasks = cloud.list_tasks(owner, TaskLifecycle::Stopped).await?;
    tasks.retain(Task::is_standalone);
    tasks.sort_by_key(|task| task.stopped_at);
    let definitions = read_definitions(&tasks, cloud).await?;
    let mut runs = ObservedRuns {
        cluster: cluster.rsplit('/').next().unwrap_or_default().to_owned(),
        not_started,
        ..ObservedRuns::default()
    };
    let mut last_failed = None;
    for task in &tasks {
        match judge_run(task, definitions.get(&task.task_definition)) {
            RunResult::Succeeded => {
                runs.last_success = runs.last_success.max(task.created_at);
            }
            RunResult::Failed(stop) => {
                runs.failed += 1;
                last_failed = Some((task, *stop));
            }
            RunResult::Stopped => continue,
        }
        runs.ended += 1;
    }
    if let Some((task, stop)) = last_failed {
        runs.last_failure = Some(FailedRun {
            task: stop,
            evidence: collect_task_evidence(task, cloud).await,
        });
    }
    Ok(runs)
}

/// Reads the task definitions of the newest runs.
async fn read_definitions<C: Reads>(
    tasks: &[Task],
    cloud: &C,
) -> Result<BTreeMap<String, TaskDefinition>, AwsError> {
    let mut definitions = BTreeMap::new();
    for task in tasks.iter().rev() {
        let revision = &task.task_definition;
        if definitions.len() < MAX_REVISIONS && !definitions.contains_key(revision) {
            let definition = cloud.describe_task_definition(revision).await?;
            definitions.insert(revision.clone(), definition);
        }
    }
    Ok(definitions)
}

/// Judges a run by its essential containers. Unlike a task of a service, it may end.
fn judge_run(task: &Task, definition: Option<&TaskDefinition>) -> RunResult {
    let stop = StoppedTask::from_task(task, definition);
    let has_failed = match stop.cause {
        StopCause::Exit => stop.exit_code != Some(0),
        StopCause::Routine => return RunResult::Stopped,
        StopCause::Unknown => task.describe_failure().is_some(),
        StopCause::OutOfMemory
        | StopCause::HealthCheck
        | StopCause::Image
        | StopCause::Setup
        | StopCause::Start
        | StopCause::Capacity
        | StopCause::Spot
        | StopCause::Host => true,
    };
    if has_failed {
        RunResult::Failed(Box::new(stop))
    } else {
        RunResult::Succeeded
    }
}

/// Decides what to report about the runs of a task definition.
pub fn decide(context: TargetContext<'_, Policy>, runs: &ObservedRuns) -> Plan {
    let is_notified = context.state.was_notified(FAILED_RUN_KEY);
    if context.policy.heal.mode == HealMode::Off {
        return if is_notified {
            Plan::notify(messages::runs_ignored_message().resolves(FAILED_RUN_KEY))
        } else {
            Plan::nothing("healing is off")
        };
    }
    if runs.is_failing() {
        let family = context.target.arn.display_name();
        return Plan::notify(
            messages::failed_run_message(runs, &family).fires_until_resolved(FAILED_RUN_KEY),
        );
    }
    match runs.last_success {
        Some(at) if is_notified => {
            Plan::notify(messages::run_succeeded_message(at).resolves(FAILED_RUN_KEY))
        }
        Some(_) => Plan::nothing("the last run succeeded"),
        None => Plan::nothing("no run ended"),
    }
}

/// Returns the family of a target that is a task definition.
#[must_use]
pub fn family_of(target: &Arn) -> Option<&str> {
    target.resource().strip_prefix("task-definition/")
}
