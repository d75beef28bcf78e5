//! Mass failure: many services are unhealthy at once. It is one incident with a common cause
//! outside the services.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use lamplighter::engine::TargetContext;
use lamplighter::model::{Arn, Tagged, pluralize};
use lamplighter::notify::Message;
use lamplighter::{Function, Plan};
use serde::Serialize;

use crate::policy::Policy;

/// This many unhealthy services at once are a mass failure, if they are also at least one in
/// [`SHARE_DIVISOR`] of all.
const MIN_UNHEALTHY: usize = 5;
const SHARE_DIVISOR: usize = 4;
/// The maximum number of services that the message names.
const MAX_NAMES: usize = 10;
const KEY: &str = "mass-failure";
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
        let mut clusters: BTreeMap<String, (usize, usize)> = BTreeMap::new();
        for cluster in all.iter().filter_map(|service| find_cluster(&service.arn)) {
            clusters.entry(cluster.to_owned()).or_default().1 += 1;
        }
        for cluster in unhealthy.iter().filter_map(find_cluster) {
            clusters.entry(cluster.to_owned()).or_default().0 += 1;
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
    pub fn is_possible(unhealthy: usize) -> bool {
        unhealthy >= MIN_UNHEALTHY
    }

    fn exceeds_threshold((unhealthy, all): (usize, usize)) -> bool {
        Self::is_possible(unhealthy) && unhealthy * SHARE_DIVISOR >= all
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
        let cluster = find_cluster(service).and_then(|cluster| self.clusters.get(cluster));
        self.covers_region() || cluster.copied().is_some_and(Self::exceeds_threshold)
    }

    /// Describes the unhealthy share of the clusters that it covers, such as `7 of 20 services`.
    #[must_use]
    pub fn describe_share(&self) -> String {
        let (unhealthy, all) = if self.covers_region() || !self.is_active() {
            (self.unhealthy.len(), self.total)
        } else {
            self.clusters
                .values()
                .filter(|share| Self::exceeds_threshold(**share))
                .fold((0, 0), |sum, share| (sum.0 + share.0, sum.1 + share.1))
        };
        format!("{unhealthy} of {}", pluralize(all, "service"))
    }
}

fn find_cluster(service: &Arn) -> Option<&str> {
    service.ecs_cluster_and_name().map(|(cluster, _)| cluster)
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

/// Decides whether to notify about a mass failure, or about its end.
pub fn decide(context: TargetContext<'_, Policy>, failure: &MassFailure, now: Timestamp) -> Plan {
    let unhealthy = format!("{} unhealthy", failure.describe_share());
    if !failure.is_active() {
        return Plan {
            reason: unhealthy,
            ..Plan::notify(build_resolution(failure))
        };
    }
    let since = context
        .state
        .waiting_since(Function::Heal.name(), KEY)
        .unwrap_or(now);
    let plan = if now.duration_since(since) >= NOTIFY_AFTER {
        Plan::notify(build_alert(failure, since))
    } else {
        Plan::nothing(unhealthy)
    };
    Plan {
        waits_for: Some(KEY.to_owned()),
        ..plan
    }
}

fn build_resolution(failure: &MassFailure) -> Message {
    Message::info(format!(
        "{} unhealthy - mass failure resolved",
        failure.describe_share()
    ))
    .action("Lamplighter heals the services one by one again.")
    .why("The number of unhealthy services is below the threshold of a mass failure.")
    .next("Nothing to do. Lamplighter notifies you about each service that stays unhealthy.")
    .resolves(KEY)
}

fn build_alert(failure: &MassFailure, since: Timestamp) -> Message {
    Message::critical(format!(
        "{} unhealthy since {} - mass failure",
        failure.describe_share(),
        since.strftime("%H:%M UTC")
    ))
    .action(
        "Lamplighter restarts and rolls back none of these services; ECS keeps starting their tasks.",
    )
    .why(format!(
        "Unhealthy: {}.{}{}",
        list_names(failure),
        describe_zone(failure),
        describe_dependencies(failure)
    ))
    .next(
        "Look for what the services share: an Availability Zone, a network, a database, an image registry. Then \
         restore it.",
    )
    .fires_until_resolved(KEY)
}

/// Lists the services that the mass failure covers, the first ten by name.
fn list_names(failure: &MassFailure) -> String {
    let mut names: Vec<String> = failure
        .unhealthy
        .iter()
        .filter(|arn| failure.covers_service(arn))
        .map(Arn::display_name)
        .collect();
    let more = names.len().saturating_sub(MAX_NAMES);
    if more > 0 {
        names.truncate(MAX_NAMES);
        names.push(format!("and {more} more"));
    }
    names.join(", ")
}

/// Names the Availability Zone in which most tasks stopped; empty if it is not known.
fn describe_zone(failure: &MassFailure) -> String {
    let all: usize = failure.stopped_by_zone.values().sum();
    match failure
        .stopped_by_zone
        .iter()
        .max_by_key(|(_, count)| **count)
    {
        Some((zone, count)) if !zone.is_empty() => {
            format!(" {count} of {all} stopped tasks were in {zone}.")
        }
        Some(_) | None => String::new(),
    }
}

/// Names the dependencies that are down; empty if none is.
fn describe_dependencies(failure: &MassFailure) -> String {
    if failure.down.is_empty() {
        return String::new();
    }
    format!(" Down: {}.", failure.down.join(", "))
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
    fn a_mass_failure_of_one_cluster_does_not_cover_another() {
        let all = (0..6)
            .map(|n| service("dev", n))
            .chain((0..30).map(|n| service("prod", n)));
        let all: Vec<Tagged> = all
            .map(|arn| Tagged {
                arn,
                tags: BTreeMap::new(),
            })
            .collect();
        let mut unhealthy: Vec<Arn> = (0..5).map(|n| service("dev", n)).collect();
        unhealthy.push(service("prod", 0));
        let failure = MassFailure::new(unhealthy.clone(), &all);
        assert!(
            failure.covers_service(&service("dev", 5))
                && !failure.covers_service(&service("prod", 0))
        );
        assert_eq!(failure.describe_share(), "5 of 6 services");
        unhealthy.extend((1..6).map(|n| service("prod", n)));
        let everywhere = MassFailure::new(unhealthy, &all);
        assert!(everywhere.covers_service(&service("prod", 20)));
        assert_eq!(everywhere.describe_share(), "11 of 36 services");
    }
}
