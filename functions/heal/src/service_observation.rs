//! Reads the health of one service from AWS, and the cause of its symptom.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use lamplighter::engine::TargetContext;
use lamplighter::event::detail::Detail;
use lamplighter::model::{Arn, LoadBalancerTarget, Task};
use lamplighter::ports::{TaskLifecycle, TaskOwner};
use lamplighter::release::dependencies;
use lamplighter::state::HealthIncident;
use lamplighter::{AwsError, policy};

use crate::assessment::assess_health;
use crate::causes;
use crate::health::{Health, Symptom};
use crate::observed_service::ObservedService;
use crate::policy::Policy;
use crate::prefetched::Prefetched;
use crate::reads::Reads;
use crate::timing::{back_off_until, grace_period_end};
use lamplighter::release::stopped_task::{StopCause, StoppedTask};

/// How far before the incident service events are read. ECS reports why tasks are missing before
/// the shortage is observed, and then not again for a while.
const EVENT_LOOKBACK: SignedDuration = SignedDuration::from_mins(15);

/// Observes the health of a service and, if it is unhealthy, the cause.
///
/// # Errors
/// [`AwsError`] if AWS can't be read.
pub async fn observe_service<C: Reads>(
    observed: &mut ObservedService,
    prefetched: &Prefetched,
    context: TargetContext<'_, Policy>,
    cloud: &C,
) -> Result<(), AwsError> {
    if prefetched
        .mass_failure
        .covers_service(&observed.service.arn)
    {
        observed.mass_failure = Some(prefetched.mass_failure.describe_share());
        observed.is_excused = Some(true);
        if observed.service.count_missing_tasks() > 0 {
            observed.health = Health::Unhealthy(Symptom::MissingTasks);
            return Ok(());
        }
    }
    let stopped = cloud
        .list_tasks(
            TaskOwner::Service(&observed.service.arn),
            TaskLifecycle::Stopped,
        )
        .await?;
    observed.stopped_tasks = stopped.iter().map(StoppedTask::from_task).collect();
    observed.health = diagnose_health(observed, context, cloud).await?;
    match observed.health.clone() {
        Health::Unhealthy(symptom) => {
            investigate_symptom(observed, &symptom, prefetched, context, cloud).await
        }
        Health::Healthy | Health::Recovering => {
            if is_out_of_memory_news(observed, context) {
                observed.out_of_memory =
                    causes::diagnose_out_of_memory(observed, context.policy, cloud).await?;
            }
            Ok(())
        }
    }
}

/// Reports whether an isolated out-of-memory kill is not notified yet. The notification about an
/// incident already mentions it.
fn is_out_of_memory_news(observed: &ObservedService, context: TargetContext<'_, Policy>) -> bool {
    let notified = &context.state.notified;
    let is_incident_notified = context
        .state
        .health
        .incident
        .as_ref()
        .is_some_and(|healing| notified.contains_key(&healing.incident_key()));
    observed.is_quiet()
        && !is_incident_notified
        && observed
            .out_of_memory_key()
            .is_some_and(|key| !notified.contains_key(&key))
}

/// Returns the healing state of a target, or a new one. If the target was healthy until now, it is
/// unhealthy since `now`.
fn current_healing(context: TargetContext<'_, Policy>, now: Timestamp) -> HealthIncident {
    let healing = context
        .state
        .health
        .incident
        .clone()
        .unwrap_or_else(|| HealthIncident::new(now));
    let unwell_since = if healing.healthy_since.is_some() {
        now
    } else {
        healing.unhealthy_since
    };
    HealthIncident {
        unhealthy_since: unwell_since,
        ..healing
    }
}

/// Reads the cause of a symptom, if a step or a notification may be due now.
async fn investigate_symptom<C: Reads>(
    observed: &mut ObservedService,
    symptom: &Symptom,
    prefetched: &Prefetched,
    context: TargetContext<'_, Policy>,
    cloud: &C,
) -> Result<(), AwsError> {
    let now = prefetched.at;
    let healing = current_healing(context, now);
    let is_backing_off = back_off_until(&healing).is_some_and(|until| until > now);
    // An alarm has waited itself. After a dependency outage ECS still needs its extended time.
    observed.grace_period_over = grace_period_end(&healing, symptom) <= now
        || prefetched.by_alarm && healing.outage_ended_at.is_none();
    let is_due = observed.grace_period_over && !is_backing_off || healing.is_excused;
    if !is_due || observed.mass_failure.is_some() || context.state.is_release_in_progress(now) {
        return Ok(());
    }
    observed.down =
        dependencies::find_unavailable(policy::app_name(&context.target.tags), cloud).await?;
    observed.is_excused = Some(!observed.down.is_empty());
    if !observed.down.is_empty() {
        return Ok(());
    }
    if healing.is_excused {
        // The dependency is back, so the grace period starts now.
        observed.grace_period_over = false;
        return Ok(());
    }
    read_cause(observed, symptom, healing.since, context, cloud).await
}

async fn read_cause<C: Reads>(
    observed: &mut ObservedService,
    symptom: &Symptom,
    since: Timestamp,
    context: TargetContext<'_, Policy>,
    cloud: &C,
) -> Result<(), AwsError> {
    match symptom {
        Symptom::Failing(failing) => {
            if failing.cause == StopCause::OutOfMemory {
                observed.out_of_memory =
                    causes::diagnose_out_of_memory(observed, context.policy, cloud).await?;
            }
            causes::investigate_failure(observed, failing, context, since, cloud).await
        }
        Symptom::MissingTasks => {
            observed.service_events = cloud
                .service_events(&observed.service.arn, since - EVENT_LOOKBACK)
                .await?;
            Ok(())
        }
        Symptom::Unhealthy(_) => Ok(()),
    }
}

/// Assesses the health of a service. It reads target health only if no task failure explains the
/// symptom, and not for a single stopped task.
async fn diagnose_health<C: Reads>(
    observed: &ObservedService,
    context: TargetContext<'_, Policy>,
    cloud: &C,
) -> Result<Health, AwsError> {
    let service = &observed.service;
    let stops = &observed.stopped_tasks;
    let healing = context.state.health.incident.as_ref();
    let step = healing
        .and_then(|healing| healing.steps.last())
        .map(|step| step.at);
    let by_tasks = assess_health(
        service,
        stops,
        &[],
        &[],
        &BTreeMap::new(),
        step,
        observed.at,
    );
    let is_single_stop = matches!(context.event.detail, Detail::TaskChange(_)) && healing.is_none();
    if by_tasks.is_failing() || is_single_stop || service.target_groups.is_empty() {
        return Ok(by_tasks);
    }
    let targets = cloud.describe_target_health(&service.target_groups).await?;
    if !targets.iter().any(LoadBalancerTarget::is_unhealthy) {
        return Ok(by_tasks);
    }
    let running = cloud
        .list_tasks(TaskOwner::Service(&service.arn), TaskLifecycle::Running)
        .await?;
    let ec2 = read_ec2_instances(&running, cloud).await?;
    Ok(assess_health(
        service,
        stops,
        &running,
        &targets,
        &ec2,
        step,
        observed.at,
    ))
}

/// Maps the container instances of tasks without an own address to their EC2 instances.
async fn read_ec2_instances<C: Reads>(
    running: &[Task],
    cloud: &C,
) -> Result<BTreeMap<String, String>, AwsError> {
    let hosts: BTreeSet<&String> = running
        .iter()
        .filter(|task| task.address.is_none())
        .filter_map(|task| task.instance.as_ref())
        .collect();
    if hosts.is_empty() {
        return Ok(BTreeMap::new());
    }
    let hosts: Vec<Arn> = hosts.into_iter().map(Arn::new).collect();
    let instances = cloud.describe_instances(&hosts).await?;
    Ok(instances
        .into_iter()
        .map(|instance| (instance.arn.to_string(), instance.ec2))
        .collect())
}
