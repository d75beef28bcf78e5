//! Finds the cause of failing tasks: their revision, their memory, or a missing resource.

use crate::reads::Reads;
use jiff::{SignedDuration, Timestamp};
use lamplighter::AwsError;
use lamplighter::engine::TargetContext;
use lamplighter::model::{CloudTrailEvent, Digest, ImageRef, LoadQuery, TaskDefinition};
use lamplighter::release::{evidence, rollback};
use lamplighter::state::TargetState;

use crate::health::Failing;
use crate::observed_service::{ObservedService, OutOfMemory, WayBack};
use crate::stopped_task::{Cause, extract_missing_arn};
use crate::{Policy, sizes};

/// The window over which peak memory utilization is read.
const MEMORY_PEAK_WINDOW: SignedDuration = SignedDuration::from_hours(1);
/// How far before the first failure CloudTrail changes are searched.
const CHANGE_LOOKBACK: SignedDuration = SignedDuration::from_hours(24);

/// Reads the rollback target, the evidence in the logs, and the last change to a missing resource.
///
/// # Errors
/// [`AwsError`] if the task definition or the rollback target can't be read.
pub async fn investigate_failure<C: Reads>(
    unit: &mut ObservedService,
    failing: &Failing,
    context: TargetContext<'_, Policy>,
    since: Timestamp,
    cloud: &C,
) -> Result<(), AwsError> {
    let memory = context.state;
    let definition = cloud
        .describe_task_definition(&unit.service.task_definition)
        .await?;
    // A release changes the image. It neither takes capacity away nor removes a secret.
    if !matches!(failing.cause, Cause::Setup | Cause::Capacity)
        && started_with_revision(unit, failing, memory, since)
    {
        unit.rollback_target = find_rollback_target(&definition, memory, cloud).await?;
    }
    if !should_notify(context) {
        return Ok(());
    }
    if failing.cause.needs_operator() {
        unit.change = find_last_change(failing, since, cloud).await;
    } else if failing.cause != Cause::Capacity {
        let began = failing.first_failure_at.unwrap_or(since).min(since);
        unit.evidence = evidence::collect_evidence(&unit.service, began, "", cloud).await;
    }
    Ok(())
}

/// Reports whether a notification is due: at the first step, and after the last one did not help.
fn should_notify(context: TargetContext<'_, Policy>) -> bool {
    let told = |key: &str| context.state.notified.contains_key(key);
    let Some(healing) = &context.state.health.healing else {
        return true;
    };
    let last = healing.steps.len() >= context.policy.heal.steps as usize;
    let called = told(&healing.escalation_key());
    !called && (last || !told(&healing.incident_key()))
}

/// Reports whether tasks started to fail within 30 minutes of their revision's rollout, and no task
/// of another revision failed.
fn started_with_revision(
    unit: &ObservedService,
    failing: &Failing,
    memory: &TargetState,
    since: Timestamp,
) -> bool {
    const START_WINDOW: SignedDuration = SignedDuration::from_mins(30);
    let service = &unit.service;
    let verified = memory
        .releases
        .verified
        .iter()
        .find(|verified| verified.revision == service.task_definition);
    let created = service
        .primary_deployment()
        .and_then(|primary| primary.created_at);
    // A restart also creates a deployment, but no new revision.
    let created = created.filter(|created| {
        memory
            .last_restart()
            .is_none_or(|at| at + START_WINDOW < *created || at > *created + START_WINDOW)
    });
    let Some(start) = verified.map(|verified| verified.at).or(created) else {
        return false;
    };
    // A verified revision was pulled before, so the registry or the network path to it is at fault.
    if verified.is_some() && failing.cause == Cause::Image {
        return false;
    }
    let began = failing.first_failure_at.unwrap_or(since).min(since);
    let excused_until = memory
        .health
        .healing
        .as_ref()
        .and_then(|healing| healing.excused_until);
    if excused_until.is_some_and(|until| began <= until) {
        return false;
    }
    let others = unit
        .stopped_tasks
        .iter()
        .filter(|stop| stop.is_failure() && stop.revision != service.task_definition);
    began <= start + START_WINDOW && others.count() == 0
}

async fn find_rollback_target<C: Reads>(
    definition: &TaskDefinition,
    memory: &TargetState,
    cloud: &C,
) -> Result<Option<WayBack>, AwsError> {
    let mut images = definition
        .containers()
        .map(|container| ImageRef::parse(container.image));
    let ours = |digest: &Digest| {
        memory
            .releases
            .attempts
            .iter()
            .any(|attempt| attempt.digest.as_ref() == Some(digest))
    };
    // The previous revision is known only for images that Lamplighter released.
    let left =
        images.find_map(|image| Some((image.digest.filter(|digest| ours(digest))?, image.tag)));
    let Some((digest, tag)) = left else {
        return Ok(None);
    };
    let to = rollback::find_rollback_target(memory, &digest, cloud).await?;
    Ok(to.map(|to| WayBack {
        target: to,
        digest,
        tag: tag.unwrap_or_default(),
    }))
}

/// Returns the last CloudTrail change to the missing resource before the failures started. A failed
/// lookup counts as no change, so that the notification is still sent.
async fn find_last_change<C: Reads>(
    failing: &Failing,
    since: Timestamp,
    cloud: &C,
) -> Option<CloudTrailEvent> {
    let resource = extract_missing_arn(&failing.reason)?;
    let began = failing.first_failure_at.unwrap_or(since).min(since);
    let changes = cloud
        .cloudtrail_events(resource, began - CHANGE_LOOKBACK)
        .await
        .unwrap_or_default();
    changes.into_iter().find(|change| change.at <= began)
}

pub async fn diagnose_out_of_memory<C: Reads>(
    unit: &ObservedService,
    policy: &Policy,
    cloud: &C,
) -> Result<Option<OutOfMemory>, AwsError> {
    let killed = unit
        .find_latest_stop(Cause::OutOfMemory)
        .and_then(|stop| stop.container.clone());
    let Some(container) = killed else {
        return Ok(None);
    };
    let service = &unit.service;
    let definition = cloud
        .describe_task_definition(&service.task_definition)
        .await?;
    let query = LoadQuery {
        service: service.arn.clone(),
        target_groups: Vec::new(),
        busiest: true,
    };
    let loads = cloud
        .read_loads(&[query], unit.at - MEMORY_PEAK_WINDOW, unit.at)
        .await?;
    let most = loads
        .iter()
        .flat_map(|load| load.busiest_memory.values().chain(load.memory.values()))
        .copied();
    Ok(Some(OutOfMemory {
        limit: definition
            .memory_hard_limit(&container)
            .or(definition.task_size().1),
        peak: most.reduce(f64::max),
        larger: policy
            .heal
            .memory
            .and_then(|percent| sizes::compute_larger_sizes(&definition, &container, percent)),
        container,
    }))
}
