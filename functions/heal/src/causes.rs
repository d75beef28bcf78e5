//! Finds the cause of failing tasks: their revision, their memory, or a missing resource.

use jiff::{SignedDuration, Timestamp};
use lamplighter::AwsError;
use lamplighter::engine::TargetContext;
use lamplighter::model::{CloudTrailEvent, Digest, ImageRef, LoadQuery, Service, TaskDefinition};
use lamplighter::release::{evidence, rollback};
use lamplighter::state::TargetState;

use crate::health::Failing;
use crate::missing_resource::extract_missing_arn;
use crate::observed_service::{ObservedService, OutOfMemory, PossibleRollback};
use crate::policy::Policy;
use crate::reads::Reads;
use crate::sizes;
use lamplighter::release::stopped_task::StopCause;

/// The window over which peak memory utilization is read.
const MEMORY_PEAK_WINDOW: SignedDuration = SignedDuration::from_hours(1);
/// How far before the first failure CloudTrail changes are searched.
const CHANGE_LOOKBACK: SignedDuration = SignedDuration::from_hours(24);
/// Failures that start within this time after a rollout are attributed to its revision.
const START_WINDOW: SignedDuration = SignedDuration::from_mins(30);

/// Reads the rollback target, the evidence in the logs, and the last change to a missing resource.
///
/// # Errors
/// [`AwsError`] if the task definition or the rollback target can't be read.
pub async fn investigate_failure<C: Reads>(
    observed: &mut ObservedService,
    failing: &Failing,
    context: TargetContext<'_, Policy>,
    since: Timestamp,
    cloud: &C,
) -> Result<(), AwsError> {
    let state = context.state;
    let definition = cloud
        .describe_task_definition(&observed.service.task_definition)
        .await?;
    if failing.can_start_with_release() && began_with_revision(observed, failing, state, since) {
        observed.rollback_target = find_rollback_target(&definition, state, cloud).await?;
    }
    if !should_notify(context) {
        return Ok(());
    }
    if failing.needs_operator() {
        observed.change = find_last_change(failing, since, cloud).await;
    } else if failing.cause != StopCause::Capacity {
        let started_at = failing.start_time(since);
        observed.evidence =
            evidence::collect_evidence(&observed.service, started_at, "", cloud).await;
    }
    Ok(())
}

/// Reports whether a notification is due: about each step, and once if no step is taken.
fn should_notify(context: TargetContext<'_, Policy>) -> bool {
    let state = context.state;
    let Some(healing) = &state.health.incident else {
        return true;
    };
    let is_left_alone = state.notified.contains_key(&healing.no_step_key());
    !healing.is_escalated && (!is_left_alone || !healing.steps.is_empty())
}

/// Reports whether tasks started to fail within 30 minutes of their revision's rollout, and no task
/// of another revision failed.
fn began_with_revision(
    observed: &ObservedService,
    failing: &Failing,
    state: &TargetState,
    since: Timestamp,
) -> bool {
    let service = &observed.service;
    let verified = state
        .releases
        .verified
        .iter()
        .find(|verified| verified.revision == service.task_definition);
    // A verified revision was pulled before, so the registry or the network path to it is at fault.
    if verified.is_some() && failing.cause == StopCause::Image {
        return false;
    }
    let Some(rolled_out_at) = verified
        .map(|verified| verified.at)
        .or_else(|| find_rollout_time(service, state))
    else {
        return false;
    };
    let started_at = failing.start_time(since);
    !is_excused_at(started_at, state)
        && started_at <= rolled_out_at + START_WINDOW
        && !has_failures_of_another_revision(observed)
}

/// Returns the creation time of the primary deployment, unless a restart created it: a restart
/// creates a deployment too, but no new revision.
fn find_rollout_time(service: &Service, state: &TargetState) -> Option<Timestamp> {
    let created = service.primary_deployment()?.created_at?;
    let is_restart = state
        .last_restart()
        .is_some_and(|at| at + START_WINDOW >= created && at <= created + START_WINDOW);
    (!is_restart).then_some(created)
}

/// Reports whether a dependency outage or a mass failure explains failures that started then.
fn is_excused_at(started_at: Timestamp, state: &TargetState) -> bool {
    state
        .health
        .incident
        .as_ref()
        .and_then(|healing| healing.outage_ended_at)
        .is_some_and(|until| started_at <= until)
}

fn has_failures_of_another_revision(observed: &ObservedService) -> bool {
    observed
        .stopped_tasks
        .iter()
        .any(|stop| stop.is_failure() && stop.revision != observed.service.task_definition)
}

/// Finds the revision to roll back to. The previous revision is known only for images that
/// Lamplighter released.
async fn find_rollback_target<C: Reads>(
    definition: &TaskDefinition,
    state: &TargetState,
    cloud: &C,
) -> Result<Option<PossibleRollback>, AwsError> {
    let released = definition
        .containers()
        .map(|container| ImageRef::parse(container.image))
        .find_map(|image| {
            let digest = image
                .digest
                .filter(|digest| is_released_digest(digest, state))?;
            Some((digest, image.tag))
        });
    let Some((digest, tag)) = released else {
        return Ok(None);
    };
    let target = rollback::find_rollback_target(state, &digest, cloud).await?;
    Ok(target.map(|target| PossibleRollback {
        target,
        digest,
        tag: tag.unwrap_or_default(),
    }))
}

fn is_released_digest(digest: &Digest, state: &TargetState) -> bool {
    state
        .releases
        .attempts
        .iter()
        .any(|attempt| attempt.digest.as_ref() == Some(digest))
}

/// Returns the last CloudTrail change to the missing resource before the failures started. A failed
/// lookup counts as no change, so that the notification is still sent.
async fn find_last_change<C: Reads>(
    failing: &Failing,
    since: Timestamp,
    cloud: &C,
) -> Option<CloudTrailEvent> {
    let resource = extract_missing_arn(&failing.reason)?;
    let started_at = failing.start_time(since);
    let changes = cloud
        .cloudtrail_events(resource, started_at - CHANGE_LOOKBACK)
        .await
        .unwrap_or_default();
    changes.into_iter().find(|change| change.at <= started_at)
}

/// Reads the memory limit and the peak memory of the container that was killed last, if one was
/// killed because it ran out of memory.
///
/// # Errors
/// [`AwsError`] if the task definition or the metrics can't be read.
pub async fn diagnose_out_of_memory<C: Reads>(
    observed: &ObservedService,
    policy: &Policy,
    cloud: &C,
) -> Result<Option<OutOfMemory>, AwsError> {
    let Some(container) = observed
        .find_latest_stop(StopCause::OutOfMemory)
        .and_then(|stop| stop.container.clone())
    else {
        return Ok(None);
    };
    let definition = cloud
        .describe_task_definition(&observed.service.task_definition)
        .await?;
    Ok(Some(OutOfMemory {
        limit: definition
            .memory_hard_limit(&container)
            .or(definition.task_size().1),
        peak: read_peak_memory(observed, cloud).await?,
        larger: policy
            .heal
            .memory
            .and_then(|percent| sizes::compute_larger_sizes(&definition, &container, percent)),
        container,
    }))
}

/// Reads the peak memory utilization of the service's tasks within the last hour, in per cent.
async fn read_peak_memory<C: Reads>(
    observed: &ObservedService,
    cloud: &C,
) -> Result<Option<f64>, AwsError> {
    let query = LoadQuery {
        service: observed.service.arn.clone(),
        target_groups: Vec::new(),
        busiest: true,
        queue: None,
    };
    let loads = cloud
        .read_loads(&[query], observed.at - MEMORY_PEAK_WINDOW, observed.at)
        .await?;
    Ok(loads
        .iter()
        .flat_map(|load| load.busiest_memory.values().chain(load.memory.values()))
        .copied()
        .reduce(f64::max))
}
