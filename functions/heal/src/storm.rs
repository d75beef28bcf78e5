//! Many services that are not well at once: one incident, and its cause is in none of them.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use lamplighter::engine::Seen;
use lamplighter::model::{Arn, Tagged, counted};
use lamplighter::notify::Message;
use lamplighter::{Operation, Plan};
use serde::Serialize;

use crate::{Heal, Policy};

/// As many at once are no coincidence, where they are this part of all.
const MANY: usize = 5;
const PART: usize = 4;
/// Names that are told.
const NAMED: usize = 10;
const KEY: &str = "storm";
/// What is over by the next sweep is nothing to call a person for.
const LASTS: SignedDuration = SignedDuration::from_mins(4);

/// How many of all managed services are not well.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Storm {
    pub unwell: Vec<Arn>,
    pub all: usize,
    /// The same of each cluster: how many are not well, of how many.
    pub clusters: BTreeMap<String, (usize, usize)>,
    /// Tasks that stopped, by availability zone.
    pub zones: BTreeMap<String, usize>,
    /// What applications depend on and is down.
    pub down: Vec<String>,
}

impl Storm {
    #[must_use]
    pub fn new(unwell: Vec<Arn>, all: &[Tagged]) -> Self {
        let cluster = |arn: &Arn| arn.ecs_service().map(|(cluster, _)| cluster.to_owned());
        let mut clusters: BTreeMap<String, (usize, usize)> = BTreeMap::new();
        for of in all.iter().filter_map(|service| cluster(&service.arn)) {
            clusters.entry(of).or_default().1 += 1;
        }
        for of in unwell.iter().filter_map(cluster) {
            clusters.entry(of).or_default().0 += 1;
        }
        Self {
            unwell,
            all: all.len(),
            clusters,
            ..Self::default()
        }
    }

    /// Whether it may be one, before it is known how many there are in all.
    #[must_use]
    pub fn may_be(unwell: usize) -> bool {
        unwell >= MANY
    }

    fn is_many((unwell, all): (usize, usize)) -> bool {
        Self::may_be(unwell) && unwell * PART >= all
    }

    fn is_everywhere(&self) -> bool {
        Self::is_many((self.unwell.len(), self.all))
    }

    #[must_use]
    pub fn is_on(&self) -> bool {
        self.is_everywhere() || self.clusters.values().copied().any(Self::is_many)
    }

    /// Whether it is where this service is.
    #[must_use]
    pub fn covers(&self, service: &Arn) -> bool {
        let cluster = service
            .ecs_service()
            .and_then(|(cluster, _)| self.clusters.get(cluster));
        self.is_everywhere() || cluster.copied().is_some_and(Self::is_many)
    }

    /// `7 of 20 services`, of the clusters that it covers.
    #[must_use]
    pub fn share(&self) -> String {
        let of_clusters = self
            .clusters
            .values()
            .copied()
            .filter(|share| Self::is_many(*share));
        let (unwell, all) = if self.is_everywhere() || !self.is_on() {
            (self.unwell.len(), self.all)
        } else {
            of_clusters.fold((0, 0), |(unwell, all), (more, of)| {
                (unwell + more, all + of)
            })
        };
        format!("{unwell} of {}", counted(all, "service"))
    }
}

/// What stands for all services of a region, so that they have one incident.
#[must_use]
pub fn all_services(one: &Arn) -> Arn {
    Arn::new(format!(
        "arn:{}:ecs:{}:{}:all-services",
        one.partition(),
        one.region(),
        one.account()
    ))
}

#[must_use]
pub fn is_all_services(arn: &Arn) -> bool {
    arn.resource() == "all-services"
}

pub fn decide(seen: Seen<'_, Policy>, storm: &Storm, now: Timestamp) -> Plan {
    if storm.is_on() {
        let since = seen.memory.waits_since(Heal::NAME, KEY).unwrap_or(now);
        let lasts = now.duration_since(since) >= LASTS;
        let plan = if lasts {
            Plan::tell(begun(storm))
        } else {
            Plan::nothing(format!("{} are not well", storm.share()))
        };
        return Plan {
            waits_for: Some(KEY.to_owned()),
            ..plan
        };
    }
    let over = Message::info(format!("no storm any more: {} are not well", storm.share()))
        .why("They are looked after one by one again.")
        .next("What is still not well is told by itself.")
        .resolves(KEY);
    Plan {
        reason: format!("{} are not well", storm.share()),
        ..Plan::tell(over)
    }
}

fn begun(storm: &Storm) -> Message {
    let mut names: Vec<String> = storm
        .unwell
        .iter()
        .filter(|arn| storm.covers(arn))
        .map(Arn::name)
        .collect();
    if let Some(more) = names.len().checked_sub(NAMED).filter(|more| *more > 0) {
        names.truncate(NAMED);
        names.push(format!("and {more} more"));
    }
    let zones = match storm.zones.iter().max_by_key(|(_, count)| **count) {
        Some((zone, count)) if !zone.is_empty() => {
            let all: usize = storm.zones.values().sum();
            format!(" {count} of {all} tasks that stopped were in {zone}.")
        }
        _ => String::new(),
    };
    let down = if storm.down.is_empty() {
        String::new()
    } else {
        format!(" Down: {}.", storm.down.join(", "))
    };
    Message::critical(format!("{} are not well at once", storm.share()))
        .why(format!("{}.{zones}{down}", names.join(", ")))
        .next(
            "What they have in common is the cause: a zone, a network, a database, an image registry. No service is \
             restarted or taken back meanwhile; ECS goes on starting their tasks.",
        )
        .lasts(KEY)
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
        let storm = Storm::new(unwell.clone(), &all);
        assert!(storm.covers(&service("dev", 5)) && !storm.covers(&service("prod", 0)));
        assert_eq!(storm.share(), "5 of 6 services");
        unwell.extend((1..6).map(|n| service("prod", n)));
        let everywhere = Storm::new(unwell, &all);
        assert!(everywhere.covers(&service("prod", 20)));
        assert_eq!(everywhere.share(), "11 of 36 services");
    }
}
