//! `heal`: services that crash or are unhealthy get well in measured steps, and what a machine can't mend calls a person
//! once, with the cause.
//!
//! Triggers: tasks that stop, tasks that can't be started or placed, our alarms about unhealthy targets, container
//! instances that ECS does not hear of, failures of databases, and a sweep every five minutes over the services that have
//! fewer tasks than they should.
//!
//! It deliberately mends nothing that is rolled out while `rollout` follows it, and nothing of a storm: where many services
//! fail at once, the cause is in none of them.

mod causes;
mod decide;
#[cfg(test)]
mod decide_tests;
mod dependants;
mod health;
#[cfg(test)]
mod health_tests;
mod instance;
mod sizes;
mod stop;
#[cfg(test)]
mod stop_tests;
mod storm;
mod survey;
mod targets;
mod unit;
mod words;
#[cfg(test)]
mod words_tests;

use std::collections::BTreeMap;

use jiff::Timestamp;
use lamplighter::engine::arbiter::TargetState;
use lamplighter::engine::{Search, Seen, Targets};
use lamplighter::event::detail::Detail;
use lamplighter::plan::Action;
use lamplighter::policy::{Crash, Heal as Reach, HealPolicy, ScalePolicy, StackDefaults, TagError};
use lamplighter::ports::cloud::{Cloud, Remedies};
use lamplighter::ports::ledger::Ledger;
use lamplighter::state::{Healing, Memory};
use lamplighter::{AwsError, Event, Operation, Plan};

pub use decide::decide;
pub use health::{Failing, Health, Symptom, Unhealthy, health};
pub use stop::{Cause, Stop, missing};
pub use survey::{Observed, Survey, UNWELL};
pub use unit::{OutOfMemory, Unit, WayBack};

pub struct Heal;

/// What the operator wants of one service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    pub heal: HealPolicy,
    /// Tasks that it has at least.
    pub floor: u32,
}

impl Operation for Heal {
    const NAME: &'static str = "heal";
    type Policy = Policy;
    type Survey = Survey;
    type Observed = Observed;
    type Reach = Remedies;

    async fn targets<C: Cloud, L: Ledger>(
        &self,
        search: Search<'_, C, L>,
    ) -> Result<Targets<Survey>, AwsError> {
        targets::targets(search).await
    }

    fn policy(
        &self,
        tags: &BTreeMap<String, String>,
        defaults: &StackDefaults,
    ) -> Result<Option<Policy>, TagError> {
        // What is wrong with the bounds, `scale` tells.
        let floor = ScalePolicy::of(tags, defaults)
            .ok()
            .flatten()
            .map_or(1, |scale| scale.min);
        Ok(Some(Policy {
            heal: HealPolicy::of(tags)?,
            floor,
        }))
    }

    fn tidying(&self, _: &StackDefaults) -> Option<Policy> {
        let (crash, reach) = (Crash::Retry, Reach::Off);
        Some(Policy {
            heal: HealPolicy {
                reach,
                steps: 0,
                memory: None,
                crash,
                spot_fallback: false,
            },
            floor: 1,
        })
    }

    async fn observe<C: Cloud>(
        &self,
        seen: Seen<'_, Policy>,
        survey: &Survey,
        cloud: &C,
    ) -> Result<Observed, AwsError> {
        survey.of(seen, cloud).await
    }

    fn decide(&self, seen: Seen<'_, Policy>, observed: &Observed, now: Timestamp) -> Plan {
        match observed {
            Observed::Service(unit) => decide(seen, unit, now),
            Observed::Instance(instance) => instance::decide(seen, instance, now),
            Observed::All(storm) => storm::decide(seen, storm, now),
            Observed::Gone => decide::left(seen.memory, "it does not exist any more"),
        }
    }

    fn state(observed: &Observed) -> TargetState {
        match observed {
            Observed::Service(unit) => {
                let down = (!unit.down.is_empty()).then(|| unit.down.join(", "));
                TargetState {
                    down,
                    ..TargetState::from(&unit.service)
                }
            }
            Observed::Instance(_) | Observed::All(_) => TargetState::active(),
            Observed::Gone => TargetState::missing(),
        }
    }

    fn in_effect(action: &Action, observed: &Observed) -> bool {
        match (action, observed) {
            (action, Observed::Service(unit)) => unit.shows(action),
            (Action::Drain(_), Observed::Instance(host)) => host.instance.status == "DRAINING",
            _ => false,
        }
    }

    fn forget(memory: &mut Memory, observed: &Observed) {
        let Observed::Service(unit) = observed else {
            memory.leave();
            (memory.parked, memory.moved) = (None, None);
            memory.watch(UNWELL, false);
            return;
        };
        // One that people were told of by itself is no part of a storm.
        let is_told = |healing: &Healing| {
            [healing.key(), healing.called_key()]
                .iter()
                .any(|key| memory.told.contains_key(key))
        };
        let alone = memory.healing.as_ref().is_some_and(is_told);
        memory.watch(UNWELL, unit.is_looked_after() && unit.is_unwell() && !alone);
        if !unit.is_looked_after() {
            memory.leave();
            // One that is stopped for the night still has its tasks placed elsewhere.
            if unit.reach == Reach::Off {
                (memory.parked, memory.moved) = (None, None);
            }
            return;
        }
        unit.forget_what_others_ended(memory);
        let well = !matches!(unit.health, Health::Unwell(_));
        memory.note_health(&unit.service.task_definition, well, unit.at);
        if let Some(is_excused) = unit.is_excused {
            memory.note_excuse(is_excused, unit.at);
        }
    }

    /// A hundred tasks of a service may stop at once; an alarm speaks once.
    fn leaves_busy(event: &Event) -> bool {
        matches!(event.detail, Detail::TaskChange(_) | Detail::Sweep)
    }

    fn watches(seen: Seen<'_, Policy>, observed: &Observed, plan: &Plan) -> bool {
        let memory = seen.memory;
        match observed {
            Observed::Service(unit) => {
                // That it was memory is told once it is known that this was all.
                let is_news = unit
                    .out_of_memory_key()
                    .is_some_and(|key| !memory.told.contains_key(&key));
                let goes_on =
                    memory.healing.is_some() || memory.parked.is_some() || memory.moved.is_some();
                unit.reach != Reach::Off && (goes_on || is_news)
            }
            Observed::Instance(_) => plan.waits_for.is_some(),
            Observed::All(storm) => storm.is_on(),
            Observed::Gone => false,
        }
    }
}
