//! One observed service, and the questions that a decision asks about it.

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::TaskSizes;
use lamplighter::model::{CloudTrailEvent, Digest, Service};
use lamplighter::plan::{Action, HealingAction, ReleaseAction};
use lamplighter::policy::HealMode as Reach;
use lamplighter::release::evidence::Evidence;
use lamplighter::state::{TargetState, Verified};
use serde::Serialize;

use crate::health::Health;
use crate::stopped_task::{Cause, StoppedTask};

/// The time for which DescribeServices may still return the state before an update.
const UPDATE_LAG: SignedDuration = SignedDuration::from_mins(2);
/// The time without failures after which a failed task counts as an isolated failure.
const QUIET_PERIOD: SignedDuration = SignedDuration::from_mins(3);

/// Everything that is observed about one service.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ObservedService {
    pub service: Service,
    pub at: Timestamp,
    pub heal_mode: Reach,
    pub stopped_tasks: Vec<StoppedTask>,
    pub health: Health,
    /// Whether ECS has had its grace period to recover the service by itself.
    pub grace_period_over: bool,
    /// Share of unhealthy services, such as `7 of 20 services`, if a mass failure covers this one.
    pub mass_failure: Option<String>,
    /// Dependencies of the service that are down.
    pub down: Vec<String>,
    /// Whether a dependency or a mass failure explains the symptom; `None` if that was not checked.
    pub is_excused: Option<bool>,
    pub rollback_target: Option<WayBack>,
    pub evidence: Evidence,
    /// ECS service event messages, read only if tasks are missing.
    pub service_events: Vec<String>,
    pub out_of_memory: Option<OutOfMemory>,
    /// The last CloudTrail change to the resource that is missing or out of reach.
    pub change: Option<CloudTrailEvent>,
}

/// The last verified revision, and the image that a rollback to it abandons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WayBack {
    pub target: Verified,
    pub digest: Digest,
    pub tag: String,
}

/// A container that was killed because it ran out of memory.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OutOfMemory {
    pub container: String,
    /// Memory limit in MiB.
    pub limit: Option<u32>,
    /// Peak memory utilization of the service's tasks within the last hour, in per cent.
    pub peak: Option<f64>,
    /// The larger task size that the heal tag allows.
    pub larger: Option<TaskSizes>,
}

impl ObservedService {
    #[must_use]
    pub fn new(service: Service, at: Timestamp, heal_mode: Reach) -> Self {
        Self {
            service,
            at,
            heal_mode,
            stopped_tasks: Vec::new(),
            health: Health::default(),
            grace_period_over: false,
            mass_failure: None,
            down: Vec::new(),
            is_excused: None,
            rollback_target: None,
            evidence: Evidence::default(),
            service_events: Vec::new(),
            out_of_memory: None,
            change: None,
        }
    }

    /// Reports whether the service is active, has healing enabled and should run at least one task.
    #[must_use]
    pub fn is_healable(&self) -> bool {
        self.heal_mode != Reach::Off
            && self.service.status == "ACTIVE"
            && self.service.desired_count > 0
    }

    /// Returns the deduplication key of the out-of-memory notification, if a container was killed.
    #[must_use]
    pub fn out_of_memory_key(&self) -> Option<String> {
        let container = self
            .find_latest_stop(Cause::OutOfMemory)?
            .container
            .clone()?;
        Some(format!("oom:{}:{container}", self.service.task_definition))
    }

    /// Reports whether the service has stopped failing: it is not unhealthy, and no task failed
    /// within the quiet period.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        let last = self
            .stopped_tasks
            .iter()
            .filter(|stop| stop.is_failure())
            .filter_map(|stop| stop.stopped_at)
            .max();
        let quiet = last.is_none_or(|last| self.at.duration_since(last) >= QUIET_PERIOD);
        quiet && !matches!(self.health, Health::Unhealthy(_))
    }

    /// Reports whether the service is unhealthy, and so counts towards a mass failure.
    #[must_use]
    pub fn is_unhealthy(&self) -> bool {
        matches!(self.health, Health::Unhealthy(_))
    }

    /// Reports whether AWS already shows the effect of an action.
    #[must_use]
    pub fn is_applied(&self, action: &Action) -> bool {
        let service = &self.service;
        match action {
            Action::Release(ReleaseAction::RestartTasks(redeploy)) => {
                service.was_deployed_since(redeploy.since)
            }
            Action::Release(ReleaseAction::Rollback(back)) => service.task_definition == back.to,
            Action::Healing(HealingAction::ReplaceTask(replace)) => self
                .stopped_tasks
                .iter()
                .any(|stop| stop.task == replace.task),
            Action::Healing(HealingAction::ParkService(park)) => {
                service.desired_count.unsigned_abs() == park.to
            }
            Action::Healing(HealingAction::IncreaseMemory(enlarge)) => {
                service.task_definition != enlarge.base
            }
            Action::Healing(HealingAction::SwitchCapacityProvider(moving)) => {
                service.capacity == moving.to
            }
            _ => false,
        }
    }

    /// Drops temporary changes from the target state that AWS no longer shows: someone else
    /// reverted them.
    pub fn drop_reverted_changes(&self, memory: &mut TargetState) {
        // AWS may not show a recent change yet.
        let settled = |at: Timestamp| self.at.duration_since(at) >= UPDATE_LAG;
        let count = self.service.desired_count.unsigned_abs();
        memory
            .health
            .parked
            .take_if(|parked| settled(parked.at) && count != parked.to);
        memory
            .health
            .moved
            .take_if(|moved| settled(moved.at) && self.service.capacity != moved.to);
    }

    /// Returns the newest stopped task of the current revision with a given cause.
    #[must_use]
    pub fn find_latest_stop(&self, cause: Cause) -> Option<&StoppedTask> {
        let own = self
            .stopped_tasks
            .iter()
            .filter(|stop| stop.revision == self.service.task_definition);
        own.filter(|stop| stop.cause == cause)
            .max_by_key(|stop| stop.stopped_at)
    }
}
