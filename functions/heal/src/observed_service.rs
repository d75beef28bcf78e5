//! One observed service, and the questions that a decision asks about it.

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::TaskSizes;
use lamplighter::model::{CloudTrailEvent, Digest, Service, TargetHealthCheck};
use lamplighter::plan::{Action, HealingAction, ReleaseAction};
use lamplighter::policy::HealMode;
use lamplighter::release::evidence::Evidence;
use lamplighter::release::rollback::RollbackTarget;
use lamplighter::release::stop_reasons::find_reason;
use lamplighter::state::TargetState;
use serde::Serialize;

use crate::health::{Health, Symptom};
use crate::outage::Serving;
use lamplighter::release::stopped_task::{StopCause, StoppedTask};

/// The time for which DescribeServices may still return the state before an update.
const UPDATE_LAG: SignedDuration = SignedDuration::from_mins(2);
/// The time without failures after which a failed task counts as an isolated failure.
const QUIET_PERIOD: SignedDuration = SignedDuration::from_mins(3);
/// The time within which another outage of the same incident is not told again.
const OUTAGE_REPEAT: SignedDuration = SignedDuration::from_hours(1);
/// The capacity provider of Fargate Spot.
const SPOT: &str = "FARGATE_SPOT";
/// The maximum number of characters of an ECS reason in a message.
const MAX_REASON_CHARS: usize = 400;
/// Texts in ECS service events that explain missing tasks.
const EXPLAINING_SIGNS: [&str; 4] = ["unable", "could not", "failed", "throttled"];
/// Everything that is observed about one service.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ObservedService {
    pub service: Service,
    pub at: Timestamp,
    pub heal_mode: HealMode,
    pub stopped_tasks: Vec<StoppedTask>,
    pub health: Health,
    pub serving: Serving,
    /// The health checks of its load balancers, read only if tasks fail them.
    pub health_checks: Vec<TargetHealthCheck>,
    /// Whether ECS has had its grace period to recover the service by itself.
    pub grace_period_over: bool,
    /// Share of unhealthy services, such as `7 of 20 services`, if a mass failure covers this one.
    pub mass_failure: Option<String>,
    /// Dependencies of the service that are down.
    pub down: Vec<String>,
    /// Whether a dependency or a mass failure explains the symptom; `None` if that was not checked.
    pub is_excused: Option<bool>,
    pub rollback_target: Option<PossibleRollback>,
    pub evidence: Evidence,
    /// ECS service event messages, read only if tasks are missing and a message is due.
    pub service_events: Option<Vec<String>>,
    pub out_of_memory: Option<OutOfMemory>,
    /// The last CloudTrail change to the resource that is missing or out of reach.
    pub change: Option<CloudTrailEvent>,
}

/// A revision to roll back to, and the image that the rollback quarantines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PossibleRollback {
    pub target: RollbackTarget,
    /// Digest and tag of the failing image.
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
    pub fn new(service: Service, at: Timestamp, heal_mode: HealMode) -> Self {
        Self {
            serving: Serving::from_running(&service),
            health_checks: Vec::new(),
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
            service_events: None,
            out_of_memory: None,
            change: None,
        }
    }

    /// Reports whether the service is active, has healing enabled and should run at least one task.
    #[must_use]
    pub fn is_healable(&self) -> bool {
        self.heal_mode != HealMode::Off
            && self.service.status == "ACTIVE"
            && self.service.desired_count > 0
    }

    /// Returns the deduplication key of the out-of-memory notification, if a container was killed.
    #[must_use]
    pub fn out_of_memory_key(&self) -> Option<String> {
        let container = self
            .find_latest_stop(StopCause::OutOfMemory)?
            .container
            .clone()?;
        Some(format!("oom:{}:{container}", self.service.task_definition))
    }

    /// Reports whether the service has stopped failing: it is not unhealthy, and no task failed
    /// within the quiet period.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        let last_failure_at = self
            .stopped_tasks
            .iter()
            .filter(|stop| stop.is_failure())
            .filter_map(|stop| stop.stopped_at)
            .max();
        !self.is_unhealthy()
            && last_failure_at.is_none_or(|at| self.at.duration_since(at) >= QUIET_PERIOD)
    }

    /// Reports whether the service is unhealthy, and so counts towards a mass failure.
    #[must_use]
    pub fn is_unhealthy(&self) -> bool {
        self.health.is_unhealthy() || self.is_outage()
    }

    /// Reports whether nothing has served for longer than a new task needs to start.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        self.serving.is_outage(self.at)
    }

    /// Reports whether an outage is due to be notified: no critical message was sent since nothing serves. A silenced one
    /// doesn't count, so that it follows after the silence.
    #[must_use]
    pub fn is_outage_news(&self, state: &TargetState) -> bool {
        let Some(since) = self.serving.none_since.filter(|_| self.is_outage()) else {
            return false;
        };
        if self.mass_failure.is_some() {
            return false;
        }
        state.health.incident.as_ref().is_none_or(|healing| {
            let is_told_since =
                |key: String| state.notified.get(&key).is_some_and(|at| *at >= since);
            // A service that serves for moments between its outages is one outage.
            let prefix = healing.build_subkey("outage:");
            let is_told_lately = state.notified.iter().any(|(key, at)| {
                key.starts_with(&prefix) && self.at.duration_since(*at) < OUTAGE_REPEAT
            });
            !is_told_lately
                && !is_told_since(healing.dependency_key())
                && !is_told_since(healing.escalation_key())
        })
    }

    /// Reports whether the service places tasks on Spot capacity.
    #[must_use]
    pub fn is_on_spot(&self) -> bool {
        self.service
            .capacity
            .iter()
            .any(|share| share.provider == SPOT)
    }

    /// Returns the first service event that explains missing tasks, shortened.
    #[must_use]
    pub fn explaining_event(&self) -> Option<String> {
        self.service_events
            .iter()
            .flatten()
            .find(|text| EXPLAINING_SIGNS.iter().any(|sign| text.contains(sign)))
            .map(|text| shorten_reason(text))
    }

    /// Reports whether ECS finds no capacity for the tasks.
    #[must_use]
    pub fn lacks_capacity(&self, symptom: &Symptom) -> bool {
        match symptom {
            Symptom::Failing(failing) => failing.cause == StopCause::Capacity,
            Symptom::MissingTasks => self
                .explaining_event()
                .and_then(|event| find_reason(&event))
                .is_some_and(|reason| reason.cause == StopCause::Capacity),
            Symptom::Unhealthy(_) => false,
        }
    }

    /// Reports whether AWS already shows the effect of an action.
    #[must_use]
    pub fn is_applied(&self, action: &Action) -> bool {
        match action {
            Action::Release(action) => self.is_release_applied(action),
            Action::Healing(action) => self.is_healing_applied(action),
            Action::Scaling(_)
            | Action::Monitoring(_)
            | Action::Backup(_)
            | Action::Drill(_)
            | Action::Log(_)
            | Action::Request(_) => false,
        }
    }

    fn is_release_applied(&self, action: &ReleaseAction) -> bool {
        match action {
            ReleaseAction::RestartTasks(restart) => self.service.was_deployed_since(restart.since),
            ReleaseAction::Rollback(rollback) => self.service.task_definition == rollback.to,
            ReleaseAction::Rollout(_)
            | ReleaseAction::ContinueDeployment(_)
            | ReleaseAction::RecordResult(_)
            | ReleaseAction::AnswerCodeDeployHook(_)
            | ReleaseAction::PinRevision(_)
            | ReleaseAction::RestoreStrategy(_)
            | ReleaseAction::RunPreDeploymentTask(_)
            | ReleaseAction::StopPreDeploymentTask(_) => false,
        }
    }

    fn is_healing_applied(&self, action: &HealingAction) -> bool {
        let service = &self.service;
        match action {
            HealingAction::ReplaceTask(replace) => self
                .stopped_tasks
                .iter()
                .any(|stop| stop.task == replace.task),
            HealingAction::ParkService(park) => service.desired_count.unsigned_abs() == park.to,
            HealingAction::IncreaseMemory(increase) => service.task_definition != increase.base,
            HealingAction::SwitchCapacityProvider(switch) => service.capacity == switch.to,
            HealingAction::DrainInstance(_) | HealingAction::CloseIncident(_) => false,
        }
    }

    /// Drops temporary changes from the target state that AWS no longer shows: someone else
    /// reverted them.
    pub fn drop_reverted_changes(&self, state: &mut TargetState) {
        let desired = self.service.desired_count.unsigned_abs();
        state
            .health
            .parked
            .take_if(|parked| self.is_settled(parked.at) && desired != parked.to);
        state
            .health
            .switched_capacity
            .take_if(|moved| self.is_settled(moved.at) && self.service.capacity != moved.to);
    }

    /// Reports whether AWS surely shows a change that was made at `at`.
    fn is_settled(&self, at: Timestamp) -> bool {
        self.at.duration_since(at) >= UPDATE_LAG
    }

    /// Returns the newest stopped task of the current revision with a given cause.
    #[must_use]
    pub fn find_latest_stop(&self, cause: StopCause) -> Option<&StoppedTask> {
        let own = self
            .stopped_tasks
            .iter()
            .filter(|stop| stop.revision == self.service.task_definition);
        own.filter(|stop| stop.cause == cause)
            .max_by_key(|stop| stop.stopped_at)
    }
}

/// Shortens an ECS reason for a message. It contains names of resources, but no output of a task.
#[must_use]
pub fn shorten_reason(reason: &str) -> String {
    let words: Vec<&str> = reason.split_whitespace().collect();
    let text: String = words.join(" ").chars().take(MAX_REASON_CHARS).collect();
    text.trim_end_matches('.').to_owned()
}
