//! What is done about a service that is not well: one measured step at a time. Pure: everything it knows is in its
//! arguments.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use lamplighter::Plan;
use lamplighter::engine::Seen;
use lamplighter::model::{CapacityShare, DeploymentController};
use lamplighter::plan::{Action, Enlarge, GoBack, Move, Park, Recover, Redeploy, Replace};
use lamplighter::policy::{BASE, Crash, Heal as Reach};
use lamplighter::state::{Healing, Memory};

use crate::health::{Failing, Health, Symptom};
use crate::stop::Cause;
use crate::unit::Unit;
use crate::{Policy, words};

/// A service that was well for so long is well, and what was tried is forgotten. As Kubernetes forgets its back-off.
/// Source: <https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#container-restarts>
pub const WELL_FOR: SignedDuration = SignedDuration::from_mins(10);
/// Minutes between steps are doubled up to this.
const LONGEST_BACK_OFF: i64 = 30;
/// A rollout that others began has so long.
const OTHERS_ROLL: SignedDuration = SignedDuration::from_mins(30);
/// Spot capacity is tried again after an hour, and then two, four, … up to a day; once it has lasted, after an hour again.
const SPOT_LASTS: SignedDuration = SignedDuration::from_hours(48);
const SPOT: &str = "FARGATE_SPOT";
const ON_DEMAND: &str = "FARGATE";

/// How long ECS has to mend something by itself.
#[must_use]
pub fn patience(symptom: &Symptom) -> SignedDuration {
    match symptom {
        Symptom::Failing(_) | Symptom::Unhealthy(_) => SignedDuration::from_mins(2),
        // Tasks take a while to start.
        Symptom::Short => SignedDuration::from_mins(5),
    }
}

/// When ECS has had its time to mend something; what was down has left more to mend.
#[must_use]
pub fn ready_at(healing: &Healing, symptom: &Symptom) -> Timestamp {
    let excused = healing.excused_until.map(|until| until + WELL_FOR);
    excused
        .into_iter()
        .fold(healing.unwell_since + patience(symptom), Timestamp::max)
}

/// Nobody looks after it any more, and its incident is over if it has one.
#[must_use]
pub fn left(memory: &Memory, why: &str) -> Plan {
    match memory
        .told
        .keys()
        .find(|key| key.starts_with(Healing::KEYS))
    {
        Some(key) => Plan::tell(words::left(why, key)),
        None => Plan::nothing(why),
    }
}

/// What should happen to a service.
#[must_use]
pub fn decide(seen: Seen<'_, Policy>, unit: &Unit, now: Timestamp) -> Plan {
    if !unit.is_looked_after() {
        let why = match (unit.reach, unit.service.status.as_str()) {
            (Reach::Off, _) => "it is not to be healed",
            (_, "ACTIVE") => "it is stopped",
            _ => "it is deleted",
        };
        return left(seen.memory, why);
    }
    let case = Case {
        seen,
        unit,
        now,
        at: unit.at,
    };
    let mut plan = match &unit.health {
        Health::Well | Health::Unsettled => case.settled(),
        Health::Unwell(symptom) => case.unwell(symptom),
    };
    if let (Some(memory), true) = (&unit.memory, unit.is_quiet()) {
        plan.messages.push(words::out_of_memory(memory, unit));
    }
    plan
}

struct Case<'a> {
    seen: Seen<'a, Policy>,
    unit: &'a Unit,
    now: Timestamp,
    /// When it was looked at: what is due is judged by that, as it was when things were asked for.
    at: Timestamp,
}

impl Case<'_> {
    fn healing(&self) -> Healing {
        self.seen
            .memory
            .healing
            .clone()
            .unwrap_or_else(|| Healing::begun(self.now))
    }

    /// It is well, and maybe was not before.
    fn settled(&self) -> Plan {
        let (service, memory) = (&self.unit.service, self.seen.memory);
        if let Some(plan) = self.put_back() {
            return plan;
        }
        let running = format!("{} of {} run", service.running_count, service.tasks());
        let (Some(healing), Some(well_for)) = (&memory.healing, memory.well_for(self.at)) else {
            return Plan::nothing(running);
        };
        if self.unit.health != Health::Well || well_for < WELL_FOR {
            return Plan::nothing(format!("{running}, and no step is needed now"));
        }
        let own = healing.key();
        let key = memory
            .told
            .keys()
            .find(|key| key.starts_with(&own))
            .unwrap_or(&own);
        let message = words::well(service, healing, self.at)
            .resolves(key)
            .ends(&own);
        Plan::act(
            Action::Recover(Recover {
                service: service.arn.clone(),
            }),
            message.title.clone(),
            message,
        )
    }

    /// What was changed for a while is put back, once it is well and nothing else goes on.
    fn put_back(&self) -> Option<Plan> {
        let (service, memory) = (&self.unit.service, self.seen.memory);
        let busy = memory.is_being_released(self.at) || service.rollout_in_progress();
        if busy || self.unit.health != Health::Well {
            return None;
        }
        let is_well = |for_long: SignedDuration| for_long >= WELL_FOR;
        let mended = |revision: &str| {
            revision != service.task_definition || memory.well_for(self.at).is_some_and(is_well)
        };
        if let Some(parked) = memory
            .parked
            .as_ref()
            .filter(|parked| mended(&parked.revision))
        {
            let (from, to, revision) = (parked.to, parked.before, service.task_definition.clone());
            let park = Park {
                service: service.arn.clone(),
                from,
                to,
                revision,
                restores: true,
            };
            let message = words::unparked(parked);
            return Some(Plan::act(
                Action::Park(park),
                message.title.clone(),
                message,
            ));
        }
        let again = |at: Timestamp, hours: u32| {
            self.at.duration_since(at) >= SignedDuration::from_hours(hours.into())
        };
        let moved = memory
            .moved
            .as_ref()
            .filter(|moved| again(moved.at, moved.hours))?;
        let (from, to, shifts) = (
            moved.to.clone(),
            moved.before.clone(),
            service.shifts_traffic(),
        );
        let moving = Move {
            service: service.arn.clone(),
            from,
            to,
            restores: true,
            hours: 0,
            shifts,
        };
        Some(Plan::act(
            Action::Move(moving),
            "Spot capacity is tried again",
            words::spot_again(moved.hours),
        ))
    }

    fn unwell(&self, symptom: &Symptom) -> Plan {
        let what = words::what(symptom, &self.unit.service);
        if self.seen.memory.is_being_released(self.at) {
            return Plan::nothing(format!(
                "{what}; its release is followed, and judged by that"
            ));
        }
        if let Some(share) = &self.unit.storm {
            return Plan::nothing(format!("{what}, as {share}: the cause is in none of them"));
        }
        if self.others_roll() {
            return Plan::nothing(format!(
                "{what}; a rollout that was not begun from here has time still"
            ));
        }
        if !self.unit.ready {
            let until = ready_at(&self.healing(), symptom);
            return Plan::nothing(format!(
                "{what}; ECS has until {} to mend it",
                until.strftime("%H:%M:%S UTC")
            ));
        }
        if let Some(until) = waits_until(&self.healing()).filter(|until| *until > self.at) {
            return Plan::nothing(format!(
                "{what}; the last step has until {} to help",
                until.strftime("%H:%M:%S UTC")
            ));
        }
        if !self.unit.down.is_empty() {
            return Plan::tell(words::dependency(symptom, self.unit, &self.healing()));
        }
        if self.seen.policy.heal.reach == Reach::Notify {
            return Plan::tell(words::only_told(symptom, self.unit, &self.healing()));
        }
        match symptom {
            Symptom::Failing(failing) => self
                .rolls_back(symptom)
                .or_else(|| self.enlarges(failing))
                .or_else(|| {
                    failing
                        .cause
                        .needs_person()
                        .then(|| self.calls_person(symptom))
                })
                .or_else(|| (failing.cause == Cause::Capacity).then(|| self.finds_room(symptom)))
                .unwrap_or_else(|| self.next_step(symptom)),
            Symptom::Short => self.finds_room(symptom),
            Symptom::Unhealthy(_) => self.next_step(symptom),
        }
    }

    fn is_deployed_by_ecs(&self) -> bool {
        self.unit.service.deployment_controller == DeploymentController::Ecs
    }

    fn others_roll(&self) -> bool {
        // Of CodeDeploy's and others' deployments ECS knows only that there are two sets of tasks.
        if self.unit.service.task_sets > 1 {
            return true;
        }
        let primary = self
            .unit
            .service
            .primary()
            .filter(|primary| primary.rollout_state == "IN_PROGRESS");
        let Some(created) = primary.and_then(|primary| primary.created_at) else {
            return false;
        };
        let ours = self
            .healing()
            .steps
            .last()
            .is_some_and(|step| created >= step.at - SignedDuration::from_secs(1));
        !ours && self.at.duration_since(created) < OTHERS_ROLL
    }

    fn rolls_back(&self, symptom: &Symptom) -> Option<Plan> {
        let way = self
            .unit
            .way_back
            .as_ref()
            .filter(|_| self.is_deployed_by_ecs())?;
        let service = &self.unit.service;
        let what = words::what(symptom, service);
        let back = GoBack {
            service: service.arn.clone(),
            to: way.to.revision.clone(),
            stop: None,
            code_deploy: None,
            digest: way.digest.clone(),
            tag: way.tag.clone(),
            reason: format!(
                "{what}; it went back on {}",
                self.now.strftime("%F %H:%M UTC")
            ),
        };
        let message = words::goes_back(symptom, self.unit, way, &self.healing());
        Some(Plan::act(
            Action::GoBack(back),
            message.title.clone(),
            message,
        ))
    }

    /// Once, until something else is rolled out.
    fn enlarges(&self, failing: &Failing) -> Option<Plan> {
        let memory = self
            .unit
            .memory
            .as_ref()
            .filter(|_| failing.cause == Cause::OutOfMemory && self.is_deployed_by_ecs())?;
        let released = self.seen.memory.last_rollout().map(|attempt| attempt.at);
        if self
            .seen
            .memory
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
        let message = words::enlarges(memory, &sizes, self.unit, &self.healing());
        let enlarge = Enlarge {
            service: service.arn.clone(),
            base,
            sizes,
            tags,
            shifts,
        };
        Some(Plan::act(
            Action::Enlarge(enlarge),
            message.title.clone(),
            message,
        ))
    }

    /// There is no capacity, or nobody says why tasks are missing.
    fn finds_room(&self, symptom: &Symptom) -> Plan {
        let service = &self.unit.service;
        let on_spot = service.capacity.iter().any(|share| share.provider == SPOT);
        let no_room = words::no_room(symptom, self.unit).is_some() && self.is_deployed_by_ecs();
        if !(on_spot
            && no_room
            && self.seen.policy.heal.spot_fallback
            && self.seen.memory.moved.is_none())
        {
            return Plan::tell(words::missing_tasks(symptom, self.unit, &self.healing()));
        }
        let base = service.capacity.iter().map(|share| share.base).sum();
        let to = vec![CapacityShare {
            provider: ON_DEMAND.to_owned(),
            weight: 1,
            base,
        }];
        let (from, shifts) = (service.capacity.clone(), service.shifts_traffic());
        let message = words::on_demand(symptom, self.unit, &self.healing());
        // Where Spot did not last, it is not tried again so soon.
        let recent = |(at, _): &(Timestamp, u32)| self.now.duration_since(*at) < SPOT_LASTS;
        let before = self.seen.memory.back_on_spot.filter(recent);
        let hours = before.map_or(1, |(_, hours)| (hours * 2).clamp(1, 24));
        let moving = Move {
            service: service.arn.clone(),
            from,
            to,
            restores: false,
            hours,
            shifts,
        };
        Plan::act(Action::Move(moving), message.title.clone(), message)
    }

    /// Another task, then all of them, with growing time between; then a person.
    fn next_step(&self, symptom: &Symptom) -> Plan {
        let (healing, policy) = (self.healing(), self.seen.policy);
        let what = words::what(symptom, &self.unit.service);
        let taken = u32::try_from(healing.steps.len()).unwrap_or(u32::MAX);
        let service = &self.unit.service;
        if let Some(parked) = &self.seen.memory.parked {
            return Plan::tell(words::still_parked(symptom, self.unit, parked, &healing));
        }
        // One that has no room to roll would never get other tasks.
        if taken >= policy.heal.steps
            || service.no_room().is_some() && matches!(symptom, Symptom::Unhealthy(_)) && taken > 0
        {
            return self.calls_person(symptom);
        }
        let arn = service.arn.clone();
        let message = |how: &str| {
            words::step(
                symptom,
                self.unit,
                how,
                (taken + 1, policy.heal.steps),
                &healing,
            )
        };
        let by_ecs = self.is_deployed_by_ecs();
        match symptom {
            Symptom::Failing(_) if policy.heal.crash == Crash::Park => self.parks(symptom),
            Symptom::Unhealthy(unhealthy) if taken == 0 || !by_ecs => {
                let Some(task) = unhealthy.tasks.first().cloned() else {
                    return Plan::nothing(what);
                };
                let reason = "lamplighter: its targets are unhealthy".to_owned();
                let message = message("the one that has run longest is replaced");
                Plan::act(
                    Action::Replace(Replace {
                        service: arn,
                        task,
                        reason,
                    }),
                    message.title.clone(),
                    message,
                )
            }
            _ if !by_ecs => self.calls_person(symptom),
            _ => {
                let message = message("its tasks are started anew");
                let shifts = service.shifts_traffic();
                let redeploy = Redeploy {
                    service: arn,
                    since: self.now,
                    shifts,
                    heals: true,
                };
                Plan::act(Action::Redeploy(redeploy), message.title.clone(), message)
            }
        }
    }

    fn parks(&self, symptom: &Symptom) -> Plan {
        let (service, to) = (&self.unit.service, self.seen.policy.floor.max(1));
        let from = service.desired_count.unsigned_abs();
        // One with a task on each instance has no count of its own.
        if from <= to || service.scheduling_strategy != "REPLICA" {
            return self.calls_person(symptom);
        }
        let revision = service.task_definition.clone();
        let park = Park {
            service: service.arn.clone(),
            from,
            to,
            revision,
            restores: false,
        };
        let message = words::parks(symptom, self.unit, to, &self.healing());
        Plan::act(Action::Park(park), message.title.clone(), message)
    }

    fn calls_person(&self, symptom: &Symptom) -> Plan {
        Plan::tell(words::person(symptom, self.unit, &self.healing()))
    }
}

/// Until when the last step may help.
#[must_use]
pub fn waits_until(healing: &Healing) -> Option<Timestamp> {
    let taken = u32::try_from(healing.steps.len()).unwrap_or(u32::MAX);
    healing.steps.last().map(|last| last.at + back_off(taken))
}

/// 1, 2, 4, … 30 minutes.
#[must_use]
pub fn back_off(taken: u32) -> SignedDuration {
    let doubled = 1_i64
        .checked_shl(taken.saturating_sub(1))
        .unwrap_or(LONGEST_BACK_OFF);
    SignedDuration::from_mins(doubled.clamp(1, LONGEST_BACK_OFF))
}
