//! Reads the health of one service from AWS, and the cause of its symptom.

use jiff::{SignedDuration, Timestamp};
use lamplighter::engine::TargetContext;
use lamplighter::event::detail::Detail;
use lamplighter::model::{Service, Task};
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
use crate::running_tasks::{RunningTasks, observe_serving, read_health_checks, read_running_tasks};
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
    observed.stopped_tasks = classify_tasks(&stopped, &observed.service, cloud).await?;
    assess_service(observed, context, cloud).await?;
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
    let state = context.state;
    let is_incident_notified = state
        .health
        .incident
        .as_ref()
        .is_some_and(|healing| state.is_notified_about(healing));
    observed.is_quiet()
        && !is_incident_notified
        && observed
            .out_of_memory_key()
            .is_some_and(|key| !state.notified.contains_key(&key))
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
    observed.grace_period_over = grace_period_end(&healing, symptom, &observed.service) <= now
        || prefetched.by_alarm && healing.outage_ended_at.is_none()
        || observed.is_outage() && needs_operator(symptom);
    let is_due = observed.grace_period_over && !is_backing_off
        || healing.is_excused
        || observed.is_outage_news(context.state);
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

fn needs_operator(symptom: &Symptom) -> bool {
    match symptom {
        Symptom::Failing(failing) => failing.needs_operator(),
        Symptom::Unhealthy(_) | Symptom::MissingTasks => false,
    }
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
            if failing.cause == StopCause::HealthCheck {
                observed.health_checks = read_health_checks(&observed.service, cloud).await?;
            }
            causes::investigate_failure(observed, failing, context, since, cloud).await
        }
        Symptom::MissingTasks => {
            observed.service_events = Some(
                cloud
                    .service_events(&observed.service.arn, since - EVENT_LOOKBACK)
                    .await?,
            );
            Ok(())
        }
        Symptom::Unhealthy(_) => {
            observed.health_checks = read_health_checks(&observed.service, cloud).await?;
            Ok(())
        }
    }
}

/// Classifies the stopped tasks. The task definition is read only if it must tell which of several containers failed.
async fn classify_tasks<C: Reads>(
    stopped: &[Task],
    service: &Service,
    cloud: &C,
) -> Result<Vec<StoppedTask>, AwsError> {
    let is_ambiguous = |task: &&Task| {
        task.task_definition == service.task_definition
            && task
                .containers
                .iter()
                .filter(|c| c.exit_code.is_some())
                .count()
                > 1
            && StoppedTask::from_task(task, None).cause == StopCause::Exit
    };
    let definition = if stopped.iter().any(|task| is_ambiguous(&task)) {
        Some(
            cloud
                .describe_task_definition(&service.task_definition)
                .await?,
        )
    } else {
        None
    };
    Ok(stopped
        .iter()
        .map(|task| {
            let own = definition
                .as_ref()
                .filter(|definition| definition.arn() == task.task_definition);
            StoppedTask::from_task(task, own)
        })
        .collect())
}

/// Assesses the health of a service, and how much of it serves. Running tasks and targets are read only if tasks fail or
/// targets are unhealthy, and not for a single stopped task.
async fn assess_service<C: Reads>(
    observed: &mut ObservedService,
    context: TargetContext<'_, Policy>,
    cloud: &C,
) -> Result<(), AwsError> {
    let healing = context.state.health.incident.as_ref();
    let step = healing
        .and_then(|healing| healing.steps.last())
        .map(|step| step.at);
    let (service, stops) = (&observed.service, &observed.stopped_tasks);
    let assess = |running: &RunningTasks| {
        let (tasks, targets) = (&running.tasks, &running.targets);
        assess_health(
            service,
            stops,
            tasks,
            targets,
            &running.ec2,
            step,
            observed.at,
        )
    };
    let by_tasks = assess(&RunningTasks::NONE);
    let is_single_stop = matches!(context.event.detail, Detail::TaskChange(_)) && healing.is_none();
    let running = read_running_tasks(service, &by_tasks, is_single_stop, cloud).await?;
    let health = match &running {
        Some(running) if !by_tasks.is_failing() => assess(running),
        Some(running) => by_tasks.forget_replaced_failures(&running.tasks, service),
        None => by_tasks,
    };
    observed.health = health;
    observe_serving(
        observed,
        running.unwrap_or(RunningTasks::NONE),
        context,
        cloud,
    )
    .await
}
