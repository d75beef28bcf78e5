//! The state of the health incident of a service.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::CapacityShare;
use crate::state::releases::Verified;

/// The state of healing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HealthState {
    /// The current health incident, which stays until the service has been healthy for a while.
    pub incident: Option<HealthIncident>,
    /// The time in which no task of the service serves.
    pub none_serves: Option<NoneServes>,
    /// The service is parked at a few tasks, because it is in a crash loop.
    pub parked: Option<Parked>,
    /// The tasks run on other capacity for a while.
    pub switched_capacity: Option<SwitchedCapacity>,
    /// The time at which the tasks last returned to Spot capacity, and after how many hours.
    pub back_on_spot: Option<(Timestamp, u32)>,
    /// The time of the last memory increase.
    pub memory_increased_at: Option<Timestamp>,
    /// The clusters in which the runs of a task definition are looked at again, by name.
    pub runs: BTreeMap<String, RunWatch>,
}

/// What is known of the runs of a task definition in one cluster.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunWatch {
    /// The time of the last failure after which no run succeeded.
    pub failed_at: Option<Timestamp>,
}

/// A time in which no task of a service serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoneServes {
    pub since: Timestamp,
    /// The time of the last observation of it.
    pub seen_at: Timestamp,
}

/// A health incident, from the first unhealthy observation until the service has been healthy for
/// a while.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthIncident {
    pub since: Timestamp,
    /// The time since which the service has been unhealthy without a break.
    pub unhealthy_since: Timestamp,
    /// The ARN of the unhealthy revision; empty if Lamplighter just replaced it.
    pub revision: String,
    /// The steps that were taken, oldest first.
    pub steps: Vec<HealStep>,
    /// The time since which the service is healthy again.
    pub healthy_since: Option<Timestamp>,
    /// At the last observation a dependency was down, or many services failed at once.
    #[serde(default)]
    pub is_excused: bool,
    /// The time at which that last ended.
    #[serde(default)]
    pub outage_ended_at: Option<Timestamp>,
    /// People were called. Until something else is deployed, nothing more is tried.
    #[serde(default)]
    pub is_escalated: bool,
    /// The release that no rollback returns to any more, because no step made it healthy.
    #[serde(default)]
    pub withdrawn: Option<Verified>,
}

/// A repair step that AWS accepted, or rejected for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealStep {
    pub at: Timestamp,
    pub what: String,
}

/// The state of a parked service: it runs as few tasks as possible.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    pub before: u32,
    pub to: u32,
    /// The ARN of the revision in the crash loop.
    pub revision: String,
    pub at: Timestamp,
}

/// The state of a service whose tasks run on other capacity for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwitchedCapacity {
    pub before: Vec<CapacityShare>,
    pub to: Vec<CapacityShare>,
    pub at: Timestamp,
    /// The number of hours on the other capacity.
    pub hours: u32,
}

impl HealthIncident {
    /// Returns an incident that starts now.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self {
            since: now,
            unhealthy_since: now,
            ..Self::default()
        }
    }

    /// Returns the notification key of this incident.
    #[must_use]
    pub fn incident_key(&self) -> String {
        format!("{}{}", Self::KEY_PREFIX, self.since)
    }

    /// The prefix of the notification keys of all health incidents.
    pub const KEY_PREFIX: &str = "heal:";

    /// Extracts the incident key from a key made by [`Self::build_subkey`].
    #[must_use]
    pub fn parse_incident_key(key: &str) -> &str {
        key.split_inclusive('Z').next().unwrap_or(key)
    }

    /// Returns the key for the escalation, after no step has helped.
    #[must_use]
    pub fn escalation_key(&self) -> String {
        self.build_subkey("called")
    }

    /// Returns the key of the message that nothing serves since a time.
    #[must_use]
    pub fn outage_key(&self, since: Timestamp) -> String {
        self.build_subkey(&format!("outage:{since}"))
    }

    /// Returns the key of the message that nothing serves while a dependency is down.
    #[must_use]
    pub fn dependency_key(&self) -> String {
        self.build_subkey("down")
    }

    /// Returns the key of the message that no step is taken.
    #[must_use]
    pub fn no_step_key(&self) -> String {
        self.build_subkey("no-step")
    }

    /// Returns the key of the message about a step: each step has its own.
    #[must_use]
    pub fn step_key(&self, at: Timestamp) -> String {
        self.build_subkey(&format!("step:{at}"))
    }

    /// Returns the key for one aspect of the incident, which is notified independently of the
    /// others.
    #[must_use]
    pub fn build_subkey(&self, what: &str) -> String {
        format!("{}:{what}", self.incident_key())
    }
}
