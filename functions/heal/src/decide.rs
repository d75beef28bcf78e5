//! Decides how to heal an unhealthy service, one measured step at a time. Pure: all inputs are
//! arguments.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use lamplighter::Plan;
use lamplighter::engine::TargetContext;
use lamplighter::model::{CapacityShare, DeploymentController};
use lamplighter::plan::{
    Action, CloseIncident, HealingAction, IncreaseMemory, ParkService, ReleaseAction, ReplaceTask,
    RestartTasks, Rollback, SwitchCapacityProvider,
};
use lamplighter::policy::{BASE, HealMode as Reach, OnCrashLoop};
use lamplighter::state::{HealthIncident, TargetState};

use crate::health::{Failing, Health, Symptom};
use crate::observed_service::ObservedService;
use crate::stopped_task::Cause;
use crate::{Policy, messages};

/// The time after which a healthy service counts as recovered and its healing steps are cleared.
/// Kubernetes resets its restart back-off after the same time.
/// Source: <https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#container-restarts>
pub const HEALTHY_PERIOD: SignedDuration = SignedDuration::from_mins(10);
/// The upper limit of the exponential back-off between healing steps, in minutes.
const MAX_BACK_OFF_MINUTES: i64 = 30;
/// The time that a rollout started outside Lamplighter gets before `heal` acts.
const FOREIGN_ROLLOUT_GRACE_PERIOD: SignedDuration = SignedDuration::from_mins(30);
/// The time on Spot after which the retry interval is back at one hour. Until then each fallback to
/// on-demand doubles the interval: one hour, two, four, … up to a day.
const SPOT_STABLE_AFTER: SignedDuration = SignedDuration::from_hours(48);
const SPOT: &str = "FARGATE_SPOT";
const ON_DEMAND: &str = "FARGATE";

/// Returns the grace period in which ECS may recover the service by itself.
#[must_use]
pub fn grace_period(symptom: &Symptom) -> SignedDuration {
    match symptom {
        Symptom::Failing(_) | Symptom::Unhealthy(_) => SignedDuration::from_mins(2),
        // Tasks take a while to start.
        Symptom::MissingTasks => SignedDuration::from_mins(5),
    }
}

/// Returns the time at which the grace period ends. After a dependency outage it is extended,
/// because ECS then has more to recover.
#[must_use]
pub fn grace_period_end(healing: &HealthIncident, symptom: &Symptom) -> Timestamp {
    let excused = healing.excused_until.map(|until| until + HEALTHY_PERIOD);
    excused
        .into_iter()
        .fold(healing.unwell_since + grace_period(symptom), Timestamp::max)
}

/// Plans the end of healing for a target: closes its incident, if one was notified.
#[must_use]
pub fn stop_managing(memory: &TargetState, why: &str) -> Plan {
    match memory
        .notified
        .keys()
        .find(|key| key.starts_with(HealthIncident::KEY_PREFIX))
    {
        Some(key) => Plan::notify(messages::no_longer_managed_message(why, key)),
        None => Plan::nothing(why),
    }
}

/// Decides the next healing step for a service.
#[must_use]
pub fn decide(context: TargetContext<'_, Policy>, unit: &ObservedService, now: Timestamp) -> Plan {
    if !unit.is_healable() {
        let why = match (unit.heal_mode, unit.service.status.as_str()) {
            (Reach::Off, _) => "it is not to be healed",
            (_, "ACTIVE") => "it is stopped",
            _ => "it is deleted",
        };
        return stop_managing(context.state, why);
    }
    let case = Decision {
        context,
        unit,
        now,
        observed_at: unit.at,
    };
    let mut plan = match &unit.health {
        Health::Healthy | Health::Recovering => case.plan_when_healthy(),
        Health::Unhealthy(symptom) => case.plan_when_unhealthy(symptom),
    };
    if let (Some(memory), true) = (&unit.out_of_memory, unit.is_quiet()) {
        plan.messages
            .push(messages::out_of_memory_message(memory, unit));
    }
    plan
}

struct Decision<'a> {
    context: TargetContext<'a, Policy>,
    unit: &'a ObservedService,
    now: Timestamp,
    /// The time of the observation. Due times are compared with it, as they were when AWS was read.
    observed_at: Timestamp,
}

impl Decision<'_> {
    fn current_healing(&self) -> HealthIncident {
        self.context
            .state
            .health
            .healing
            .clone()
            .unwrap_or_else(|| HealthIncident::new(self.now))
    }

    /// Plans for a service that is not unhealthy: reverts temporary changes or closes its incident.
    fn plan_when_healthy(&self) -> Plan {
        let (service, memory) = (&self.unit.service, self.context.state);
        if let Some(plan) = self.revert_temporary_changes() {
            return plan;
        }
        let running = format!(
            "{} of {} run",
            service.running_count,
            service.describe_task_count()
        );
        let (Some(healing), Some(well_for)) = (
            &memory.health.healing,
            memory.healthy_duration(self.observed_at),
        ) else {
            return Plan::nothing(running);
        };
        if self.unit.health != Health::Healthy || well_for < HEALTHY_PERIOD {
            return Plan::nothing(format!("{running}, and no step is needed now"));
        }
        let own = healing.incident_key();
        let key = memory
            .notified
            .keys()
            .find(|key| key.starts_with(&own))
            .unwrap_or(&own);
        let message = messages::recovery_message(service, healing, self.observed_at)
            .resolves(key)
            .clears(&own);
        Plan::single_step(
            Action::Healing(HealingAction::CloseIncident(CloseIncident {
                service: service.arn.clone(),
            })),
            message.title.clone(),
            message,
        )
    }

    /// Reverts a temporary change (parked count, capacity provider) once the service is healthy and
    /// no release or rollout is in progress.
    fn revert_temporary_changes(&self) -> Option<Plan> {
        let (service, memory) = (&self.unit.service, self.context.state);
        let busy =
            memory.is_release_in_progress(self.observed_at) || service.has_rollout_in_progress();
        if busy || self.unit.health != Health::Healthy {
            return None;
        }
        let is_well = |for_long: SignedDuration| for_long >= HEALTHY_PERIOD;
        let mended = |revision: &str| {
            revision != service.task_definition
                || memory
                    .healthy_duration(self.observed_at)
                    .is_some_and(is_well)
        };
        if let Some(parked) = memory
            .health
            .parked
            .as_ref()
            .filter(|parked| mended(&parked.revision))
        {
            let (from, to, revision) = (parked.to, parked.before, service.task_definition.clone());
            let park = ParkService {
                service: service.arn.clone(),
                from,
                to,
                revision,
                restores: true,
            };
            let message = messages::unpark_message(parked);
            return Some(Plan::single_step(
                Action::Healing(HealingAction::ParkService(park)),
                message.title.clone(),
                message,
            ));
        }
        let again = |at: Timestamp, hours: u32| {
            self.observed_at.duration_since(at) >= SignedDuration::from_hours(hours.into())
        };
        let moved = memory
            .health
            .moved
            .as_ref()
            .filter(|moved| again(moved.at, moved.hours))?;
        let (from, to, shifts) = (
            moved.to.clone(),
            moved.before.clone(),
            service.shifts_traffic(),
        );
        let moving = SwitchCapacityProvider {
            service: service.arn.clone(),
            from,
            to,
            restores: true,
            hours: 0,
            shifts,
        };
        Some(Plan::single_step(
            Action::Healing(HealingAction::SwitchCapacityProvider(moving)),
            "Spot capacity is tried again",
            messages::spot_retry_message(moved.hours),
        ))
    }

    fn plan_when_unhealthy(&self, symptom: &Symptom) -> Plan {
        let what = messages::describe_symptom(symptom, &self.unit.service);
        if self.context.state.is_release_in_progress(self.observed_at) {
            return Plan::nothing(format!(
                "{what}; its release is followed, and judged by that"
            ));
        }
        if let Some(share) = &self.unit.mass_failure {
            return Plan::nothing(format!("{what}, as {share}: the cause is in none of them"));
        }
        if self.has_foreign_rollout() {
            return Plan::nothing(format!(
                "{what}; a rollout that was not begun from here has time still"
            ));
        }
        if !self.unit.grace_period_over {
            let until = grace_period_end(&self.current_healing(), symptom);
            return Plan::nothing(format!(
                "{what}; ECS has until {} to mend it",
                until.strftime("%H:%M:%S UTC")
            ));
        }
        if let Some(until) =
            back_off_until(&self.current_healing()).filter(|until| *until > self.observed_at)
        {
            return Plan::nothing(format!(
                "{what}; the last step has until {} to help",
                until.strftime("%H:%M:%S UTC")
            ));
        }
        if !self.unit.down.is_empty() {
            return Plan::notify(messages::dependency_message(
                symptom,
                self.unit,
                &self.current_healing(),
            ));
        }
        if self.context.policy.heal.mode == Reach::Notify {
            return Plan::notify(messages::notify_only_message(
                symptom,
                self.unit,
                &self.current_healing(),
            ));
        }
        match symptom {
            Symptom::Failing(failing) => self
                .roll_back(symptom)
                .or_else(|| self.increase_memory(failing))
                .or_else(|| {
                    failing
                        .cause
                        .needs_operator()
                        .then(|| self.escalate(symptom))
                })
                .or_else(|| {
                    (failing.cause == Cause::Capacity).then(|| self.switch_capacity(symptom))
                })
                .unwrap_or_else(|| self.take_next_step(symptom)),
            Symptom::MissingTasks => self.switch_capacity(symptom),
            Symptom::Unhealthy(_) => self.take_next_step(symptom),
        }
    }

    fn is_deployed_by_ecs(&self) -> bool {
        self.unit.service.deployment_controller == DeploymentController::Ecs
    }

    fn has_foreign_rollout(&self) -> bool {
        // For deployments by CodeDeploy or an external controller, ECS shows only several task
        // sets.
        if self.unit.service.task_sets > 1 {
            return true;
        }
        let primary = self
            .unit
            .service
            .primary_deployment()
            .filter(|primary| primary.rollout_state == "IN_PROGRESS");
        let Some(created) = primary.and_then(|primary| primary.created_at) else {
            return false;
        };
        let ours = self
            .current_healing()
            .steps
            .last()
            .is_some_and(|step| created >= step.at - SignedDuration::from_secs(1));
        !ours && self.observed_at.duration_since(created) < FOREIGN_ROLLOUT_GRACE_PERIOD
    }

    fn roll_back(&self, symptom: &Symptom) -> Option<Plan> {
        let way = self
            .unit
            .rollback_target
            .as_ref()
            .filter(|_| self.is_deployed_by_ecs())?;
        let service = &self.unit.service;
        let what = messages::describe_symptom(symptom, service);
        let back = Rollback {
            service: service.arn.clone(),
            to: way.target.revision.clone(),
            stop: None,
            code_deploy: None,
            digest: way.digest.clone(),
            tag: way.tag.clone(),
            reason: format!(
                "{what}; it went back on {}",
                self.now.strftime("%F %H:%M UTC")
            ),
        };
        let message = messages::rollback_message(symptom, self.unit, way, &self.current_healing());
        Some(Plan::single_step(
            Action::Release(ReleaseAction::Rollback(back)),
            message.title.clone(),
            message,
        ))
    }

    /// Increases the memory after an out-of-memory kill, once per release.
    fn increase_memory(&self, failing: &Failing) -> Option<Plan> {
        let memory = self
            .unit
            .out_of_memory
            .as_ref()
            .filter(|_| failing.cause == Cause::OutOfMemory && self.is_deployed_by_ecs())?;
        let released = self.context.state.last_rollout().map(|attempt| attempt.at);
        if self
            .context
            .state
            .health
            .enlarged
            .is_some_and(|at| released.is_none_or(|released| released <= at))
        {
            return None;
        }
        let (service, sizes) = (&self.unit.service, memory.larger.clone()?);
        let (base, shifts) = (service.task_definition.clone(), service.shifts_traffic());
        let tags = BTreeMap::from([(
            BASE.to_owned(),
            base.rsplit('/').next().unwrap_or_default().to_owned(),
        )]);
        let message =
            messages::memory_increase_message(memory, &sizes, self.unit, &self.current_healing());
        let enlarge = IncreaseMemory {
            service: service.arn.clone(),
            base,
            sizes,
            tags,
            shifts,
        };
        Some(Plan::single_step(
            Action::Healing(HealingAction::IncreaseMemory(enlarge)),
            message.title.clone(),
            message,
        ))
    }

    /// Moves tasks from Spot to on-demand capacity if the policy allows it; otherwise notifies
    /// about the missing tasks.
    fn switch_capacity(&self, symptom: &Symptom) -> Plan {
        let service = &self.unit.service;
        let on_spot = service.capacity.iter().any(|share| share.provider == SPOT);
        let no_room = messages::describe_capacity_shortage(symptom, self.unit).is_some()
            && self.is_deployed_by_ecs();
        if !(on_spot
            && no_room
            && self.context.policy.heal.spot_fallback
            && self.context.state.health.moved.is_none())
        {
            return Plan::notify(messages::missing_tasks_message(
                symptom,
                self.unit,
                &self.current_healing(),
            ));
        }
        let base = service.capacity.iter().map(|share| share.base).sum();
        let to = vec![CapacityShare {
            provider: ON_DEMAND.to_owned(),
            weight: 1,
            base,
        }];
        let (from, shifts) = (service.capacity.clone(), service.shifts_traffic());
        let message = messages::on_demand_message(symptom, self.unit, &self.current_healing());
        // If the last return to Spot failed soon, the next retry waits twice as long.
        let recent = |(at, _): &(Timestamp, u32)| self.now.duration_since(*at) < SPOT_STABLE_AFTER;
        let before = self.context.state.health.back_on_spot.filter(recent);
        let hours = before.map_or(1, |(_, hours)| (hours * 2).clamp(1, 24));
        let moving = SwitchCapacityProvider {
            service: service.arn.clone(),
            from,
            to,
            restores: false,
            hours,
            shifts,
        };
        Plan::single_step(
            Action::Healing(HealingAction::SwitchCapacityProvider(moving)),
            message.title.clone(),
            message,
        )
    }

    /// Plans the next step of the ladder: replace one task, then restart all tasks with exponential
    /// back-off, then escalate.
    fn take_next_step(&self, symptom: &Symptom) -> Plan {
        let (healing, policy) = (self.current_healing(), self.context.policy);
        let what = messages::describe_symptom(symptom, &self.unit.service);
        let taken = u32::try_from(healing.steps.len()).unwrap_or(u32::MAX);
        let service = &self.unit.service;
        if let Some(parked) = &self.context.state.health.parked {
            return Plan::notify(messages::still_parked_message(
                symptom, self.unit, parked, &healing,
            ));
        }
        // A service whose deployment limits leave no room for a rollout would never get new tasks.
        if taken >= policy.heal.steps
            || service.rollout_deadlock().is_some()
                && matches!(symptom, Symptom::Unhealthy(_))
                && taken > 0
        {
            return self.escalate(symptom);
        }
        let arn = service.arn.clone();
        let message = |how: &str| {
            messages::step_message(
                symptom,
                self.unit,
                how,
                (taken + 1, policy.heal.steps),
                &healing,
            )
        };
        let by_ecs = self.is_deployed_by_ecs();
        match symptom {
            Symptom::Failing(_) if policy.heal.crash == OnCrashLoop::Park => {
                self.park_service(symptom)
            }
            Symptom::Unhealthy(unhealthy) if taken == 0 || !by_ecs => {
                let Some(task) = unhealthy.tasks.first().cloned() else {
                    return Plan::nothing(what);
                };
                let reason = "lamplighter: its targets are unhealthy".to_owned();
                let message = message("the one that has run longest is replaced");
                Plan::single_step(
                    Action::Healing(HealingAction::ReplaceTask(ReplaceTask {
                        service: arn,
                        task,
                        reason,
                    })),
                    message.title.clone(),
                    message,
                )
            }
            _ if !by_ecs => self.escalate(symptom),
            _ => {
                let message = message("its tasks are started anew");
                let shifts = service.shifts_traffic();
                let redeploy = RestartTasks {
                    service: arn,
                    since: self.now,
                    shifts,
                    heals: true,
                };
                Plan::single_step(
                    Action::Release(ReleaseAction::RestartTasks(redeploy)),
                    message.title.clone(),
                    message,
                )
            }
        }
    }

    fn park_service(&self, symptom: &Symptom) -> Plan {
        let (service, to) = (&self.unit.service, self.context.policy.min_tasks.max(1));
        let from = service.desired_count.unsigned_abs();
        // A DAEMON service runs one task per instance and has no desired count to reduce.
        if from <= to || service.scheduling_strategy != "REPLICA" {
            return self.escalate(symptom);
        }
        let revision = service.task_definition.clone();
        let park = ParkService {
            service: service.arn.clone(),
            from,
            to,
            revision,
            restores: false,
        };
        let message = messages::park_message(symptom, self.unit, to, &self.current_healing());
        Plan::single_step(
            Action::Healing(HealingAction::ParkService(park)),
            message.title.clone(),
            message,
        )
    }

    fn escalate(&self, symptom: &Symptom) -> Plan {
        Plan::notify(messages::escalation_message(
            symptom,
            self.unit,
            &self.current_healing(),
        ))
    }
}

/// Returns the end of the back-off after the last healing step, if there was one.
#[must_use]
pub fn back_off_until(healing: &HealthIncident) -> Option<Timestamp> {
    let taken = u32::try_from(healing.steps.len()).unwrap_or(u32::MAX);
    healing.steps.last().map(|last| last.at + back_off(taken))
}

/// Returns the back-off after a number of steps: 1, 2, 4, … up to 30 minutes.
#[must_use]
pub fn back_off(taken: u32) -> SignedDuration {
    let doubled = 1_i64
        .checked_shl(taken.saturating_sub(1))
        .unwrap_or(MAX_BACK_OFF_MINUTES);
    SignedDuration::from_mins(doubled.clamp(1, MAX_BACK_OFF_MINUTES))
}
