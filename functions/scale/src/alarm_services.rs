//! Finds the services that an alarm refers to.

use std::collections::BTreeSet;

use lamplighter::engine::{DiscoveryContext, Targets};
use lamplighter::event::detail::alarm::{AlarmChange, MetricIdentity};
use lamplighter::model::{AlarmState, Arn, Service, split_alarm_kind, split_alarm_name};
use lamplighter::policy::{self, SCALE};
use lamplighter::ports::ResourceKind;
use lamplighter::ports::ledger::Ledger;
use lamplighter::{AwsError, Event};

use crate::metric::Metric;
use crate::reads::Reads;
use crate::targets::{DiscoveryResult, build_targets};

/// Finds the services that an alarm's metrics refer to.
pub async fn find_by_alarm<C: Reads, L: Ledger>(
    discovery: &DiscoveryContext<'_, C, L>,
    change: &AlarmChange,
) -> DiscoveryResult {
    if change.state != AlarmState::Alarm {
        let state = change.state.as_str();
        return Ok(Targets::Skipped(format!(
            "alarm {} is {state}; the sweep scales in",
            change.name
        )));
    }
    let own_kind = split_alarm_kind(&change.name).map(|(_, kind)| kind);
    if own_kind.is_some_and(|kind| Metric::of_alarm(kind).is_none()) {
        return Ok(Targets::Skipped(format!(
            "alarm {} does not measure load",
            change.name
        )));
    }
    let arn = Arn::new(change.arn.clone());
    let scope = ArnScope::from_alarm(&arn, discovery.event);
    let named = change
        .metrics
        .iter()
        .filter_map(metric_service)
        .chain(services_in_alarm_names(change));
    let arns: BTreeSet<Arn> = named
        .map(|(cluster, name)| scope.service_arn(&cluster, &name))
        .collect();
    let mut services = if arns.is_empty() {
        find_behind_target_groups(discovery, &change.metrics).await?
    } else {
        discovery
            .cloud
            .describe_services(&arns.into_iter().collect::<Vec<_>>())
            .await?
    };
    // `enroll` reports an alarm of Lamplighter's own on a service that isn't scaled.
    services.retain(|service| own_kind.is_none() || service.tags.contains_key(SCALE));
    if services.is_empty() {
        return Ok(Targets::Skipped(format!(
            "alarm {} refers to no ECS service here that is scaled",
            change.name
        )));
    }
    build_targets(services, discovery).await
}

/// Returns the cluster and service names in the dimensions of an ECS metric.
fn metric_service(metric: &MetricIdentity) -> Option<(String, String)> {
    let is_ecs = ["AWS/ECS", "ECS/ContainerInsights"].contains(&metric.namespace.as_str());
    if !is_ecs {
        return None;
    }
    let cluster = metric.dimensions.get("ClusterName")?;
    let service = metric.dimensions.get("ServiceName")?;
    Some((cluster.clone(), service.clone()))
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
        Self {
            partition: first_non_empty(alarm.partition(), "aws"),
            region: first_non_empty(alarm.region(), &event.region),
            account: first_non_empty(alarm.account_id(), &event.account),
        }
    }

    fn service_arn(&self, cluster: &str, name: &str) -> Arn {
        Arn::new(format!(
            "arn:{}:ecs:{}:{}:service/{cluster}/{name}",
            self.partition, self.region, self.account
        ))
    }
}

fn first_non_empty<'a>(own: &'a str, other: &'a str) -> &'a str {
    if own.is_empty() { other } else { own }
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
    Ok(services
        .into_iter()
        .filter(|service| is_behind_any(service, &groups))
        .collect())
}

/// Reports whether a service is behind a target group, as an alarm's dimension names it:
/// `targetgroup/web/0123456789abcdef`.
fn is_behind_any(service: &Service, groups: &[&String]) -> bool {
    service.target_groups.iter().any(|arn| {
        groups
            .iter()
            .any(|group| arn.ends_with(&format!(":{group}")))
    })
}
