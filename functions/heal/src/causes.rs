//! What is behind tasks that fail: their revision, their memory, something that is missing.

use jiff::{SignedDuration, Timestamp};
use lamplighter::AwsError;
use lamplighter::engine::Seen;
use lamplighter::model::{Change, Digest, ImageRef, LoadQuery, TaskDefinition};
use lamplighter::ports::cloud::Cloud;
use lamplighter::release::{evidence, rollback};
use lamplighter::state::Memory;

use crate::health::Failing;
use crate::stop::{Cause, missing};
use crate::unit::{OutOfMemory, Unit, WayBack};
use crate::{Policy, sizes};

/// Memory is looked at over so long.
const PEAK_WITHIN: SignedDuration = SignedDuration::from_hours(1);
/// A change that something began to fail with is looked for so far back.
const CHANGED_WITHIN: SignedDuration = SignedDuration::from_hours(24);

/// What can be gone back to, what its tasks wrote, and what was done to what they miss.
pub async fn investigate<C: Cloud>(
    unit: &mut Unit,
    failing: &Failing,
    seen: Seen<'_, Policy>,
    since: Timestamp,
    cloud: &C,
) -> Result<(), AwsError> {
    let memory = seen.memory;
    let definition = cloud.task_definition(&unit.service.task_definition).await?;
    // What a release changes is the image: no other capacity, and no secret less.
    if !matches!(failing.cause, Cause::Setup | Cause::Capacity)
        && began_with_its_revision(unit, failing, memory, since)
    {
        unit.way_back = find_way_back(&definition, memory, cloud).await?;
    }
    if !is_to_be_told(seen) {
        return Ok(());
    }
    if failing.cause.needs_person() {
        unit.change = last_change(failing, since, cloud).await;
    } else if failing.cause != Cause::Capacity {
        let began = failing.first.unwrap_or(since).min(since);
        unit.evidence = evidence::find(&unit.service, began, "", cloud).await;
    }
    Ok(())
}

/// Whether somebody is told now: at the first step, and when the last one did not help.
fn is_to_be_told(seen: Seen<'_, Policy>) -> bool {
    let told = |key: &str| seen.memory.told.contains_key(key);
    let Some(healing) = &seen.memory.healing else {
        return true;
    };
    let last = healing.steps.len() >= seen.policy.heal.steps as usize;
    let called = told(&healing.called_key());
    !called && (last || !told(&healing.key()))
}

/// Whether its tasks began to fail within half an hour of its revision, and those of no other failed before.
fn began_with_its_revision(
    unit: &Unit,
    failing: &Failing,
    memory: &Memory,
    since: Timestamp,
) -> bool {
    const WITH: SignedDuration = SignedDuration::from_mins(30);
    let service = &unit.service;
    let verified = memory
        .verified
        .iter()
        .find(|verified| verified.revision == service.task_definition);
    let created = service.primary().and_then(|primary| primary.created_at);
    // A restart begins a deployment as well, and none of its own revision.
    let created = created.filter(|created| {
        memory
            .last_restart()
            .is_none_or(|at| at + WITH < *created || at > *created + WITH)
    });
    let Some(start) = verified.map(|verified| verified.at).or(created) else {
        return false;
    };
    // One that was verified was pulled, and then the registry or the way to it is at fault.
    if verified.is_some() && failing.cause == Cause::Image {
        return false;
    }
    let began = failing.first.unwrap_or(since).min(since);
    let excused_until = memory
        .healing
        .as_ref()
        .and_then(|healing| healing.excused_until);
    if excused_until.is_some_and(|until| began <= until) {
        return false;
    }
    let others = unit
        .stops
        .iter()
        .filter(|stop| stop.is_failure() && stop.revision != service.task_definition);
    began <= start + WITH && others.count() == 0
}

async fn find_way_back<C: Cloud>(
    definition: &TaskDefinition,
    memory: &Memory,
    cloud: &C,
) -> Result<Option<WayBack>, AwsError> {
    let mut images = definition
        .containers()
        .map(|container| ImageRef::parse(container.image));
    let ours = |digest: &Digest| {
        memory
            .attempts
            .iter()
            .any(|attempt| attempt.digest.as_ref() == Some(digest))
    };
    // Of what was rolled out from here alone it is known what it was before.
    let left =
        images.find_map(|image| Some((image.digest.filter(|digest| ours(digest))?, image.tag)));
    let Some((digest, tag)) = left else {
        return Ok(None);
    };
    let to = rollback::find(memory, &digest, cloud).await?;
    Ok(to.map(|to| WayBack {
        to,
        digest,
        tag: tag.unwrap_or_default(),
    }))
}

/// The last change of what is missing; that it can't be found out keeps nobody from being told.
async fn last_change<C: Cloud>(failing: &Failing, since: Timestamp, cloud: &C) -> Option<Change> {
    let resource = missing(&failing.says)?;
    let began = failing.first.unwrap_or(since).min(since);
    let changes = cloud
        .changes(resource, began - CHANGED_WITHIN)
        .await
        .unwrap_or_default();
    changes.into_iter().find(|change| change.at <= began)
}

pub async fn out_of_memory<C: Cloud>(
    unit: &Unit,
    policy: &Policy,
    cloud: &C,
) -> Result<Option<OutOfMemory>, AwsError> {
    let killed = unit
        .has_failed_by(Cause::OutOfMemory)
        .and_then(|stop| stop.container.clone());
    let Some(container) = killed else {
        return Ok(None);
    };
    let service = &unit.service;
    let definition = cloud.task_definition(&service.task_definition).await?;
    let query = LoadQuery {
        service: service.arn.clone(),
        target_groups: Vec::new(),
        busiest: true,
    };
    let loads = cloud
        .loads(&[query], unit.at - PEAK_WITHIN, unit.at)
        .await?;
    let most = loads
        .iter()
        .flat_map(|load| load.busiest_memory.values().chain(load.memory.values()))
        .copied();
    Ok(Some(OutOfMemory {
        limit: definition
            .hard_limit(&container)
            .or(definition.task_size().1),
        peak: most.reduce(f64::max),
        larger: policy
            .heal
            .memory
            .and_then(|percent| sizes::larger(&definition, &container, percent)),
        container,
    }))
}
