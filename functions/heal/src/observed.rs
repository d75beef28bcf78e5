//! The observed state of a target, whichever kind it is.

use jiff::Timestamp;
use lamplighter::engine::arbiter::Preconditions;
use lamplighter::plan::{Action, HealingAction};
use lamplighter::policy::HealMode;
use lamplighter::state::{HealthIncident, NoneServes, TargetState};
use serde::Serialize;

use crate::instance::ObservedInstance;
use crate::mass_failure::MassFailure;
use crate::observed_runs::ObservedFamily;
use crate::observed_service::ObservedService;
use crate::prefetched::UNHEALTHY_WATCH_LIST;

/// The observed state of a target.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Observed {
    Service(Box<ObservedService>),
    Instance(Box<ObservedInstance>),
    /// The runs of a task definition that belong to no service.
    Family(Box<ObservedFamily>),
    /// All services of a region, as one target.
    MassFailure(MassFailure),
    Gone,
}

impl Observed {
    /// Returns the facts about the target that the arbiter checks.
    #[must_use]
    pub fn preconditions(&self) -> Preconditions {
        match self {
            Self::Service(observed) => Preconditions {
                dependency_outage: (!observed.down.is_empty()).then(|| observed.down.join(", ")),
                ..Preconditions::from(&observed.service)
            },
            Self::Instance(_) | Self::Family(_) | Self::MassFailure(_) => {
                Preconditions::for_active_target()
            }
            Self::Gone => Preconditions::for_missing_target(),
        }
    }

    /// Reports whether AWS already shows the effect of an action.
    #[must_use]
    pub fn is_applied(&self, action: &Action) -> bool {
        match self {
            Self::Service(observed) => observed.is_applied(action),
            Self::Instance(host) => is_drain(action) && host.instance.status == "DRAINING",
            Self::Family(_) | Self::MassFailure(_) | Self::Gone => false,
        }
    }

    /// Updates the healing state of a target to what was observed, and removes from it what AWS no
    /// longer confirms.
    pub fn prune_state(&self, state: &mut TargetState, now: Timestamp) {
        match self {
            Self::Family(observed) => observed.update_state(state, now),
            Self::Service(observed) => prune_service_state(observed, state),
            Self::Instance(_) | Self::MassFailure(_) | Self::Gone => {
                state.drop_incident();
                forget_temporary_changes(state);
                state.set_requeue(UNHEALTHY_WATCH_LIST, false);
            }
        }
    }
}

fn is_drain(action: &Action) -> bool {
    match action {
        Action::Healing(HealingAction::DrainInstance(_)) => true,
        Action::Healing(
            HealingAction::ReplaceTask(_)
            | HealingAction::ParkService(_)
            | HealingAction::IncreaseMemory(_)
            | HealingAction::SwitchCapacityProvider(_)
            | HealingAction::CloseIncident(_),
        )
        | Action::Release(_)
        | Action::Scaling(_)
        | Action::Monitoring(_)
        | Action::Backup(_)
        | Action::Drill(_)
        | Action::Log(_)
        | Action::Request(_) => false,
    }
}

fn prune_service_state(observed: &ObservedService, state: &mut TargetState) {
    // A service with its own notification does not count towards a mass failure.
    let counts_towards_mass_failure =
        observed.is_healable() && observed.is_unhealthy() && !is_incident_notified(state);
    state.set_requeue(UNHEALTHY_WATCH_LIST, counts_towards_mass_failure);
    if !observed.is_healable() {
        state.drop_incident();
        state.health.none_serves = None;
        // A service that is stopped overnight keeps its temporary capacity provider.
        if observed.heal_mode == HealMode::Off {
            forget_temporary_changes(state);
        }
        return;
    }
    observed.drop_reverted_changes(state);
    state.health.none_serves = observed.serving.none_since.map(|since| NoneServes {
        since,
        seen_at: observed.at,
    });
    state.record_health(
        &observed.service.task_definition,
        !observed.is_unhealthy(),
        observed.at,
    );
    if let Some(is_excused) = observed.is_excused {
        state.record_excuse(is_excused, observed.at);
    }
}

/// Reports whether people were notified about the current incident, by a first notification or by
/// the escalation.
fn is_incident_notified(state: &TargetState) -> bool {
    state
        .health
        .incident
        .as_ref()
        .is_some_and(|healing: &HealthIncident| state.is_notified_about(healing))
}

fn forget_temporary_changes(state: &mut TargetState) {
    state.health.parked = None;
    state.health.switched_capacity = None;
}
