//! `heal`: heals services that crash or are unhealthy in measured steps. If nothing helps, it
//! escalates once, with the cause.
//!
//! Triggers: stopped tasks, tasks that can't be started or placed, Lamplighter's alarms about
//! unhealthy targets, container instances with a disconnected agent, and database failures. A sweep
//! every minute covers the services that run fewer tasks than desired. A one-off or scheduled task
//! that fails is reported, and never repeated.
//!
//! `heal` deliberately leaves a service alone while `rollout` tracks its release. It also leaves
//! every service of a mass failure alone: if many services fail at once, the cause is in none of
//! them.

mod affected_services;
mod assessment;
mod candidates;
mod capacity;
mod causes;
mod decide;
#[cfg(test)]
mod decide_tests;
mod decision;
mod discovery;
mod failures;
mod families;
mod health;
#[cfg(test)]
mod health_tests;
mod instance;
mod mass_failure;
mod messages;
#[cfg(test)]
mod messages_tests;
mod missing_resource;
mod observation;
mod observed;
mod observed_runs;
mod observed_service;
mod outage;
mod parking;
mod policy;
mod prefetched;
mod reads;
mod running_tasks;
mod runs;
#[cfg(test)]
mod runs_tests;
mod service_observation;
mod sizes;
mod steps;
#[cfg(test)]
mod stop_tests;
mod sweep;
mod timing;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use lamplighter::engine::Observe;
use lamplighter::engine::arbiter::Preconditions;
use lamplighter::engine::{DiscoveryContext, TargetContext, Targets};
use lamplighter::event::detail::Detail;
use lamplighter::model::Arn;
use lamplighter::plan::Action;
use lamplighter::policy::{HealMode, StackDefaults, TagError};
use lamplighter::ports::capability::HealActions;
use lamplighter::ports::ledger::Ledger;
use lamplighter::state::TargetState;
use lamplighter::{AwsError, Event, Function, Operation, Plan};

use crate::observed_runs::family_of;
use crate::reads::Reads;

pub use assessment::assess_health;
pub use decide::decide;
pub use health::{Failing, Health, Symptom, Unhealthy};
pub use missing_resource::extract_missing_arn;
pub use observed::Observed;
pub use observed_service::{ObservedService, OutOfMemory, PossibleRollback};
pub use policy::Policy;
pub use prefetched::{Prefetched, UNHEALTHY_WATCH_LIST};

pub struct Heal;

impl Operation for Heal {
    const FUNCTION: Function = Function::Heal;
    const PUBLISHES_EVENTS: bool = true;
    type Policy = Policy;
    type Prefetched = Prefetched;
    type Observed = Observed;
    type Capability = HealActions;

    fn parse_policy(
        &self,
        tags: &BTreeMap<String, String>,
        defaults: &StackDefaults,
    ) -> Result<Option<Policy>, TagError> {
        Policy::from_tags(tags, defaults).map(Some)
    }

    fn cleanup_policy(&self, _: &StackDefaults) -> Option<Policy> {
        Some(Policy::for_cleanup())
    }

    fn decide(
        &self,
        context: TargetContext<'_, Policy>,
        observed: &Observed,
        now: Timestamp,
    ) -> Plan {
        match observed {
            Observed::Service(service) => {
                let plan = decide(context, service, now);
                plan.with_log_group(service.evidence.log_group.as_deref())
            }
            Observed::Instance(instance) => instance::decide(context, instance, now),
            Observed::Family(family) => runs::decide(context, family, now),
            Observed::MassFailure(failure) => mass_failure::decide(context, failure, now),
            Observed::Gone => decide::stop_managing(context.state, "the target no longer exists"),
        }
    }

    fn preconditions(observed: &Observed) -> Preconditions {
        observed.preconditions()
    }

    fn is_applied(action: &Action, observed: &Observed) -> bool {
        observed.is_applied(action)
    }

    fn prune_state(state: &mut TargetState, observed: &Observed, now: Timestamp) {
        observed.prune_state(state, now);
    }

    /// Waits for a family for a moment: runs of several clusters may end at once, and an event names only one.
    fn lease_patience(target: &Arn) -> Duration {
        if family_of(target).is_some() {
            Duration::from_secs(4)
        } else {
            Duration::ZERO
        }
    }

    /// Returns whether an event may be dropped while its target is locked. Task changes may arrive
    /// by the hundred and sweeps repeat, but an alarm sends only one event.
    fn skips_locked(event: &Event, _: &Arn) -> bool {
        match event.detail {
            Detail::TaskChange(_) | Detail::Sweep => true,
            Detail::ImageAction(_)
            | Detail::ImageScanned(_)
            | Detail::SecretChange(_)
            | Detail::TagChange(_)
            | Detail::AlarmChange(_)
            | Detail::ServiceCreated(_)
            | Detail::RunFailure(_)
            | Detail::InstanceChange(_)
            | Detail::DeploymentChange(_)
            | Detail::Snapshot(_)
            | Detail::BackupJob(_)
            | Detail::Database(_)
            | Detail::Drill(_)
            | Detail::Request(_)
            | Detail::Release(_)
            | Detail::Hook(_)
            | Detail::CodeDeployHook(_)
            | Detail::CodeDeployment(_)
            | Detail::Other { .. } => false,
        }
    }

    fn needs_requeue(context: TargetContext<'_, Policy>, observed: &Observed, plan: &Plan) -> bool {
        match observed {
            Observed::Service(service) => needs_service_requeue(context.state, service),
            Observed::Instance(_) => plan.waits_for.is_some(),
            Observed::Family(family) => family.needs_requeue(),
            Observed::MassFailure(failure) => failure.is_active(),
            Observed::Gone => false,
        }
    }
}

/// Reports whether the sweep must reconcile a service again: during an incident or a temporary
/// change, and while an out-of-memory notification waits until the service has stopped failing.
fn needs_service_requeue(state: &TargetState, observed: &ObservedService) -> bool {
    let is_notification_pending = observed
        .out_of_memory_key()
        .is_some_and(|key| !state.notified.contains_key(&key));
    let is_ongoing = state.health.incident.is_some()
        || state.health.parked.is_some()
        || state.health.switched_capacity.is_some()
        || observed.serving.none_since.is_some();
    observed.heal_mode != HealMode::Off && (is_ongoing || is_notification_pending)
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
        observation::observe_target(prefetched, context, cloud).await
    }
}
