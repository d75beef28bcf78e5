//! Discovery: finds the services and container instances that an event affects.

use std::collections::{BTreeMap, BTreeSet};

use lamplighter::engine::{DiscoveryContext, Targets};
use lamplighter::event::detail::Detail;
use lamplighter::event::detail::alarm::AlarmChange;
use lamplighter::event::detail::deployment::DeploymentChange;
use lamplighter::event::detail::task::{InstanceChange, RunFailure, TaskChange};
use lamplighter::model::{AlarmKind, AlarmState, Arn, Service, split_alarm_name};
use lamplighter::policy::MANAGED;
use lamplighter::ports::ResourceKind;
use lamplighter::ports::ledger::Ledger;
use lamplighter::{AwsError, Event, Function};

use crate::affected_services::find_affected_services;
use crate::candidates::{
    HEALED_ALARMS, build_targets, cluster_name, filter_services, find_alarming_services,
    find_managed_instances, index_by_arn, is_healing_possible, is_managed, to_tagged,
};
use crate::families::read_family;
use crate::mass_failure::MassFailure;
use crate::prefetched::{Prefetched, UNHEALTHY_WATCH_LIST};
use crate::reads::Reads;
use crate::sweep::find_sweep_targets;

/// ECS event names for tasks that fail to start or to be placed.
const START_FAILURE_EVENTS: [&str; 3] = [
    "SERVICE_TASK_START_IMPAIRED",
    "SERVICE_TASK_PLACEMENT_FAILURE",
    "SERVICE_TASK_CONFIGURATION_FAILURE",
];

type Discovery = Result<Targets<Prefetched>, AwsError>;

pub async fn find_targets<C: Reads, L: Ledger>(discovery: DiscoveryContext<'_, C, L>) -> Discovery {
    match &discovery.event.detail {
        Detail::TaskChange(change) => find_target_of_task(&discovery, change).await,
        Detail::RunFailure(failure) => find_family_of_failure(&discovery, failure).await,
        Detail::DeploymentChange(change) if is_start_failure(change) => {
            let services = discovery.event.resources.iter().map(Arn::new).collect();
            find_named_services(&discovery, services).await
        }
        Detail::AlarmChange(change) => find_service_of_alarm(&discovery, change).await,
        Detail::InstanceChange(change) => find_instance(&discovery, change).await,
        Detail::Database(change) => {
            let watched = discovery.ledger.list_watched(Function::Heal.name()).await?;
            let unhealthy = filter_services(watched);
            let services =
                find_affected_services(&change.source_arn, &unhealthy, discovery.cloud).await?;
            find_named_services(&discovery, services).await
        }
        Detail::Sweep => find_sweep_targets(&discovery).await,
        other @ (Detail::ImageAction(_)
        | Detail::ImageScanned(_)
        | Detail::SecretChange(_)
        | Detail::TagChange(_)
        | Detail::ServiceCreated(_)
        | Detail::DeploymentChange(_)
        | Detail::Snapshot(_)
        | Detail::BackupJob(_)
        | Detail::Drill(_)
        | Detail::Request(_)
        | Detail::Release(_)
        | Detail::Hook(_)
        | Detail::CodeDeployHook(_)
        | Detail::CodeDeployment(_)
        | Detail::Other { .. }) => Ok(Targets::unsupported_event(Function::Heal.name(), other)),
    }
}

fn is_start_failure(change: &DeploymentChange) -> bool {
    START_FAILURE_EVENTS.contains(&change.event_name.as_str())
}

async fn find_target_of_task<C: Reads, L: Ledger>(
    discovery: &DiscoveryContext<'_, C, L>,
    change: &TaskChange,
) -> Discovery {
    if change.last_status != "STOPPED" {
        return Ok(Targets::Skipped("no task stopped".to_owned()));
    }
    match (change.service_arn(), change.family_arn()) {
        (Some(service), _) => find_named_services(discovery, vec![service]).await,
        (None, Some(_)) if change.has_succeeded() => Ok(Targets::Skipped(
            "the run succeeded; the sweep ends an incident of the runs before".to_owned(),
        )),
        (None, Some(family)) => find_family(discovery, family).await,
        (None, None) => Ok(Targets::Skipped(
            "the task belongs to Lamplighter, or to no task definition".to_owned(),
        )),
    }
}

async fn find_family_of_failure<C: Reads, L: Ledger>(
    discovery: &DiscoveryContext<'_, C, L>,
    failure: &RunFailure,
) -> Discovery {
    let Event {
        region, account, ..
    } = discovery.event;
    match failure.family_arn(region, account) {
        Some(family) => find_family(discovery, family).await,
        None => Ok(Targets::Skipped(
            "the call names no task definition, or Lamplighter made it".to_owned(),
        )),
    }
}

/// Finds the family of a run, if it is managed.
async fn find_family<C: Reads, L: Ledger>(
    discovery: &DiscoveryContext<'_, C, L>,
    family: Arn,
) -> Discovery {
    let target = read_family(family, discovery.cloud).await?;
    if !target.tags.contains_key(MANAGED) {
        return Ok(Targets::Skipped(format!(
            "{} has no tag {MANAGED}",
            target.arn.display_name()
        )));
    }
    let prefetched = Prefetched {
        at: discovery.now,
        ..Prefetched::default()
    };
    Ok(build_targets(vec![target], prefetched))
}

async fn find_service_of_alarm<C: Reads, L: Ledger>(
    discovery: &DiscoveryContext<'_, C, L>,
    change: &AlarmChange,
) -> Discovery {
    match split_alarm_name(&change.name) {
        Some(((cluster, name), kind))
            if change.state == AlarmState::Alarm
                && HEALED_ALARMS.contains(&AlarmKind::of_alarm(kind)) =>
        {
            let alarm = Arn::new(change.arn.clone());
            find_named_services(discovery, vec![alarm.sibling_service(cluster, name)]).await
        }
        Some(_) | None => Ok(Targets::Skipped(format!(
            "{} is not an alarm of unhealthy targets that fires",
            change.name
        ))),
    }
}

async fn find_instance<C: Reads, L: Ledger>(
    discovery: &DiscoveryContext<'_, C, L>,
    change: &InstanceChange,
) -> Discovery {
    if change.agent_connected {
        return Ok(Targets::Skipped(
            "the agent of the instance is connected".to_owned(),
        ));
    }
    let arn = &change.container_instance_arn;
    let targets = find_managed_instances(discovery, vec![arn.clone()]).await?;
    let cluster = cluster_name(arn);
    let counts = if targets.is_empty() {
        (0, 0)
    } else {
        let (silent, total) = discovery.cloud.disconnected_instances(&cluster).await?;
        (silent.len(), total)
    };
    Ok(build_targets(
        targets,
        Prefetched {
            at: discovery.now,
            disconnected: BTreeMap::from([(cluster, counts)]),
            ..Prefetched::default()
        },
    ))
}

/// Finds the managed services among those that an event names.
async fn find_named_services<C: Reads, L: Ledger>(
    discovery: &DiscoveryContext<'_, C, L>,
    arns: Vec<Arn>,
) -> Discovery {
    let arns: Vec<Arn> = filter_services(arns);
    let mut services = if arns.is_empty() {
        Vec::new()
    } else {
        discovery.cloud.describe_services(&arns).await?
    };
    services.retain(|service| service.tags.contains_key(MANAGED) && is_healing_possible(service));
    if services.is_empty() {
        return Ok(Targets::Skipped(
            "the event is about no managed service with healing".to_owned(),
        ));
    }
    let by_alarm = matches!(discovery.event.detail, Detail::AlarmChange(_));
    let mass_failure = detect_mass_failure(discovery, &services, by_alarm).await?;
    let targets = services.iter().map(to_tagged).collect();
    Ok(build_targets(
        targets,
        Prefetched {
            at: discovery.now,
            services: index_by_arn(services),
            mass_failure,
            by_alarm,
            ..Prefetched::default()
        },
    ))
}

/// Counts the services that were unhealthy when last observed, and all services if that may be a
/// mass failure. After an alarm, other services may not have been observed yet, so alarms count as
/// well.
async fn detect_mass_failure<C: Reads, L: Ledger>(
    discovery: &DiscoveryContext<'_, C, L>,
    services: &[Service],
    by_alarm: bool,
) -> Result<MassFailure, AwsError> {
    let watched = discovery.ledger.list_watched(UNHEALTHY_WATCH_LIST).await?;
    let mut unhealthy: BTreeSet<Arn> = watched.into_iter().collect();
    if let Some(service) = services.first()
        && by_alarm
    {
        let alarming = find_alarming_services(discovery).await?;
        unhealthy.extend(
            alarming
                .iter()
                .filter_map(|name| split_alarm_name(name))
                .map(|((cluster, name), _)| service.arn.sibling_service(cluster, name)),
        );
    }
    if !MassFailure::is_possible(unhealthy.len()) {
        return Ok(MassFailure::default());
    }
    let described = discovery
        .cloud
        .describe_services(&unhealthy.into_iter().collect::<Vec<_>>())
        .await?;
    // A paused or untagged service is never observed, so it would stay unhealthy for ever.
    let unhealthy = described
        .into_iter()
        .filter(is_managed)
        .map(|service| service.arn)
        .collect();
    let all = discovery
        .cloud
        .list_tagged(ResourceKind::Service, MANAGED)
        .await?;
    Ok(MassFailure::new(unhealthy, &all))
}
