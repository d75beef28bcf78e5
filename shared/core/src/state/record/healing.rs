//! What healing leaves in the target state.

use jiff::{SignedDuration, Timestamp};

use crate::plan::{Action, HealingAction, Repair, SwitchCapacityProvider};
use crate::state::healing::{HealStep, HealthIncident, Parked, SwitchedCapacity};
use crate::state::target::{TargetState, silenced_key};

/// The maximum number of steps that are stored; no incident takes more.
const STEPS_KEPT: usize = 20;

/// The time after which a rollback or restart counts as stuck.
const ROLLBACK_TIMEOUT: SignedDuration = SignedDuration::from_mins(30);

impl TargetState {
    /// Records whether a service is healthy.
    pub fn record_health(&mut self, revision: &str, is_healthy: bool, now: Timestamp) {
        let Some(healing) = &mut self.health.incident else {
            let opened = HealthIncident {
                revision: revision.to_owned(),
                ..HealthIncident::new(now)
            };
            self.health.incident = (!is_healthy).then_some(opened);
            return;
        };
        let escalation = healing.escalation_key();
        let is_known = |key: &str| self.notified.contains_key(key);
        healing.is_escalated |= is_known(&escalation) || is_known(&silenced_key(&escalation));
        if is_healthy {
            healing.healthy_since.get_or_insert(now);
            return;
        }
        if healing.healthy_since.take().is_some() {
            healing.unhealthy_since = now;
        }
        if healing.revision == revision {
            return;
        }
        let by_us = healing.revision.is_empty();
        revision.clone_into(&mut healing.revision);
        if !by_us {
            // Someone else rolled out another revision, so the incident starts over for it.
            healing.steps.clear();
            healing.is_escalated = false;
            healing.unhealthy_since = now;
            healing.outage_ended_at = None;
            self.end_escalation();
        }
    }

    /// Ends an escalation, so that steps are taken again. Keeps a key of the notification, for the resolution.
    fn end_escalation(&mut self) {
        let Some(healing) = &mut self.health.incident else {
            return;
        };
        healing.is_escalated = false;
        let escalation = healing.escalation_key();
        self.notified.remove(&silenced_key(&escalation));
        if let Some(at) = self.notified.remove(&escalation) {
            self.notified.insert(healing.incident_key(), at);
        }
    }

    /// Reports whether people were notified of an incident, by whatever message.
    #[must_use]
    pub fn is_notified_about(&self, incident: &HealthIncident) -> bool {
        let key = incident.incident_key();
        self.notified.keys().any(|known| known.starts_with(&key))
    }

    /// Drops the incident of a service that is no longer managed. Keeps one key of a notification
    /// about it, so that a resolution can still be sent.
    pub fn drop_incident(&mut self) {
        let mut keeps_one = self.health.incident.take().is_some();
        self.notified.retain(|key, _| {
            !key.starts_with(HealthIncident::KEY_PREFIX) || std::mem::take(&mut keeps_one)
        });
    }

    /// Records whether an external cause excuses the unhealthy state of a service.
    pub fn record_excuse(&mut self, is_excused: bool, now: Timestamp) {
        let Some(healing) = &mut self.health.incident else {
            return;
        };
        if healing.is_excused && !is_excused {
            healing.outage_ended_at = Some(now);
        }
        healing.is_excused = is_excused;
    }

    /// Returns how long a service has been healthy since its incident, or `None` if it isn't.
    #[must_use]
    pub fn healthy_duration(&self, now: Timestamp) -> Option<SignedDuration> {
        self.health
            .incident
            .as_ref()
            .and_then(|healing| healing.healthy_since)
            .map(|since| now.duration_since(since))
    }

    /// Reports whether a release is tracked, or a rollback or restart is in progress. Other
    /// changes of the service must wait.
    #[must_use]
    pub fn is_release_in_progress(&self, now: Timestamp) -> bool {
        self.releases.active_rollout.is_some()
            || self
                .releases
                .active_rollback
                .as_ref()
                .is_some_and(|rollback| now.duration_since(rollback.at) < ROLLBACK_TIMEOUT)
    }

    /// Records a step that AWS rejected for good, so that it counts on the way to an escalation.
    pub(in crate::state) fn record_refused_step(&mut self, action: &Action, at: Timestamp) {
        self.push_step(
            action,
            format!("tried to {}, but AWS rejected it", action.describe()),
            at,
        );
    }

    /// Records that a healing action has taken effect.
    pub(in crate::state) fn record_healing_action(
        &mut self,
        action: &HealingAction,
        at: Timestamp,
    ) {
        match action {
            HealingAction::CloseIncident(_) => self.health.incident = None,
            HealingAction::ParkService(park) if park.restores => {
                self.record_count(park.from, park.to, at);
                self.health.parked = None;
                self.end_escalation();
            }
            HealingAction::ParkService(park) => {
                self.record_count(park.from, park.to, at);
                self.health.parked = Some(Parked {
                    before: park.from,
                    to: park.to,
                    revision: park.revision.clone(),
                    at,
                });
            }
            HealingAction::SwitchCapacityProvider(switch) => {
                self.record_capacity_switch(switch, at);
                self.record_shifting_restart(switch.shifts, at);
            }
            HealingAction::IncreaseMemory(increase) => {
                self.health.memory_increased_at = Some(at);
                self.record_shifting_restart(increase.shifts, at);
            }
            HealingAction::ReplaceTask(_) => {}
            // The instance is the target, and ECS remembers that it drains.
            HealingAction::DrainInstance(_) => return,
        }
        let action = Action::Healing(action.clone());
        self.push_step(&action, action.describe(), at);
        if let Action::Healing(HealingAction::IncreaseMemory(_)) = action {
            self.forget_incident_revision();
        }
    }

    fn record_capacity_switch(&mut self, switch: &SwitchCapacityProvider, at: Timestamp) {
        if switch.restores {
            self.health.back_on_spot = self
                .health
                .switched_capacity
                .take()
                .map(|moved| (at, moved.hours));
        } else {
            self.health.switched_capacity = Some(SwitchedCapacity {
                before: switch.from.clone(),
                to: switch.to.clone(),
                at,
                hours: switch.hours,
            });
        }
    }

    pub(in crate::state) fn record_shifting_restart(&mut self, shifts: bool, at: Timestamp) {
        if shifts {
            self.record_restart(at);
        }
    }

    /// Clears the revision of the health incident, because the service runs another one from now on.
    pub(in crate::state) fn forget_incident_revision(&mut self) {
        if let Some(healing) = &mut self.health.incident {
            healing.revision.clear();
        }
    }

    pub(in crate::state) fn push_step(&mut self, action: &Action, what: String, at: Timestamp) {
        let is_step = action.repair() != Repair::No;
        if let Some(healing) = self
            .health
            .incident
            .as_mut()
            .filter(|healing| is_step && healing.steps.len() < STEPS_KEPT)
        {
            healing.steps.push(HealStep { at, what });
        }
    }
}
