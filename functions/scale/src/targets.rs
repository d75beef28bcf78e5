//! Which services an event is about.

use std::collections::BTreeSet;

use jiff::Timestamp;
use lamplighter::engine::{Search, Targets};
use lamplighter::event::detail::Detail;
use lamplighter::event::detail::alarm::{AlarmChange, AlarmedMetric, ours};
use lamplighter::event::detail::tag::TagChange;
use lamplighter::model::{AlarmState, Arn, Service, Tagged};
use lamplighter::policy::{self, SCALE, SCHEDULE, ScalePolicy, StackDefaults};
use lamplighter::ports::cloud::{Cloud, Kind};
use lamplighter::ports::ledger::Ledger;
use lamplighter::{AwsError, Event};

use crate::Survey;

/// By what the ledger knows which targets are watched.
const NAME: &str = <crate::Autoscaler as lamplighter::Operation>::NAME;
/// What our alarms are called before the cluster.
const OURS: &str = "lamplighter/";
/// Those of our alarms that say something about load.
const OF_LOAD: [&str; 3] = ["cpu-peak", "memory-peak", "requests"];

type Found = Result<Targets<Survey>, AwsError>;

pub async fn targets<C: Cloud, L: Ledger>(search: Search<'_, C, L>) -> Found {
    match &search.event.detail {
        Detail::AlarmChange(change) => alarmed(&search, change).await,
        Detail::TagChange(change) => tagged(&search, change).await,
        Detail::Sweep => swept(&search).await,
        other => Ok(Targets::not_for("scale", other)),
    }
}

/// The services that an alarm's metrics are about.
async fn alarmed<C: Cloud, L: Ledger>(search: &Search<'_, C, L>, change: &AlarmChange) -> Found {
    if change.state != AlarmState::Alarm {
        let state = change.state.as_str();
        return Ok(Targets::None(format!(
            "{} is {state}: the sweep goes on calmly",
            change.name
        )));
    }
    if let Some((_, kind)) = ours(&change.name).filter(|(_, kind)| !OF_LOAD.contains(kind)) {
        return Ok(Targets::None(format!(
            "{}: {kind} says nothing about load",
            change.name
        )));
    }
    let arn = Arn::new(change.arn.clone());
    let place = Place::of(&arn, search.event);
    let named = change
        .metrics
        .iter()
        .filter_map(service_in)
        .chain(by_name(change));
    let arns: BTreeSet<Arn> = named
        .map(|(cluster, name)| place.service(&cluster, &name))
        .collect();
    let services = if arns.is_empty() {
        behind(search, &change.metrics).await?
    } else {
        search
            .cloud
            .services(&arns.into_iter().collect::<Vec<_>>())
            .await?
    };
    if services.is_empty() {
        return Ok(Targets::None(format!(
            "{} is about no ECS service here",
            change.name
        )));
    }
    found(services, search.now, search.cloud).await
}

/// Cluster and service of a metric.
fn service_in(metric: &AlarmedMetric) -> Option<(String, String)> {
    let is_ecs = ["AWS/ECS", "ECS/ContainerInsights"].contains(&metric.namespace.as_str());
    let dimension = |name: &str| metric.dimensions.get(name).cloned();
    is_ecs
        .then(|| Some((dimension("ClusterName")?, dimension("ServiceName")?)))
        .flatten()
}

/// Cluster and service in the name of an alarm of ours, or of those that made a composite alarm change.
fn by_name(change: &AlarmChange) -> impl Iterator<Item = (String, String)> {
    let names = std::iter::once(&change.name).chain(&change.because_of);
    names
        .filter_map(|name| ours(name))
        .map(|((cluster, service), _)| (cluster.to_owned(), service.to_owned()))
}

/// Partition, region and account that services are looked for in.
struct Place<'a> {
    partition: &'a str,
    region: &'a str,
    account: &'a str,
}

impl<'a> Place<'a> {
    fn of(alarm: &'a Arn, event: &'a Event) -> Self {
        let either = |own: &'a str, other: &'a str| if own.is_empty() { other } else { own };
        Self {
            partition: either(alarm.partition(), "aws"),
            region: either(alarm.region(), &event.region),
            account: either(alarm.account(), &event.account),
        }
    }

    fn service(&self, cluster: &str, name: &str) -> Arn {
        Arn::new(format!(
            "arn:{}:ecs:{}:{}:service/{cluster}/{name}",
            self.partition, self.region, self.account
        ))
    }
}

/// The tagged services whose target groups an alarm of a load balancer is about.
async fn behind<C: Cloud, L: Ledger>(
    search: &Search<'_, C, L>,
    metrics: &[AlarmedMetric],
) -> Result<Vec<Service>, AwsError> {
    let groups: Vec<&String> = metrics
        .iter()
        .filter_map(|metric| metric.dimensions.get("TargetGroup"))
        .collect();
    if groups.is_empty() {
        return Ok(Vec::new());
    }
    let tagged = search.cloud.tagged(Kind::Service, policy::MANAGED).await?;
    let arns: Vec<Arn> = tagged.into_iter().map(|service| service.arn).collect();
    let services = search.cloud.services(&arns).await?;
    let is_behind = |service: &Service| {
        service.target_groups.iter().any(|arn| {
            groups
                .iter()
                .any(|group| arn.ends_with(&format!(":{group}")))
        })
    };
    Ok(services.into_iter().filter(is_behind).collect())
}

/// Every service as a target, with the tags it has now, and what all of them carry.
async fn found<C: Cloud>(services: Vec<Service>, now: Timestamp, cloud: &C) -> Found {
    let targets = services
        .iter()
        .map(|s| Tagged {
            arn: s.arn.clone(),
            tags: s.tags.clone(),
        })
        .collect();
    Ok(Targets::These(
        targets,
        Survey::read(services, now, cloud).await?,
    ))
}

async fn tagged<C: Cloud, L: Ledger>(search: &Search<'_, C, L>, change: &TagChange) -> Found {
    let arn = search
        .event
        .resources
        .iter()
        .map(Arn::new)
        .find(|arn| arn.ecs_service().is_some());
    let ours = change
        .changed_tag_keys
        .iter()
        .any(|key| key.starts_with(SCALE) || key.starts_with(SCHEDULE));
    let (Some(arn), true) = (arn, ours) else {
        return Ok(Targets::None(
            "no tag about scaling changed on a service".to_owned(),
        ));
    };
    let services = search.cloud.services(std::slice::from_ref(&arn)).await?;
    let scaled: Vec<Service> = services
        .into_iter()
        .filter(|service| service.tags.contains_key(SCALE))
        .collect();
    if scaled.is_empty() {
        return Ok(Targets::None(format!("{} has no {SCALE}", arn.name())));
    }
    found(scaled, search.now, search.cloud).await
}

/// The services that need a look now. Calm ones cost no call beyond the listing.
async fn swept<C: Cloud, L: Ledger>(search: &Search<'_, C, L>) -> Found {
    let listed = search.cloud.tagged(Kind::Service, SCALE).await?;
    let watched: BTreeSet<Arn> = search.ledger.watched(NAME).await?.into_iter().collect();
    if listed.is_empty() && watched.is_empty() {
        return Ok(Targets::None(format!("no service carries {SCALE}")));
    }
    let alarms = search.cloud.alarms(OURS, true).await?;
    let in_alarm: BTreeSet<(&str, &str)> = alarms
        .iter()
        .filter_map(|alarm| ours(&alarm.name))
        .filter(|(_, kind)| OF_LOAD.contains(kind))
        .map(|(service, _)| service)
        .collect();
    let hot = |service: &Tagged| {
        service
            .arn
            .ecs_service()
            .is_some_and(|name| in_alarm.contains(&name))
            || in_window(service, search.now, search.defaults)
    };
    let on_the_hour = search.now.as_second().rem_euclid(3_600) < 60;
    let mut looked_at: BTreeSet<Arn> = listed
        .iter()
        .filter(|s| on_the_hour || hot(s))
        .map(|s| s.arn.clone())
        .collect();
    // Those that lost their tag while something was raised for them are put in order.
    looked_at.extend(watched.iter().cloned());
    if looked_at.is_empty() {
        return Ok(Targets::None(format!(
            "all of {} services are calm",
            listed.len()
        )));
    }
    let mut services = search
        .cloud
        .services(&looked_at.into_iter().collect::<Vec<_>>())
        .await?;
    // Once an hour those that somebody has moved out of their bounds are found as well.
    services.retain(|service| {
        watched.contains(&service.arn)
            || listed.iter().any(|s| {
                s.arn == service.arn && (hot(s) || is_off(service, &s.tags, search.defaults))
            })
    });
    if services.is_empty() {
        return Ok(Targets::None(format!(
            "all of {} services are calm and within their bounds",
            listed.len()
        )));
    }
    found(services, search.now, search.cloud).await
}

/// Whether a window is open that asks for more than the tag's own minimum.
fn in_window(service: &Tagged, now: Timestamp, defaults: &StackDefaults) -> bool {
    let (Ok(windows), Some(value)) = (policy::schedule(&service.tags), service.tags.get(SCALE))
    else {
        return false;
    };
    let min = ScalePolicy::parse(value, defaults).map_or(u32::MAX, |scale| scale.min);
    windows
        .iter()
        .any(|window| window.min > min && window.holds(now))
}

/// Whether a count is not at the floor: below it, or above it without being watched.
fn is_off(
    service: &Service,
    tags: &std::collections::BTreeMap<String, String>,
    defaults: &StackDefaults,
) -> bool {
    let Ok(Some(scale)) = ScalePolicy::of(tags, defaults) else {
        return false;
    };
    service.desired_count.unsigned_abs() != scale.min
}
