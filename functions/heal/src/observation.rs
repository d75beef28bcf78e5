//! Reads from AWS the facts that a decision about one target needs.

use std::collections::BTreeSet;

use lamplighter::engine::TargetContext;
use lamplighter::model::Service;
use lamplighter::ports::{TaskLifecycle, TaskOwner};
use lamplighter::release::dependencies;
use lamplighter::{AwsError, policy};

use crate::instance::ObservedInstance;
use crate::mass_failure::{MassFailure, is_all_services};
use crate::observed::Observed;
use crate::observed_runs::family_of;
use crate::observed_service::ObservedService;
use crate::policy::Policy;
use crate::prefetched::Prefetched;
use crate::reads::Reads;
use crate::runs::observe_family;
use crate::service_observation::observe_service;
use lamplighter::release::stopped_task::{StopCause, StoppedTask};

/// Number of services, and of applications, that are sampled to describe a mass failure.
const SAMPLE_SIZE: usize = 10;

/// Observes one target: a service, a container instance, or all services of a region.
///
/// # Errors
/// [`AwsError`] if AWS can't be read.
pub async fn observe_target<C: Reads>(
    prefetched: &Prefetched,
    context: TargetContext<'_, Policy>,
    cloud: &C,
) -> Result<Observed, AwsError> {
    let arn = &context.target.arn;
    if is_all_services(arn) {
        return Ok(Observed::MassFailure(
            observe_mass_failure(prefetched, cloud).await?,
        ));
    }
    if arn.container_instance().is_some() {
        return observe_instance(prefetched, context, cloud).await;
    }
    if let Some(family) = family_of(arn) {
        let observed = observe_family(context, family, cloud).await?;
        return Ok(Observed::Family(Box::new(observed)));
    }
    let Some(service) = read_service(prefetched, context, cloud).await? else {
        return Ok(Observed::Gone);
    };
    let mut observed = ObservedService::new(service, prefetched.at, context.policy.heal.mode);
    if observed.is_healable() {
        observe_service(&mut observed, prefetched, context, cloud).await?;
    }
    Ok(Observed::Service(Box::new(observed)))
}

/// Returns the prefetched service. Another invocation may have changed it since the prefetch; then
/// it is read again.
async fn read_service<C: Reads>(
    prefetched: &Prefetched,
    context: TargetContext<'_, Policy>,
    cloud: &C,
) -> Result<Option<Service>, AwsError> {
    let arn = &context.target.arn;
    let has_changed = context
        .state
        .last_change()
        .is_some_and(|at| at >= prefetched.at);
    if !has_changed {
        return Ok(prefetched.services.get(arn).cloned());
    }
    let services = cloud.describe_services(std::slice::from_ref(arn)).await?;
    Ok(services.into_iter().next())
}

/// Reads where the services of a mass failure fail, and which of their dependencies are down.
async fn observe_mass_failure<C: Reads>(
    prefetched: &Prefetched,
    cloud: &C,
) -> Result<MassFailure, AwsError> {
    let mut failure = prefetched.mass_failure.clone();
    if !failure.is_active() {
        return Ok(failure);
    }
    for service in failure.unhealthy.iter().take(SAMPLE_SIZE) {
        let stopped = cloud
            .list_tasks(TaskOwner::Service(service), TaskLifecycle::Stopped)
            .await?;
        for task in stopped {
            if StoppedTask::from_task(&task, None).cause != StopCause::Routine {
                *failure.stopped_by_zone.entry(task.zone).or_default() += 1;
            }
        }
    }
    let apps: BTreeSet<&str> = failure
        .unhealthy
        .iter()
        .filter_map(|arn| policy::app_name(&prefetched.services.get(arn)?.tags))
        .collect();
    for app in apps.into_iter().take(SAMPLE_SIZE) {
        failure
            .down
            .extend(dependencies::find_unavailable(Some(app), cloud).await?);
    }
    Ok(failure)
}

/// Reads a container instance. Its tasks and its Auto Scaling group are read only if its agent has
/// been disconnected for too long.
async fn observe_instance<C: Reads>(
    prefetched: &Prefetched,
    context: TargetContext<'_, Policy>,
    cloud: &C,
) -> Result<Observed, AwsError> {
    let arn = &context.target.arn;
    let found = cloud.describe_instances(std::slice::from_ref(arn)).await?;
    let Some(instance) = found.into_iter().next() else {
        return Ok(Observed::Gone);
    };
    let cluster = arn
        .container_instance()
        .map(|(cluster, _)| cluster)
        .unwrap_or_default();
    let mut host = ObservedInstance {
        instance,
        disconnected: prefetched
            .disconnected
            .get(cluster)
            .copied()
            .unwrap_or_default(),
        ..ObservedInstance::default()
    };
    if host.has_lost_agent(context, prefetched.at) {
        let mut tasks = cloud
            .list_tasks(TaskOwner::Instance(arn), TaskLifecycle::Stopped)
            .await?;
        let running = cloud
            .list_tasks(TaskOwner::Instance(arn), TaskLifecycle::Running)
            .await?;
        tasks.extend(running);
        host.record_failures(&tasks, context, prefetched.at);
        host.scaling_group = cloud.find_auto_scaling_group(&host.instance.ec2).await?;
    }
    Ok(Observed::Instance(Box::new(host)))
}
