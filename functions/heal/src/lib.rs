//! `heal`: heals services that crash or are unhealthy in measured steps. If nothing helps, it
//! escalates once, with the cause.
//!
//! Triggers: stopped tasks, tasks that can't be started or placed, Lamplighter's alarms about
//! unhealthy targets, container instances with a disconnected agent, and database failures. A sweep
//! every five minutes covers the services that run fewer tasks than desired.
//!
//! `heal` deliberately leaves a service alone while `rollout` tracks its release. It also leaves
//! every service of a mass failure alone: if many services fail at once, the cause is in none of
//! them.

mod affected_services;
mod causes;
mod decide;
#[cfg(test)]
mod decide_tests;
mod discovery;
mod health;
#[cfg(test)]
mod health_tests;
mod instance;
mod mass_failure;
mod messages;
#[cfg(test)]
mod messages_tests;
mod observation;
mod observed_service;
mod reads;
mod sizes;
#[cfg(test)]
mod stop_tests;
mod stopped_task;

use std::collections::BTreeMap;

use crate::reads::Reads;
use jiff::Timestamp;
use lamplighter::Function;
use lamplighter::engine::Observe;
use lamplighter::engine::arbiter::Preconditions;
use lamplighter::engine::{DiscoveryContext, TargetContext, Targets};
use lamplighter::event::detail::Detail;
use lamplighter::plan::{Action, HealingAction};
use lamplighter::policy::{
    HealMode as Reach, HealPolicy, OnCrashLoop, ScalePolicy, StackDefaults, TagError,
};
use lamplighter::ports::capability::HealActions;
use lamplighter::ports::ledger::Ledger;
use lamplighter::state::{HealthIncident, TargetState};
use lamplighter::{AwsError, Event, Operation, Plan};

pub use decide::decide;
pub use health::{Failing, Health, Symptom, Unhealthy, assess_health};
pub use observation::{Observed, Prefetched, UNHEALTHY_WATCH_LIST};
pub use observed_service::{ObservedService, OutOfMemory, WayBack};
pub use stopped_task::{Cause, StoppedTask, extract_missing_arn};

pub struct Heal;

/// The heal policy of one service, parsed from its tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    pub heal: HealPolicy,
    /// The minimum number of tasks, from the scale policy; 1 without one.
    pub min_tasks: u32,
}

impl Operation for Heal {
    const FUNCTION: Function = Function::Heal;
    type Policy = Policy;
    type Prefetched = Prefetched;
    type Observed = Observed;
    type Capability = HealActions;

    fn parse_policy(
        &self,
        tags: &BTreeMap<String, String>,
        defaults: &StackDefaults,
    ) -> Result<Option<Policy>, TagError> {
        // `scale` reports invalid bounds, so they are ignored here.
        let floor = ScalePolicy::from_tags(tags, defaults)
            .ok()
            .flatten()
            .map_or(1, |scale| scale.min);
        Ok(Some(Policy {
            heal: HealPolicy::from_tags(tags)?,
            min_tasks: floor,
        }))
    }

    fn cleanup_policy(&self, _: &StackDefaults) -> Option<Policy> {
        let (crash, reach) = (OnCrashLoop::Retry, Reach::Off);
        Some(Policy {
            heal: HealPolicy {
                mode: reach,
                steps: 0,
                memory: None,
                crash,
                spot_fallback: false,
            },
            min_tasks: 1,
        })
    }

    fn decide(
        &self,
        context: TargetContext<'_, Policy>,
        observed: &Observed,
        now: Timestamp,
    ) -> Plan {
        match observed {
            Observed::Service(unit) => decide(context, unit, now),
            Observed::Instance(instance) => instance::decide(context, instance, now),
            Observed::MassFailure(storm) => mass_failure::decide(context, storm, now),
            Observed::Gone => decide::stop_managing(context.state, "it does not exist any more"),
        }
    }

    fn preconditions(observed: &Observed) -> Preconditions {
        match observed {
            Observed::Service(unit) => {
                let down = (!unit.down.is_empty()).then(|| unit.down.join(", "));
                Preconditions {
                    dependency_outage: down,
                    ..Preconditions::from(&unit.service)
                }
            }
            Observed::Instance(_) | Observed::MassFailure(_) => Preconditions::for_active_target(),
            Observed::Gone => Preconditions::for_missing_target(),
        }
    }

    fn is_applied(action: &Action, observed: &Observed) -> bool {
        match (action, observed) {
            (action, Observed::Service(unit)) => unit.is_applied(action),
            (Action::Healing(HealingAction::DrainInstance(_)), Observed::Instance(host)) => {
                host.instance.status == "DRAINING"
            }
            _ => false,
        }
    }

    fn prune_state(memory: &mut TargetState, observed: &Observed) {
        let Observed::Service(unit) = observed else {
            memory.drop_incident();
            (memory.health.parked, memory.health.moved) = (None, None);
            memory.set_requeue(UNHEALTHY_WATCH_LIST, false);
            return;
        };
        // A service with its own notification does not count towards a mass failure.
        let is_told = |healing: &HealthIncident| {
            [healing.incident_key(), healing.escalation_key()]
                .iter()
                .any(|key| memory.notified.contains_key(key))
        };
        let alone = memory.health.healing.as_ref().is_some_and(is_told);
        memory.set_requeue(
            UNHEALTHY_WATCH_LIST,
            unit.is_healable() && unit.is_unhealthy() && !alone,
        );
        if !unit.is_healable() {
            memory.drop_incident();
            // A service that is stopped overnight keeps its temporary capacity provider.
            if unit.heal_mode == Reach::Off {
                (memory.health.parked, memory.health.moved) = (None, None);
            }
            return;
        }
        unit.drop_reverted_changes(memory);
        let well = !matches!(unit.health, Health::Unhealthy(_));
        memory.record_health(&unit.service.task_definition, well, unit.at);
        if let Some(is_excused) = unit.is_excused {
            memory.record_excuse(is_excused, unit.at);
        }
    }

    /// Returns whether an event may be dropped while its target is locked. Task changes may arrive
    /// by the hundred and sweeps repeat, but an alarm sends only one event.
    fn skips_locked(event: &Event) -> bool {
        matches!(event.detail, Detail::TaskChange(_) | Detail::Sweep)
    }

    fn needs_requeue(context: TargetContext<'_, Policy>, observed: &Observed, plan: &Plan) -> bool {
        let memory = context.state;
        match observed {
            Observed::Service(unit) => {
                // The out-of-memory notification waits until the service has stopped failing.
                let is_news = unit
                    .out_of_memory_key()
                    .is_some_and(|key| !memory.notified.contains_key(&key));
                let goes_on = memory.health.healing.is_some()
                    || memory.health.parked.is_some()
                    || memory.health.moved.is_some();
                unit.heal_mode != Reach::Off && (goes_on || is_news)
            }
            Observed::Instance(_) => plan.waits_for.is_some(),
            Observed::MassFailure(storm) => storm.is_active(),
            Observed::Gone => false,
        }
    }
}

impl<C: Reads, L: Ledger> Observe<C, L> for Heal {
    async fn find_targets(
        &self,
        discovery: DiscoveryContext<'_, C, L>,
    ) -> Result<Targets<Prefetched>, AwsError> {
        discovery::find_targets(discovery).await
    }

    async fn observe(
        &self,
        context: TargetContext<'_, Policy>,
        prefetched: &Prefetched,
        cloud: &C,
    ) -> Result<Observed, AwsError> {
        prefetched.observe_target(context, cloud).await
    }
}
