//! Mass failure: many services are unhealthy at once. It is one incident with a common cause
//! outside the services.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use lamplighter::engine::TargetContext;
use lamplighter::model::{Arn, Tagged, pluralize};
use lamplighter::notify::Message;
use lamplighter::{Operation, Plan};
use serde::Serialize;

use crate::{Heal, Policy};

/// This many unhealthy services at once are a mass failure, if they are also at least one in
/// [`SHARE_DIVISOR`] of all.
const MIN_UNHEALTHY: usize = 5;
const SHARE_DIVISOR: usize = 4;
/// The maximum number of services that the message names.
const MAX_NAMES: usize = 10;
const KEY: &str = "storm";
/// The notification delay: a mass failure that ends before the next sweep is not worth an alert.
const NOTIFY_AFTER: SignedDuration = SignedDuration::from_mins(4);

/// The unhealthy services among all managed services.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct MassFailure {
    pub unhealthy: Vec<Arn>,
    pub total: usize,
    /// Unhealthy and total services of each cluster.
    pub clusters: BTreeMap<String, (usize, usize)>,
    /// Number of stopped tasks by Availability Zone.
    pub stopped_by_zone: BTreeMap<String, usize>,
    /// Dependencies of the affected applications that are down.
    pub down: Vec<String>,
}

impl MassFailure {
    #[must_use]
    pub fn new(unhealthy: Vec<Arn>, all: &[Tagged]) -> Self {
        let cluster = |arn: &Arn| {
            arn.ecs_cluster_and_name()
                .map(|(cluster, _)| cluster.to_owned())
        };
        let mut clusters: BTreeMap<String, (usize, usize)> = BTreeMap::new();
        for of in all.iter().filter_map(|service| cluster(&service.arn)) {
            clusters.entry(of).or_default().1 += 1;
        }
        for of in unhealthy.iter().filter_map(cluster) {
            clusters.entry(of).or_default().0 += 1;
        }
        Self {
            unhealthy,
            total: all.len(),
            clusters,
            ..Self::default()
        }
    }

    /// Reports whether a number of unhealthy services may be a mass failure, before the total is
    /// known.
    #[must_use]
    pub fn is_possible(unwell: usize) -> bool {
        unwell >= MIN_UNHEALTHY
    }

    fn exceeds_threshold((unwell, all): (usize, usize)) -> bool {
        Self::is_possible(unwell) && unwell * SHARE_DIVISOR >= all
    }

    fn covers_region(&self) -> bool {
        Self::exceeds_threshold((self.unhealthy.len(), self.total))
    }

    #[must_use]
    pub fn is_active(&self) -> bool {
        self.covers_region() || self.clusters.values().copied().any(Self::exceeds_threshold)
    }

    /// Reports whether the mass failure covers a service, in its region or its cluster.
    #[must_use]
    pub fn covers_service(&self, service: &Arn) -> bool {
        let cluster = service
            .ecs_cluster_and_name()
            .and_then(|(cluster, _)| self.clusters.get(cluster));
        self.covers_region() || cluster.copied().is_some_and(Self::exceeds_threshold)
    }

    /// Describes the unhealthy share of the clusters that it covers, such as `7 of 20 services`.
    #[must_use]
    pub fn describe_share(&self) -> String {
        let of_clusters = self
            .clusters
            .values()
            .copied()
            .filter(|share| Self::exceeds_threshold(*share));
        let (unwell, all) = if self.covers_region() || !self.is_active() {
            (self.unhealthy.len(), self.total)
        } else {
            of_clusters.fold((0, 0), |(unwell, all), (more, of)| {
                (unwell + more, all + of)
            })
        };
        format!("{unwell} of {}", pluralize(all, "service"))
    }
}

/// Returns the synthetic ARN of all services of a region, so that they share one incident.
#[must_use]
pub fn all_services_arn(one: &Arn) -> Arn {
    Arn::new(format!(
        "arn:{}:ecs:{}:{}:all-services",
        one.partition(),
        one.region(),
        one.account_id()
    ))
}

#[must_use]
pub fn is_all_services(arn: &Arn) -> bool {
    arn.resource() == "all-services"
}

pub fn decide(context: TargetContext<'_, Policy>, storm: &MassFailure, now: Timestamp) -> Plan {
    if storm.is_active() {
        let since = context
            .state
            .waiting_since(Heal::FUNCTION.name(), KEY)
            .unwrap_or(now);
        let lasts = now.duration_since(since) >= NOTIFY_AFTER;
        let plan = if lasts {
            Plan::notify(build_alert(storm))
        } else {
            Plan::nothing(format!("{} are not well", storm.describe_share()))
        };
        return Plan {
            waits_for: Some(KEY.to_owned()),
            ..plan
        };
    }
    let over = Message::info(format!(
        "no storm any more: {} are not well",
        storm.describe_share()
    ))
    .why("They are looked after one by one again.")
    .next("What is still not well is told by itself.")
    .resolves(KEY);
    Plan {
        reason: format!("{} are not well", storm.describe_share()),
        ..Plan::notify(over)
    }
}

fn build_alert(storm: &MassFailure) -> Message {
    let mut names: Vec<String> = storm
        .unhealthy
        .iter()
        .filter(|arn| storm.covers_service(arn))
        .map(Arn::display_name)
        .collect();
    if let Some(more) = names.len().checked_sub(MAX_NAMES).filter(|more| *more > 0) {
        names.truncate(MAX_NAMES);
        names.push(format!("and {more} more"));
    }
    let zones = match storm
        .stopped_by_zone
        .iter()
        .max_by_key(|(_, count)| **count)
    {
        Some((zone, count)) if !zone.is_empty() => {
            let all: usize = storm.stopped_by_zone.values().sum();
            format!(" {count} of {all} tasks that stopped were in {zone}.")
        }
        _ => String::new(),
    };
    let down = if storm.down.is_empty() {
        String::new()
    } else {
        format!(" Down: {}.", storm.down.join(", "))
    };
    Message::critical(format!("{} are not well at once", storm.describe_share()))
        .why(format!("{}.{zones}{down}", names.join(", ")))
        .next(
            "What they have in common is the cause: a zone, a network, a database, an image registry. No service is \
             restarted or taken back meanwhile; ECS goes on starting their tasks.",
        )
        .fires_until_resolved(KEY)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn service(cluster: &str, n: usize) -> Arn {
        Arn::new(format!(
            "arn:aws:ecs:eu-west-1:123456789012:service/{cluster}/s{n}"
        ))
    }

    #[test]
    fn a_storm_of_one_cluster_is_none_of_another() {
        let all = (0..6)
            .map(|n| service("dev", n))
            .chain((0..30).map(|n| service("prod", n)));
        let all: Vec<Tagged> = all
            .map(|arn| Tagged {
                arn,
                tags: BTreeMap::new(),
            })
            .collect();
        let mut unwell: Vec<Arn> = (0..5).map(|n| service("dev", n)).collect();
        unwell.push(service("prod", 0));
        let storm = MassFailure::new(unwell.clone(), &all);
        assert!(
            storm.covers_service(&service("dev", 5)) && !storm.covers_service(&service("prod", 0))
        );
        assert_eq!(storm.describe_share(), "5 of 6 services");
        unwell.extend((1..6).map(|n| service("prod", n)));
        let everywhere = MassFailure::new(unwell, &all);
        assert!(everywhere.covers_service(&service("prod", 20)));
        assert_eq!(everywhere.describe_share(), "11 of 36 services");
    }
}
