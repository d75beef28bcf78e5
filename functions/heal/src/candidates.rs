//! The services and container instances that may become targets, and how they are selected.

use std::collections::{BTreeMap, BTreeSet};

use lamplighter::AwsError;
use lamplighter::engine::{DiscoveryContext, Targets};
use lamplighter::model::{ALARM_PREFIX, AlarmKind, Arn, Service, Tagged, alarm_prefix};
use lamplighter::policy::{self, HealMode, HealPolicy, MANAGED, Managed};
use lamplighter::ports::ledger::Ledger;

use crate::prefetched::Prefetched;
use crate::reads::Reads;

/// The alarms of targets that fail their health checks.
pub const HEALED_ALARMS: [AlarmKind; 2] = [AlarmKind::UnhealthyTargets, AlarmKind::NoHealthyTarget];

/// Returns the cluster name of a container instance.
pub fn cluster_name(instance: &Arn) -> String {
    instance
        .container_instance()
        .map(|(cluster, _)| cluster.to_owned())
        .unwrap_or_default()
}

pub fn filter_services(watched: Vec<Arn>) -> Vec<Arn> {
    watched
        .into_iter()
        .filter(|arn| arn.ecs_cluster_and_name().is_some())
        .collect()
}

/// Reports whether Lamplighter observes a service now.
pub fn is_managed(service: &Service) -> bool {
    matches!(
        policy::parse_managed(&service.tags),
        Ok(Managed::Act | Managed::Observe)
    ) && is_healing_possible(service)
}

/// Reports whether healing may be enabled. An invalid tag counts as enabled, so that it is
/// reported.
pub fn is_healing_possible(service: &Service) -> bool {
    HealPolicy::from_tags(&service.tags).map_or(true, |policy| policy.mode != HealMode::Off)
}

/// Returns the names of the alarms in ALARM of services without enough healthy targets.
pub async fn find_alarming_services<C: Reads, L: Ledger>(
    discovery: &DiscoveryContext<'_, C, L>,
) -> Result<BTreeSet<String>, AwsError> {
    let alarms = discovery.cloud.describe_alarms(ALARM_PREFIX, true).await?;
    Ok(alarms
        .into_iter()
        .map(|alarm| alarm.name)
        .filter(|name| HEALED_ALARMS.contains(&AlarmKind::of_alarm(name)))
        .collect())
}

pub fn is_alarming(alarming: &BTreeSet<String>, arn: &Arn) -> bool {
    alarm_prefix(arn).is_some_and(|prefix| alarming.iter().any(|name| name.starts_with(&prefix)))
}

pub fn to_tagged(service: &Service) -> Tagged {
    Tagged {
        arn: service.arn.clone(),
        tags: service.tags.clone(),
    }
}

pub fn index_by_arn(services: Vec<Service>) -> BTreeMap<Arn, Service> {
    services
        .into_iter()
        .map(|service| (service.arn.clone(), service))
        .collect()
}

/// Finds the managed container instances, with their current tags.
pub async fn find_managed_instances<C: Reads, L: Ledger>(
    discovery: &DiscoveryContext<'_, C, L>,
    arns: Vec<Arn>,
) -> Result<Vec<Tagged>, AwsError> {
    let mut by_cluster: BTreeMap<String, Vec<Arn>> = BTreeMap::new();
    for arn in arns {
        by_cluster.entry(cluster_name(&arn)).or_default().push(arn);
    }
    let mut managed = Vec::new();
    for arns in by_cluster.values() {
        let instances = discovery.cloud.describe_instances(arns).await?;
        managed.extend(
            instances
                .into_iter()
                .filter(|instance| instance.tags.contains_key(MANAGED))
                .map(|instance| Tagged {
                    arn: instance.arn,
                    tags: instance.tags,
                }),
        );
    }
    Ok(managed)
}

pub fn build_targets(targets: Vec<Tagged>, prefetched: Prefetched) -> Targets<Prefetched> {
    if targets.is_empty() {
        return Targets::Skipped("the event is about no managed target".to_owned());
    }
    Targets::Found(targets, prefetched)
}
