//! A service as it is looked at, and what shows in it.

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::Sizes;
use lamplighter::model::{Change, Digest, Service};
use lamplighter::plan::Action;
use lamplighter::policy::Heal as Reach;
use lamplighter::release::evidence::Evidence;
use lamplighter::state::{Memory, Verified};
use serde::Serialize;

use crate::health::Health;
use crate::stop::{Cause, Stop};

/// How long DescribeServices may still show the state of before an update.
const SETTLING: SignedDuration = SignedDuration::from_mins(2);
/// Whether a task that failed was the only one is known after so long.
const QUIET_FOR: SignedDuration = SignedDuration::from_mins(3);

/// All that is known of a service.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Unit {
    pub service: Service,
    pub at: Timestamp,
    pub reach: Reach,
    pub stops: Vec<Stop>,
    pub health: Health,
    /// ECS had its time to mend it.
    pub ready: bool,
    /// How many services are not well, where those are many.
    pub storm: Option<String>,
    /// What it depends on and is down.
    pub down: Vec<String>,
    /// Whether one of these is at fault; `None` where that was not asked.
    pub is_excused: Option<bool>,
    pub way_back: Option<WayBack>,
    pub evidence: Evidence,
    /// What ECS says, where tasks are missing.
    pub said: Vec<String>,
    pub memory: Option<OutOfMemory>,
    /// What was last done to what is missing.
    pub change: Option<Change>,
}

/// The last good revision, and what is left for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WayBack {
    pub to: Verified,
    pub digest: Digest,
    pub tag: String,
}

/// A container that was killed for the memory that it used.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OutOfMemory {
    pub container: String,
    /// MiB that it is killed at.
    pub limit: Option<u32>,
    /// The most that the service's tasks used of their memory within the hour, in per cent.
    pub peak: Option<f64>,
    /// What would be enough by the tag.
    pub larger: Option<Sizes>,
}

impl Unit {
    #[must_use]
    pub fn new(service: Service, at: Timestamp, reach: Reach) -> Self {
        Self {
            service,
            at,
            reach,
            stops: Vec::new(),
            health: Health::default(),
            ready: false,
            storm: None,
            down: Vec::new(),
            is_excused: None,
            way_back: None,
            evidence: Evidence::default(),
            said: Vec::new(),
            memory: None,
            change: None,
        }
    }

    /// It is managed, healed and there, and is to run.
    #[must_use]
    pub fn is_looked_after(&self) -> bool {
        self.reach != Reach::Off
            && self.service.status == "ACTIVE"
            && self.service.desired_count > 0
    }

    /// Under which people are told of a container that was killed for its memory.
    #[must_use]
    pub fn out_of_memory_key(&self) -> Option<String> {
        let container = self.has_failed_by(Cause::OutOfMemory)?.container.clone()?;
        Some(format!("oom:{}:{container}", self.service.task_definition))
    }

    /// Its tasks run, and none fails any more.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        let last = self
            .stops
            .iter()
            .filter(|stop| stop.is_failure())
            .filter_map(|stop| stop.at)
            .max();
        let quiet = last.is_none_or(|last| self.at.duration_since(last) >= QUIET_FOR);
        quiet && !matches!(self.health, Health::Unwell(_))
    }

    /// It counts where many may be at once.
    #[must_use]
    pub fn is_unwell(&self) -> bool {
        matches!(self.health, Health::Unwell(_))
    }

    /// Whether an action shows.
    #[must_use]
    pub fn shows(&self, action: &Action) -> bool {
        let service = &self.service;
        match action {
            Action::Redeploy(redeploy) => service.started_since(redeploy.since),
            Action::GoBack(back) => service.task_definition == back.to,
            Action::Replace(replace) => self.stops.iter().any(|stop| stop.task == replace.task),
            Action::Park(park) => service.desired_count.unsigned_abs() == park.to,
            Action::Enlarge(enlarge) => service.task_definition != enlarge.base,
            Action::Move(moving) => service.capacity == moving.to,
            _ => false,
        }
    }

    /// What AWS does not bear out any more was ended by somebody else, and is theirs.
    pub fn forget_what_others_ended(&self, memory: &mut Memory) {
        // What was just done may not show yet.
        let settled = |at: Timestamp| self.at.duration_since(at) >= SETTLING;
        let count = self.service.desired_count.unsigned_abs();
        memory
            .parked
            .take_if(|parked| settled(parked.at) && count != parked.to);
        memory
            .moved
            .take_if(|moved| settled(moved.at) && self.service.capacity != moved.to);
    }

    /// The newest task of its revision that failed for a cause.
    #[must_use]
    pub fn has_failed_by(&self, cause: Cause) -> Option<&Stop> {
        let own = self
            .stops
            .iter()
            .filter(|stop| stop.revision == self.service.task_definition);
        own.filter(|stop| stop.cause == cause)
            .max_by_key(|stop| stop.at)
    }
}
