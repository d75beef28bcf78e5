//! Finds the services that the sweep covers: those with a cause to change their count.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use lamplighter::Function;
use lamplighter::engine::{DiscoveryContext, Targets};
use lamplighter::model::{
    ALARM_PREFIX, Arn, ExistingAlarm, Service, Tagged, alarm_prefix, split_alarm_kind,
};
use lamplighter::policy::{self, SCALE, ScalePolicy, StackDefaults};
use lamplighter::ports::ResourceKind;
use lamplighter::ports::ledger::Ledger;

use crate::metric::Metric;
use crate::reads::Reads;
use crate::targets::{DiscoveryResult, build_targets};

/// Finds the services that need a decision now. Services without a load alarm, an open window or a
/// watch cost no call beyond the listing.
pub async fn find_by_sweep<C: Reads, L: Ledger>(
    discovery: &DiscoveryContext<'_, C, L>,
) -> DiscoveryResult {
    let listed = discovery
        .cloud
        .list_tagged(ResourceKind::Service, SCALE)
        .await?;
    let watched: BTreeSet<Arn> = discovery
        .ledger
        .list_watched(Function::Scale.name())
        .await?
        .into_iter()
        .collect();
    if listed.is_empty() && watched.is_empty() {
        return Ok(Targets::Skipped(format!("no service has the tag {SCALE}")));
    }
    let alarms = discovery.cloud.describe_alarms(ALARM_PREFIX, true).await?;
    let sweep = SweepScope {
        under_load: find_under_load(&alarms),
        listed: &listed,
        watched: &watched,
        now: discovery.now,
        defaults: discovery.defaults,
    };
    let candidates = sweep.find_candidates();
    if candidates.is_empty() {
        return Ok(Targets::Skipped(format!(
            "none of {} services needs a decision now",
            listed.len()
        )));
    }
    let mut services = discovery.cloud.describe_services(&candidates).await?;
    services.retain(|service| sweep.needs_decision(service));
    if services.is_empty() {
        return Ok(Targets::Skipped(format!(
            "none of {} services is under load or off its minimum",
            listed.len()
        )));
    }
    build_targets(services, discovery).await
}

/// Returns the prefixes of the alarm names of the services with a load alarm among these.
fn find_under_load(alarms: &[ExistingAlarm]) -> BTreeSet<&str> {
    alarms
        .iter()
        .filter_map(|alarm| split_alarm_kind(&alarm.name))
        .filter(|(_, kind)| Metric::of_alarm(kind).is_some())
        .map(|(prefix, _)| prefix)
        .collect()
}

/// What a sweep knows before it reads single services.
struct SweepScope<'a> {
    /// The prefixes of the alarm names of the services with a load alarm in ALARM.
    under_load: BTreeSet<&'a str>,
    /// The services with the scale tag.
    listed: &'a [Tagged],
    /// The services on the watch list. Some lost their tag while their minimum was raised: it must
    /// be restored.
    watched: &'a BTreeSet<Arn>,
    now: Timestamp,
    defaults: &'a StackDefaults,
}

impl SweepScope<'_> {
    /// Returns the services to read: those with a reason to change, some of the others in turn, and once an hour all of them.
    fn find_candidates(&self) -> Vec<Arn> {
        let on_the_hour = self.is_on_the_hour();
        let due = self
            .listed
            .iter()
            .enumerate()
            .filter(|(n, service)| on_the_hour || self.has_turn(*n) || self.has_cause(service))
            .map(|(_, service)| service.arn.clone());
        let candidates: BTreeSet<Arn> = due.chain(self.watched.iter().cloned()).collect();
        candidates.into_iter().collect()
    }

    fn is_on_the_hour(&self) -> bool {
        self.now.as_second().rem_euclid(3_600) < 60
    }

    /// Reports whether it is the turn of a service in this minute: one call reads ten.
    fn has_turn(&self, index: usize) -> bool {
        let pages = self.listed.len().div_ceil(PAGE).max(1);
        let minute = usize::try_from(self.now.as_second() / 60).unwrap_or_default();
        index / PAGE == minute % pages
    }

    /// Reports whether the desired count is out of the bounds of the tag, or once an hour, whether it differs from the minimum.
    fn has_drifted(&self, service: &Service, tags: &BTreeMap<String, String>) -> bool {
        let Ok(Some(scale)) = ScalePolicy::from_tags(tags, self.defaults) else {
            return false;
        };
        let desired = service.desired_count.unsigned_abs();
        if self.is_on_the_hour() {
            return desired != scale.min;
        }
        desired != 0 && !(scale.min..=scale.max).contains(&desired)
    }

    /// Reports whether a service has a load alarm in ALARM, an open schedule window or a queue, on which nothing speaks.
    fn has_cause(&self, service: &Tagged) -> bool {
        alarm_prefix(&service.arn).is_some_and(|prefix| self.under_load.contains(prefix.as_str()))
            || has_queue(service, self.defaults)
            || is_in_window(service, self.now, self.defaults)
    }

    /// Reports whether a service that was read needs a decision. This includes services out of their bounds, and once an hour those
    /// that drifted from their minimum.
    fn needs_decision(&self, service: &Service) -> bool {
        if self.watched.contains(&service.arn) {
            return true;
        }
        self.listed.iter().any(|listed| {
            listed.arn == service.arn
                && (self.has_cause(listed) || self.has_drifted(service, &listed.tags))
        })
    }
}

/// Services that one call of DescribeServices reads.
const PAGE: usize = 10;

fn has_queue(service: &Tagged, defaults: &StackDefaults) -> bool {
    ScalePolicy::from_tags(&service.tags, defaults)
        .is_ok_and(|scale| scale.is_some_and(|scale| scale.queue.is_some()))
}

/// Reports whether an open schedule window has other bounds than the tag.
fn is_in_window(service: &Tagged, now: Timestamp, defaults: &StackDefaults) -> bool {
    let Ok(windows) = policy::parse_schedule(&service.tags) else {
        return false;
    };
    let Some(value) = service.tags.get(SCALE) else {
        return false;
    };
    let Ok(scale) = ScalePolicy::parse(value, defaults) else {
        return false;
    };
    windows.iter().any(|window| {
        let is_narrower = window.max.is_some_and(|max| max < scale.max);
        let is_other = window.min > Some(scale.min) || window.min == Some(0);
        (is_other || is_narrower) && window.is_open(now)
    })
}
