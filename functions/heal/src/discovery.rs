//! Discovery: finds the services and container instances that an event affects.

use std::collections::{BTreeMap, BTreeSet};

use crate::reads::Reads;
use lamplighter::engine::{DiscoveryContext, Targets};
use lamplighter::event::detail::Detail;
use lamplighter::event::detail::alarm::split_alarm_name;
use lamplighter::model::{AlarmState, Arn, Service, Tagged};
use lamplighter::policy::{self, HealMode as Reach, HealPolicy, MANAGED, Managed};
use lamplighter::ports::ResourceKind;
use lamplighter::ports::ledger::Ledger;
use lamplighter::{AwsError, Operation};

use crate::mass_failure::{MassFailure, all_services_arn};
use crate::observation::{Prefetched, UNHEALTHY_WATCH_LIST};
use crate::{Heal, affected_services};

/// Name prefix of Lamplighter's alarms; [`UNHEALTHY_TARGETS_ALARM`] is one of their kinds.
const ALARM_PREFIX: &str = "lamplighter/";
const UNHEALTHY_TARGETS_ALARM: &str = "unhealthy-targets";
/// ECS event names for tasks that fail to start or to be placed.
const START_FAILURE_EVENTS: [&str; 2] = [
    "SERVICE_TASK_START_IMPAIRED",
    "SERVICE_TASK_PLACEMENT_FAILURE",
];

type Discovery = Result<Targets<Prefetched>, AwsError>;

pub async fn find_targets<C: Reads, L: Ledger>(discovery: DiscoveryContext<'_, C, L>) -> Discovery {
    let event = discovery.event;
    match &event.detail {
        Detail::TaskChange(change) => {
            match change
                .service_arn()
                .filter(|_| change.last_status == "STOPPED")
            {
                Some(service) => find_named_services(&discovery, vec![service]).await,
                None => Ok(Targets::Skipped("no task of a service stopped".to_owned())),
            }
        }
        Detail::DeploymentChange(change)
            if START_FAILURE_EVENTS.contains(&change.event_name.as_str()) =>
        {
            find_named_services(&discovery, event.resources.iter().map(Arn::new).collect()).await
        }
        Detail::AlarmChange(change) => match split_alarm_name(&change.name) {
            Some(((cluster, name), UNHEALTHY_TARGETS_ALARM))
                if change.state == AlarmState::Alarm =>
            {
                let alarm = Arn::new(change.arn.clone());
                find_named_services(&discovery, vec![alarm.sibling_service(cluster, name)]).await
            }
            _ => Ok(Targets::Skipped(format!(
                "{} says nothing about targets that are unhealthy",
                change.name
            ))),
        },
        Detail::InstanceChange(change) if change.agent_connected => Ok(Targets::Skipped(
            "the agent of the instance is connected".to_owned(),
        )),
        Detail::InstanceChange(change) => {
            let arn = change.container_instance_arn.clone();
            let targets = find_managed_instances(&discovery, vec![arn.clone()]).await?;
            let cluster = cluster_name(&arn);
            let silent = if targets.is_empty() {
                (Vec::new(), 0)
            } else {
                discovery.cloud.disconnected_instances(&cluster).await?
            };
            let silent = BTreeMap::from([(cluster, (silent.0.len(), silent.1))]);
            Ok(build_targets(
                targets,
                Prefetched {
                    at: discovery.now,
                    disconnected: silent,
                    ..Prefetched::default()
                },
            ))
        }
        Detail::Database(change) => {
            let unwell =
                filter_services(discovery.ledger.list_watched(Heal::FUNCTION.name()).await?);
            let services = affected_services::find_affected_services(
                &change.source_arn,
                &unwell,
                discovery.cloud,
            )
            .await?;
            find_named_services(&discovery, services).await
        }
        Detail::Sweep => find_sweep_targets(&discovery).await,
        other => Ok(Targets::unsupported_event(Heal::FUNCTION.name(), other)),
    }
}

/// Returns the cluster name of a container instance.
fn cluster_name(instance: &Arn) -> String {
    instance
        .container_instance()
        .map(|(cluster, _)| cluster.to_owned())
        .unwrap_or_default()
}

fn filter_services(watched: Vec<Arn>) -> Vec<Arn> {
    watched
        .into_iter()
        .filter(|arn| arn.ecs_cluster_and_name().is_some())
        .collect()
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
            "it is about no service that is managed and healed".to_owned(),
        ));
    }
    let by_alarm = matches!(discovery.event.detail, Detail::AlarmChange(_));
    let storm = detect_mass_failure(discovery, &services, by_alarm).await?;
    let targets = services.iter().map(to_tagged).collect();
    Ok(build_targets(
        targets,
        Prefetched {
            at: discovery.now,
            services: index_by_arn(services),
            mass_failure: storm,
            by_alarm,
            ..Prefetched::default()
        },
    ))
}

fn is_managed(service: &Service) -> bool {
    matches!(
        policy::parse_managed(&service.tags),
        Ok(Managed::Act | Managed::Observe)
    ) && is_healing_possible(service)
}

/// Reports whether healing may be enabled. An invalid tag counts as enabled, so that it is
/// reported.
fn is_healing_possible(service: &Service) -> bool {
    HealPolicy::from_tags(&service.tags).map_or(true, |policy| policy.mode != Reach::Off)
}

/// Counts the services that were unhealthy when last observed, and all services if that may be a
/// mass failure. After an alarm, other services may not have been observed yet, so alarms count as
/// well.
async fn detect_mass_failure<C: Reads, L: Ledger>(
    discovery: &DiscoveryContext<'_, C, L>,
    services: &[Service],
    by_alarm: bool,
) -> Result<MassFailure, AwsError> {
    let mut unwell: BTreeSet<Arn> = discovery
        .ledger
        .list_watched(UNHEALTHY_WATCH_LIST)
        .await?
        .into_iter()
        .collect();
    if let (Some(one), true) = (services.first(), by_alarm) {
        let alarmed = find_alarming_services(discovery).await?;
        unwell.extend(
            alarmed
                .iter()
                .map(|(cluster, name)| one.arn.sibling_service(cluster, name)),
        );
    }
    if !MassFailure::is_possible(unwell.len()) {
        return Ok(MassFailure::default());
    }
    let unwell = discovery
        .cloud
        .describe_services(&unwell.into_iter().collect::<Vec<_>>())
        .await?;
    // One that is paused or has lost its tag is not looked at, and so would stay unwell for ever.
    let unwell = unwell
        .into_iter()
        .filter(is_managed)
        .map(|service| service.arn)
        .collect();
    Ok(MassFailure::new(
        unwell,
        &discovery
            .cloud
            .list_tagged(ResourceKind::Service, MANAGED)
            .await?,
    ))
}

/// Returns cluster and name of the services whose unhealthy-targets alarm is in ALARM.
async fn find_alarming_services<C: Reads, L: Ledger>(
    discovery: &DiscoveryContext<'_, C, L>,
) -> Result<BTreeSet<(String, String)>, AwsError> {
    let on = discovery.cloud.describe_alarms(ALARM_PREFIX, true).await?;
    let named = on
        .iter()
        .filter_map(|alarm| split_alarm_name(&alarm.name))
        .filter(|(_, kind)| *kind == UNHEALTHY_TARGETS_ALARM);
    Ok(named
        .map(|((cluster, name), _)| (cluster.to_owned(), name.to_owned()))
        .collect())
}

fn is_alarming(alarmed: &BTreeSet<(String, String)>, arn: &Arn) -> bool {
    arn.ecs_cluster_and_name()
        .is_some_and(|(cluster, name)| alarmed.contains(&(cluster.to_owned(), name.to_owned())))
}

fn to_tagged(service: &Service) -> Tagged {
    Tagged {
        arn: service.arn.clone(),
        tags: service.tags.clone(),
    }
}

fn index_by_arn(services: Vec<Service>) -> BTreeMap<Arn, Service> {
    services
        .into_iter()
        .map(|service| (service.arn.clone(), service))
        .collect()
}

/// Finds the targets of a sweep: services with missing tasks, with an alarm in ALARM, or on the
/// watch list, and container instances with a disconnected agent. A healthy service costs no API
/// call beyond its description.
async fn find_sweep_targets<C: Reads, L: Ledger>(
    discovery: &DiscoveryContext<'_, C, L>,
) -> Discovery {
    let listed = discovery
        .cloud
        .list_tagged(ResourceKind::Service, MANAGED)
        .await?;
    let watched = discovery.ledger.list_watched(Heal::FUNCTION.name()).await?;
    let mut arns: BTreeSet<Arn> = listed.iter().map(|service| service.arn.clone()).collect();
    arns.extend(filter_services(watched.clone()));
    let Some(one) = arns.first().cloned() else {
        return Ok(Targets::Skipped(format!("no service carries {MANAGED}")));
    };
    let alarmed = find_alarming_services(discovery).await?;
    let services = discovery
        .cloud
        .describe_services(&arns.iter().cloned().collect::<Vec<_>>())
        .await?;
    let mut unwell = discovery.ledger.list_watched(UNHEALTHY_WATCH_LIST).await?;
    // One that is paused or has lost its tag is not looked at, and so would stay unwell for ever.
    unwell.retain(|arn| {
        services
            .iter()
            .any(|service| service.arn == *arn && is_managed(service))
    });
    let storm = MassFailure::new(unwell, &listed);
    let clusters: BTreeSet<&str> = services
        .iter()
        .filter_map(|service| Some(service.arn.ecs_cluster_and_name()?.0))
        .collect();
    let mut hosts: BTreeSet<Arn> = watched
        .iter()
        .filter(|arn| arn.container_instance().is_some())
        .cloned()
        .collect();
    let mut silent = BTreeMap::new();
    for cluster in clusters {
        let found = discovery.cloud.disconnected_instances(cluster).await?;
        silent.insert(cluster.to_owned(), (found.0.len(), found.1));
        hosts.extend(found.0);
    }
    let needs_a_look = |service: &&Service| {
        watched.contains(&service.arn)
            || is_healing_possible(service)
                && (service.count_missing_tasks() > 0
                    || is_alarming(&alarmed, &service.arn)
                    || HealPolicy::from_tags(&service.tags).is_err())
    };
    let mut targets: Vec<Tagged> = services
        .iter()
        .filter(needs_a_look)
        .map(to_tagged)
        .collect();
    // Deleted services stay targets once, so that their state is cleaned up.
    let gone = filter_services(watched.clone())
        .into_iter()
        .filter(|arn| !services.iter().any(|s| s.arn == *arn));
    targets.extend(gone.map(|arn| Tagged {
        arn,
        tags: BTreeMap::new(),
    }));
    let found_hosts = find_managed_instances(discovery, hosts.iter().cloned().collect()).await?;
    let gone = hosts
        .iter()
        .filter(|arn| watched.contains(arn) && !found_hosts.iter().any(|host| host.arn == **arn));
    targets.extend(gone.map(|arn| Tagged {
        arn: arn.clone(),
        tags: BTreeMap::new(),
    }));
    targets.extend(found_hosts);
    let everything = all_services_arn(&one);
    if storm.is_active() || watched.contains(&everything) {
        let tags = BTreeMap::from([(MANAGED.to_owned(), "true".to_owned())]);
        targets.push(Tagged {
            arn: everything,
            tags,
        });
    }
    if targets.is_empty() {
        return Ok(Targets::Skipped(format!(
            "all of {} services are well",
            services.len()
        )));
    }
    Ok(build_targets(
        targets,
        Prefetched {
            at: discovery.now,
            services: index_by_arn(services),
            mass_failure: storm,
            disconnected: silent,
            ..Prefetched::default()
        },
    ))
}

/// Finds the managed container instances, with their current tags.
async fn find_managed_instances<C: Reads, L: Ledger>(
    discovery: &DiscoveryContext<'_, C, L>,
    arns: Vec<Arn>,
) -> Result<Vec<Tagged>, AwsError> {
    let mut by_cluster: BTreeMap<String, Vec<Arn>> = BTreeMap::new();
    for arn in arns {
        by_cluster.entry(cluster_name(&arn)).or_default().push(arn);
    }
    let mut found = Vec::new();
    for arns in by_cluster.values() {
        let known = discovery.cloud.describe_instances(arns).await?;
        found.extend(
            known
                .into_iter()
                .filter(|instance| instance.tags.contains_key(MANAGED)),
        );
    }
    Ok(found
        .into_iter()
        .map(|instance| Tagged {
            arn: instance.arn,
            tags: instance.tags,
        })
        .collect())
}

fn build_targets(targets: Vec<Tagged>, prefetched: Prefetched) -> Targets<Prefetched> {
    if targets.is_empty() {
        return Targets::Skipped("it is about nothing that is managed".to_owned());
    }
    Targets::Found(targets, prefetched)
}
