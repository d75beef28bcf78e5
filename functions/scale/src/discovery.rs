//! Discovery of the services that an event refers to.

use std::collections::BTreeSet;

use crate::reads::Reads;
use jiff::Timestamp;
use lamplighter::engine::{DiscoveryContext, Targets};
use lamplighter::event::detail::Detail;
use lamplighter::event::detail::alarm::{AlarmChange, MetricIdentity, split_alarm_name};
use lamplighter::event::detail::tag::TagChange;
use lamplighter::model::{AlarmState, Arn, Service, Tagged};
use lamplighter::policy::{self, SCALE, SCHEDULE, ScalePolicy, StackDefaults};
use lamplighter::ports::ResourceKind;
use lamplighter::ports::ledger::Ledger;
use lamplighter::{AwsError, Event};

use crate::Prefetched;

/// Operation name under which the ledger keeps the watch list.
const NAME: &str = lamplighter::Function::Scale.name();
/// Prefix of the names of Lamplighter's alarms, before the cluster.
const ALARM_PREFIX: &str = "lamplighter/";
/// Kinds of Lamplighter's alarms that indicate load.
const LOAD_ALARMS: [&str; 3] = ["cpu-peak", "memory-peak", "requests"];

type DiscoveryResult = Result<Targets<Prefetched>, AwsError>;

pub async fn find_targets<C: Reads, L: Ledger>(
    discovery: DiscoveryContext<'_, C, L>,
) -> DiscoveryResult {
    match &discovery.event.detail {
        Detail::AlarmChange(change) => find_by_alarm(&discovery, change).await,
        Detail::TagChange(change) => find_by_tag_change(&discovery, change).await,
        Detail::Sweep => find_by_sweep(&discovery).await,
        other => Ok(Targets::unsupported_event("scale", other)),
    }
}

/// Finds the services that an alarm's metrics refer to.
async fn find_by_alarm<C: Reads, L: Ledger>(
    discovery: &DiscoveryContext<'_, C, L>,
    change: &AlarmChange,
) -> DiscoveryResult {
    if change.state != AlarmState::Alarm {
        let state = change.state.as_str();
        return Ok(Targets::Skipped(format!(
            "{} is {state}: the sweep goes on calmly",
            change.name
        )));
    }
    if let Some((_, kind)) =
        split_alarm_name(&change.name).filter(|(_, kind)| !LOAD_ALARMS.contains(kind))
    {
        return Ok(Targets::Skipped(format!(
            "{}: {kind} says nothing about load",
            change.name
        )));
    }
    let arn = Arn::new(change.arn.clone());
    let place = ArnScope::from_alarm(&arn, discovery.event);
    let named = change
        .metrics
        .iter()
        .filter_map(metric_service)
        .chain(services_in_alarm_names(change));
    let arns: BTreeSet<Arn> = named
        .map(|(cluster, name)| place.service_arn(&cluster, &name))
        .collect();
    let services = if arns.is_empty() {
        find_behind_target_groups(discovery, &change.metrics).await?
    } else {
        discovery
            .cloud
            .describe_services(&arns.into_iter().collect::<Vec<_>>())
            .await?
    };
    if services.is_empty() {
        return Ok(Targets::Skipped(format!(
            "{} is about no ECS service here",
            change.name
        )));
    }
    build_targets(services, discovery.now, discovery.cloud).await
}

/// Returns the cluster and service names in the dimensions of an ECS metric.
fn metric_service(metric: &MetricIdentity) -> Option<(String, String)> {
    let is_ecs = ["AWS/ECS", "ECS/ContainerInsights"].contains(&metric.namespace.as_str());
    let dimension = |name: &str| metric.dimensions.get(name).cloned();
    is_ecs
        .then(|| Some((dimension("ClusterName")?, dimension("ServiceName")?)))
        .flatten()
}

/// Returns cluster and service names from Lamplighter's own alarm names, including the children of
/// a composite alarm.
fn services_in_alarm_names(change: &AlarmChange) -> impl Iterator<Item = (String, String)> {
    let names = std::iter::once(&change.name).chain(&change.because_of);
    names
        .filter_map(|name| split_alarm_name(name))
        .map(|((cluster, service), _)| (cluster.to_owned(), service.to_owned()))
}

/// Partition, region and account in which services are looked up.
struct ArnScope<'a> {
    partition: &'a str,
    region: &'a str,
    account: &'a str,
}

impl<'a> ArnScope<'a> {
    fn from_alarm(alarm: &'a Arn, event: &'a Event) -> Self {
        let either = |own: &'a str, other: &'a str| if own.is_empty() { other } else { own };
        Self {
            partition: either(alarm.partition(), "aws"),
            region: either(alarm.region(), &event.region),
            account: either(alarm.account_id(), &event.account),
        }
    }

    fn service_arn(&self, cluster: &str, name: &str) -> Arn {
        Arn::new(format!(
            "arn:{}:ecs:{}:{}:service/{cluster}/{name}",
            self.partition, self.region, self.account
        ))
    }
}

/// Finds the tagged services behind the target groups of a load balancer alarm.
async fn find_behind_target_groups<C: Reads, L: Ledger>(
    discovery: &DiscoveryContext<'_, C, L>,
    metrics: &[MetricIdentity],
) -> Result<Vec<Service>, AwsError> {
    let groups: Vec<&String> = metrics
        .iter()
        .filter_map(|metric| metric.dimensions.get("TargetGroup"))
        .collect();
    if groups.is_empty() {
        return Ok(Vec::new());
    }
    let tagged = discovery
        .cloud
        .list_tagged(ResourceKind::Service, policy::MANAGED)
        .await?;
    let arns: Vec<Arn> = tagged.into_iter().map(|service| service.arn).collect();
    let services = discovery.cloud.describe_services(&arns).await?;
    let is_behind = |service: &Service| {
        service.target_groups.iter().any(|arn| {
            groups
                .iter()
                .any(|group| arn.ends_with(&format!(":{group}")))
        })
    };
    Ok(services.into_iter().filter(is_behind).collect())
}

/// Builds a target with current tags for every service, and prefetches their load.
async fn build_targets<C: Reads>(
    services: Vec<Service>,
    now: Timestamp,
    cloud: &C,
) -> DiscoveryResult {
    let targets = services
        .iter()
        .map(|s| Tagged {
            arn: s.arn.clone(),
            tags: s.tags.clone(),
        })
        .collect();
    Ok(Targets::Found(
        targets,
        Prefetched::read_all(services, now, cloud).await?,
    ))
}

async fn find_by_tag_change<C: Reads, L: Ledger>(
    discovery: &DiscoveryContext<'_, C, L>,
    change: &TagChange,
) -> DiscoveryResult {
    let arn = discovery
        .event
        .resources
        .iter()
        .map(Arn::new)
        .find(|arn| arn.ecs_cluster_and_name().is_some());
    let ours = change
        .changed_tag_keys
        .iter()
        .any(|key| key.starts_with(SCALE) || key.starts_with(SCHEDULE));
    let (Some(arn), true) = (arn, ours) else {
        return Ok(Targets::Skipped(
            "no tag about scaling changed on a service".to_owned(),
        ));
    };
    let services = discovery
        .cloud
        .describe_services(std::slice::from_ref(&arn))
        .await?;
    let scaled: Vec<Service> = services
        .into_iter()
        .filter(|service| service.tags.contains_key(SCALE))
        .collect();
    if scaled.is_empty() {
        return Ok(Targets::Skipped(format!(
            "{} has no {SCALE}",
            arn.display_name()
        )));
    }
    build_targets(scaled, discovery.now, discovery.cloud).await
}

/// Finds the services that need a decision now. Services without a load alarm, an open window or a
/// watch cost no call beyond the listing.
async fn find_by_sweep<C: Reads, L: Ledger>(
    discovery: &DiscoveryContext<'_, C, L>,
) -> DiscoveryResult {
    let listed = discovery
        .cloud
        .list_tagged(ResourceKind::Service, SCALE)
        .await?;
    let watched: BTreeSet<Arn> = discovery
        .ledger
        .list_watched(NAME)
        .await?
        .into_iter()
        .collect();
    if listed.is_empty() && watched.is_empty() {
        return Ok(Targets::Skipped(format!("no service carries {SCALE}")));
    }
    let alarms = discovery.cloud.describe_alarms(ALARM_PREFIX, true).await?;
    let in_alarm: BTreeSet<(&str, &str)> = alarms
        .iter()
        .filter_map(|alarm| split_alarm_name(&alarm.name))
        .filter(|(_, kind)| LOAD_ALARMS.contains(kind))
        .map(|(service, _)| service)
        .collect();
    let hot = |service: &Tagged| {
        service
            .arn
            .ecs_cluster_and_name()
            .is_some_and(|name| in_alarm.contains(&name))
            || is_in_window(service, discovery.now, discovery.defaults)
    };
    let on_the_hour = discovery.now.as_second().rem_euclid(3_600) < 60;
    let mut looked_at: BTreeSet<Arn> = listed
        .iter()
        .filter(|s| on_the_hour || hot(s))
        .map(|s| s.arn.clone())
        .collect();
    // Includes services that lost their tag while their minimum was raised: it must be restored.
    looked_at.extend(watched.iter().cloned());
    if looked_at.is_empty() {
        return Ok(Targets::Skipped(format!(
            "all of {} services are calm",
            listed.len()
        )));
    }
    let mut services = discovery
        .cloud
        .describe_services(&looked_at.into_iter().collect::<Vec<_>>())
        .await?;
    // Once an hour, services that drifted from their minimum are included as well.
    services.retain(|service| {
        watched.contains(&service.arn)
            || listed.iter().any(|s| {
                s.arn == service.arn
                    && (hot(s) || differs_from_min(service, &s.tags, discovery.defaults))
            })
    });
    if services.is_empty() {
        return Ok(Targets::Skipped(format!(
            "all of {} services are calm and within their bounds",
            listed.len()
        )));
    }
    build_targets(services, discovery.now, discovery.cloud).await
}

/// Reports whether an open schedule window requires more tasks than the tag's minimum.
fn is_in_window(service: &Tagged, now: Timestamp, defaults: &StackDefaults) -> bool {
    let (Ok(windows), Some(value)) = (
        policy::parse_schedule(&service.tags),
        service.tags.get(SCALE),
    ) else {
        return false;
    };
    let min = ScalePolicy::parse(value, defaults).map_or(u32::MAX, |scale| scale.min);
    windows
        .iter()
        .any(|window| window.min > min && window.is_open(now))
}

/// Reports whether the desired count differs from the minimum of the tag.
fn differs_from_min(
    service: &Service,
    tags: &std::collections::BTreeMap<String, String>,
    defaults: &StackDefaults,
) -> bool {
    let Ok(Some(scale)) = ScalePolicy::from_tags(tags, defaults) else {
        return false;
    };
    service.desired_count.unsigned_abs() != scale.min
}
