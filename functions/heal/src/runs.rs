//! One-off and scheduled tasks: reports a run that failed or did not start. Lamplighter never repeats a run: that may not
//! be safe.
//!
//! A target is a family of task definitions. The target state keeps the clusters with a run that failed, because ECS
//! forgets a task after an hour. The sweep looks at these until a run that began later succeeds.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use lamplighter::engine::TargetContext;
use lamplighter::event::detail::Detail;
use lamplighter::model::{Task, TaskDefinition};
use lamplighter::notify::Message;
use lamplighter::policy::HealMode;
use lamplighter::ports::{TaskLifecycle, TaskOwner};
use lamplighter::release::evidence::collect_task_evidence;
use lamplighter::release::stopped_task::{StopCause, StoppedTask};
use lamplighter::state::TargetState;
use lamplighter::{AwsError, Plan};

use crate::messages;
use crate::observed_runs::{FailedRun, ObservedFamily, ObservedRuns};
use crate::policy::Policy;
use crate::reads::Reads;

/// The number of revisions whose task definition is read.
const MAX_REVISIONS: usize = 3;

/// The time for which the target state knows that a message was sent.
const NOTIFIED_FOR: SignedDuration = SignedDuration::from_hours(24);

/// How a run ended.
enum RunResult {
    Succeeded,
    Failed(Box<StoppedTask>),
    /// A person stopped it.
    Stopped,
}

/// Reads the runs of a family in the cluster that the event names, and in those of the target state.
///
/// # Errors
/// [`AwsError`] if AWS can't be read.
pub async fn observe_family<C: Reads>(
    context: TargetContext<'_, Policy>,
    family: &str,
    cloud: &C,
) -> Result<ObservedFamily, AwsError> {
    let event = &context.event;
    let (mut cluster, mut refused, mut task) = (None, None, None);
    if let Detail::TaskChange(change) = &event.detail {
        cluster = Some(cluster_name(&change.cluster_arn));
        task = Some(change.task_arn.as_str());
    }
    if let Detail::RunFailure(failure) = &event.detail {
        cluster = Some(cluster_name(&failure.cluster));
        refused = event.time.zip(Some(failure.describe()));
    }
    let watched = &context.state.health.runs;
    let names: BTreeSet<&str> = watched.keys().map(String::as_str).chain(cluster).collect();
    let mut observed = ObservedFamily {
        is_event: cluster.is_some(),
        is_ignored: context.policy.heal.mode == HealMode::Off,
        ..ObservedFamily::default()
    };
    for name in names {
        let is_of_event = cluster == Some(name);
        let mut runs = ObservedRuns {
            cluster: name.to_owned(),
            refused: refused.clone().filter(|_| is_of_event),
            known_failure: watched.get(name).and_then(|watch| watch.failed_at),
            ..ObservedRuns::default()
        };
        read_runs(&mut runs, family, task.filter(|_| is_of_event), cloud).await?;
        observed.clusters.push(runs);
    }
    Ok(observed)
}

fn cluster_name(cluster: &str) -> &str {
    cluster.rsplit('/').next().unwrap_or_default()
}

/// Reads the runs in one cluster. `task`: the ARN of one that ended, which ECS may not list yet.
async fn read_runs<C: Reads>(
    runs: &mut ObservedRuns,
    family: &str,
    task: Option<&str>,
    cloud: &C,
) -> Result<(), AwsError> {
    let tasks = list_ended_tasks(&runs.cluster, family, task, cloud).await?;
    let running = list_tasks(&runs.cluster, family, TaskLifecycle::Running, cloud).await?;
    runs.in_progress = running.iter().filter_map(|task| task.created_at).max();
    let definitions = read_definitions(&tasks, cloud).await?;
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
    Ok(())
}

/// Lists the tasks of a family that belong neither to a service nor to Lamplighter. A cluster that doesn't exist has none: a
/// call of RunTask may name any.
async fn list_tasks<C: Reads>(
    cluster: &str,
    family: &str,
    lifecycle: TaskLifecycle,
    cloud: &C,
) -> Result<Vec<Task>, AwsError> {
    const NO_SUCH_CLUSTER: [&str; 2] = ["ClusterNotFoundException", "InvalidParameterException"];
    let owner = TaskOwner::Family { cluster, family };
    match cloud.list_tasks(owner, lifecycle).await {
        Ok(mut tasks) => {
            tasks.retain(Task::is_standalone);
            Ok(tasks)
        }
        Err(error) if NO_SUCH_CLUSTER.contains(&error.code.as_str()) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Lists the runs that ended, oldest first.
async fn list_ended_tasks<C: Reads>(
    cluster: &str,
    family: &str,
    task: Option<&str>,
    cloud: &C,
) -> Result<Vec<Task>, AwsError> {
    let mut tasks = list_tasks(cluster, family, TaskLifecycle::Stopped, cloud).await?;
    if let Some(arn) = task
        && !tasks.iter().any(|known| known.task == arn)
    {
        tasks.extend(cloud.describe_task(cluster, arn).await?);
    }
    // ECS also lists tasks that are still stopping, without their exit codes.
    tasks.retain(|task| task.is_standalone() && task.is_stopped());
    tasks.sort_by_key(|task| task.stopped_at);
    Ok(tasks)
}

/// Reads the task definitions of the newest runs. One may be deleted meanwhile.
async fn read_definitions<C: Reads>(
    tasks: &[Task],
    cloud: &C,
) -> Result<BTreeMap<String, TaskDefinition>, AwsError> {
    let mut revisions: Vec<&str> = Vec::new();
    for task in tasks.iter().rev() {
        if revisions.len() < MAX_REVISIONS && !revisions.contains(&task.task_definition.as_str()) {
            revisions.push(&task.task_definition);
        }
    }
    let mut definitions = BTreeMap::new();
    for revision in revisions {
        match cloud.describe_task_definition(revision).await {
            Ok(definition) => {
                definitions.insert(revision.to_owned(), definition);
            }
            Err(error) if error.code == "ClientException" => {}
            Err(error) => return Err(error),
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

/// Decides what to report about the runs of a family.
pub fn decide(
    context: TargetContext<'_, Policy>,
    observed: &ObservedFamily,
    now: Timestamp,
) -> Plan {
    let family = context.target.arn.display_name();
    let messages: Vec<Message> = observed
        .clusters
        .iter()
        .filter_map(|runs| report_runs(context.state, observed, (runs, &family), now))
        .collect();
    let reason = if observed.is_ignored {
        "healing is off"
    } else if observed.clusters.iter().any(ObservedRuns::is_failing) {
        "the last run failed"
    } else {
        "no run failed since the last one that succeeded"
    };
    Plan {
        messages,
        ..Plan::nothing(reason)
    }
}

fn report_runs(
    state: &TargetState,
    observed: &ObservedFamily,
    (runs, family): (&ObservedRuns, &str),
    now: Timestamp,
) -> Option<Message> {
    let key = runs.key();
    let is_open = runs.known_failure.is_some() || state.was_notified(&key);
    if observed.is_ignored {
        return is_open.then(|| close(messages::runs_ignored_message(), state, key));
    }
    if runs.is_failing() {
        return messages::failed_run_message(runs, family)
            .map(|message| message.fires_until_resolved(key));
    }
    let began = runs.last_success.filter(|_| is_open)?;
    // A refused run that a retry started was never notified.
    if !state.was_notified(&key) && runs.known_failure > Some(now - NOTIFIED_FOR) {
        return None;
    }
    Some(close(
        messages::run_succeeded_message(began, &runs.cluster),
        state,
        key,
    ))
}

/// Ends the condition of a failed run. After a day, the target state no longer knows its notification.
fn close(message: Message, state: &TargetState, key: String) -> Message {
    if state.was_notified(&key) {
        message.resolves(key)
    } else {
        message.clears(key)
    }
}
