//! Finds the targets of a sweep.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use lamplighter::engine::{DiscoveryContext, Targets};
use lamplighter::model::{Arn, Service, Tagged};
use lamplighter::policy::{HealPolicy, MANAGED};
use lamplighter::ports::ResourceKind;
use lamplighter::ports::ledger::Ledger;
use lamplighter::{AwsError, Function};

use crate::candidates::{
    build_targets, filter_services, find_alarming_services, find_managed_instances, index_by_arn,
    is_alarming, is_healing_possible, is_managed, to_tagged,
};
use crate::families::read_family;
use crate::mass_failure::{MassFailure, all_services_arn};
use crate::observed_runs::family_of;
use crate::prefetched::{Prefetched, UNHEALTHY_WATCH_LIST};
use crate::reads::Reads;

/// Finds the targets of a sweep: services with missing tasks, with an alarm in ALARM, or on the
/// watch list, and container instances with a disconnected agent. A healthy service costs no API
/// call beyond its description.
pub async fn find_sweep_targets<C: Reads, L: Ledger>(
    discovery: &DiscoveryContext<'_, C, L>,
) -> Result<Targets<Prefetched>, AwsError> {
    let listed = discovery
        .cloud
        .list_tagged(ResourceKind::Service, MANAGED)
        .await?;
    let watched = discovery.ledger.list_watched(Function::Heal.name()).await?;
    let families = find_watched_families(&watched, discovery.cloud).await;
    let mut arns: BTreeSet<Arn> = listed.iter().map(|service| service.arn.clone()).collect();
    arns.extend(filter_services(watched.clone()));
    let Some(any_service) = arns.first().cloned() else {
        return Ok(find_families_only(families, discovery.now));
    };
    let alarming = find_alarming_services(discovery).await?;
    let services = discovery
        .cloud
        .describe_services(&arns.into_iter().collect::<Vec<_>>())
        .await?;
    let mass_failure = find_mass_failure(discovery, &services, &listed).await?;
    let hosts = find_hosts(discovery, &services, &watched).await?;
    let mut targets = select_services(&services, &watched, &alarming);
    targets.extend(hosts.targets);
    targets.extend(families);
    let all_services = all_services_arn(&any_service);
    if mass_failure.is_active() || watched.contains(&all_services) {
        targets.push(Tagged {
            arn: all_services,
            tags: BTreeMap::from([(MANAGED.to_owned(), "true".to_owned())]),
        });
    }
    if targets.is_empty() {
        return Ok(Targets::Skipped(format!(
            "all {} services are healthy",
            services.len()
        )));
    }
    Ok(build_targets(
        targets,
        Prefetched {
            at: discovery.now,
            services: index_by_arn(services),
            mass_failure,
            disconnected: hosts.disconnected,
            ..Prefetched::default()
        },
    ))
}

/// Finds the families with a run that failed, or that an event led to. One that can't be read stays watched, and holds back
/// no service.
async fn find_watched_families<C: Reads>(watched: &[Arn], cloud: &C) -> Vec<Tagged> {
    let mut families = Vec::new();
    for arn in watched.iter().filter(|arn| family_of(arn).is_some()) {
        match read_family(arn.clone(), cloud).await {
            Ok(family) => families.push(family),
            Err(error) => {
                tracing::warn!(error = %error, target = arn.display_name(), "a family is looked at by the next sweep");
            }
        }
    }
    families
}

/// Returns the targets of an account without a managed service.
fn find_families_only(families: Vec<Tagged>, now: Timestamp) -> Targets<Prefetched> {
    if families.is_empty() {
        return Targets::Skipped(format!("no service has the tag {MANAGED}"));
    }
    let prefetched = Prefetched {
        at: now,
        ..Prefetched::default()
    };
    build_targets(families, prefetched)
}

/// Counts the services that were unhealthy when last observed.
async fn find_mass_failure<C: Reads, L: Ledger>(
    discovery: &DiscoveryContext<'_, C, L>,
    services: &[Service],
    listed: &[Tagged],
) -> Result<MassFailure, AwsError> {
    let mut unhealthy = discovery.ledger.list_watched(UNHEALTHY_WATCH_LIST).await?;
    // A paused or untagged service is never observed, so it would stay unhealthy for ever.
    unhealthy.retain(|arn| {
        services
            .iter()
            .any(|service| service.arn == *arn && is_managed(service))
    });
    Ok(MassFailure::new(unhealthy, listed))
}

/// Selects the services that need a reconciliation, and the watched services that were deleted.
fn select_services(
    services: &[Service],
    watched: &[Arn],
    alarming: &BTreeSet<String>,
) -> Vec<Tagged> {
    let mut targets: Vec<Tagged> = services
        .iter()
        .filter(|service| watched.contains(&service.arn) || needs_healing(service, alarming))
        .map(to_tagged)
        .collect();
    // Deleted services stay targets once, so that their state is cleaned up.
    let deleted = filter_services(watched.to_vec())
        .into_iter()
        .filter(|arn| !services.iter().any(|service| service.arn == *arn));
    targets.extend(deleted.map(list_untagged));
    targets
}

fn needs_healing(service: &Service, alarming: &BTreeSet<String>) -> bool {
    is_healing_possible(service)
        && (service.count_missing_tasks() > 0
            || is_alarming(alarming, &service.arn)
            || HealPolicy::from_tags(&service.tags).is_err())
}

/// Container instances with a disconnected agent, or on the watch list.
struct Hosts {
    targets: Vec<Tagged>,
    /// See [`Prefetched::disconnected`].
    disconnected: BTreeMap<String, (usize, usize)>,
}

async fn find_hosts<C: Reads, L: Ledger>(
    discovery: &DiscoveryContext<'_, C, L>,
    services: &[Service],
    watched: &[Arn],
) -> Result<Hosts, AwsError> {
    let clusters: BTreeSet<&str> = services
        .iter()
        .filter_map(|service| Some(service.arn.ecs_cluster_and_name()?.0))
        .collect();
    let mut hosts: BTreeSet<Arn> = watched
        .iter()
        .filter(|arn| arn.container_instance().is_some())
        .cloned()
        .collect();
    let mut disconnected = BTreeMap::new();
    for cluster in clusters {
        let (silent, total) = discovery.cloud.disconnected_instances(cluster).await?;
        disconnected.insert(cluster.to_owned(), (silent.len(), total));
        hosts.extend(silent);
    }
    let managed = find_managed_instances(discovery, hosts.iter().cloned().collect()).await?;
    // Deregistered instances stay targets once, like deleted services.
    let mut targets: Vec<Tagged> = hosts
        .into_iter()
        .filter(|arn| watched.contains(arn) && !managed.iter().any(|host| host.arn == *arn))
        .map(list_untagged)
        .collect();
    targets.extend(managed);
    Ok(Hosts {
        targets,
        disconnected,
    })
}

fn list_untagged(arn: Arn) -> Tagged {
    Tagged {
        arn,
        tags: BTreeMap::new(),
    }
}
