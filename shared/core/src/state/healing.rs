//! What is remembered of a service that is not well.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Memory, Returning};
use crate::model::CapacityShare;
use crate::plan::{Action, Move, Park};

/// Steps that are remembered; more are never taken in one incident.
const STEPS_KEPT: usize = 20;

/// A way back that takes longer hangs itself.
const RETURNS_WITHIN: SignedDuration = SignedDuration::from_mins(30);

/// From when a service was first seen unwell until it was well for a while.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Healing {
    pub since: Timestamp,
    /// Since when it is not well without a break.
    pub unwell_since: Timestamp,
    /// The ARN of the revision that is not well; empty where it was just replaced by one of ours.
    pub revision: String,
    /// What was done, the oldest first.
    pub steps: Vec<Taken>,
    /// Since when it is well.
    pub well_since: Option<Timestamp>,
    /// What it depends on was down when it was last looked at, or many failed with it.
    #[serde(default)]
    pub is_excused: bool,
    /// When that was last over.
    #[serde(default)]
    pub excused_until: Option<Timestamp>,
}

/// A step that AWS took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    pub at: Timestamp,
    pub what: String,
}

/// A service that runs as few tasks as it may.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    pub before: u32,
    pub to: u32,
    /// The ARN of the revision that crashed.
    pub revision: String,
    pub at: Timestamp,
}

/// A service whose tasks are placed elsewhere for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    pub before: Vec<CapacityShare>,
    pub to: Vec<CapacityShare>,
    pub at: Timestamp,
    /// How long it stays there.
    pub hours: u32,
}

impl Healing {
    /// Something that begins now.
    #[must_use]
    pub fn begun(now: Timestamp) -> Self {
        Self {
            since: now,
            unwell_since: now,
            ..Self::default()
        }
    }

    /// Under which people are told of this incident.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{}{}", Self::KEYS, self.since)
    }

    /// What all keys of incidents begin with.
    pub const KEYS: &str = "heal:";

    /// The key of an incident in one that [`Self::key_of`] made.
    #[must_use]
    pub fn key_in(key: &str) -> &str {
        key.split_inclusive('Z').next().unwrap_or(key)
    }

    /// The same where nothing that was tried helped.
    #[must_use]
    pub fn called_key(&self) -> String {
        self.key_of("called")
    }

    /// The same of something that is told whatever else was.
    #[must_use]
    pub fn key_of(&self, what: &str) -> String {
        format!("{}:{what}", self.key())
    }
}

impl Memory {
    /// Notes how a service is.
    pub fn note_health(&mut self, revision: &str, well: bool, now: Timestamp) {
        let Some(healing) = &mut self.healing else {
            let begun = Healing {
                revision: revision.to_owned(),
                ..Healing::begun(now)
            };
            self.healing = (!well).then_some(begun);
            return;
        };
        if well {
            healing.well_since.get_or_insert(now);
            return;
        }
        if healing.well_since.take().is_some() {
            healing.unwell_since = now;
        }
        if healing.revision == revision {
            return;
        }
        let by_us = healing.revision.is_empty();
        revision.clone_into(&mut healing.revision);
        if !by_us {
            // Somebody rolled out something else, which is looked at with fresh eyes.
            healing.steps.clear();
            (healing.unwell_since, healing.excused_until) = (now, None);
            let (key, called) = (healing.key(), healing.called_key());
            if let Some(at) = self.told.remove(&called) {
                self.told.insert(key, at);
            }
        }
    }

    /// Forgets the incident of a service that is not looked after any more, but for one key that people were told of it
    /// under.
    pub fn leave(&mut self) {
        let mut keeps = self.healing.take().is_some();
        self.told
            .retain(|key, _| !key.starts_with(Healing::KEYS) || std::mem::take(&mut keeps));
    }

    /// Notes whether something else is at fault that a service is not well.
    pub fn note_excuse(&mut self, is_excused: bool, now: Timestamp) {
        let Some(healing) = &mut self.healing else {
            return;
        };
        if healing.is_excused && !is_excused {
            healing.excused_until = Some(now);
        }
        healing.is_excused = is_excused;
    }

    /// Since when a service is well that was not.
    #[must_use]
    pub fn well_for(&self, now: Timestamp) -> Option<SignedDuration> {
        self.healing
            .as_ref()
            .and_then(|healing| healing.well_since)
            .map(|since| now.duration_since(since))
    }

    /// Whether a release is followed, or a way back or a restart was begun a while ago: who else changes the
    /// service waits.
    #[must_use]
    pub fn is_being_released(&self, now: Timestamp) -> bool {
        let returns = |way: &Returning| now.duration_since(way.at) < RETURNS_WITHIN;
        self.following.is_some() || self.returning.as_ref().is_some_and(returns)
    }

    /// Notes a step that AWS refused: one that is never allowed must end with a person as well.
    pub(super) fn healing_refused(&mut self, action: &Action, at: Timestamp) {
        self.took(
            action,
            format!("tried to {}, which was refused", action.in_words()),
            at,
        );
    }

    pub(super) fn healed(&mut self, action: &Action, at: Timestamp) {
        match action {
            Action::Recover(_) => self.healing = None,
            Action::Park(Park { restores: true, .. }) => self.parked = None,
            Action::Move(Move { restores: true, .. }) => {
                self.back_on_spot = self.moved.take().map(|moved| (at, moved.hours));
            }
            Action::Park(park) => {
                let (before, to, revision) = (park.from, park.to, park.revision.clone());
                self.parked = Some(Parked {
                    before,
                    to,
                    revision,
                    at,
                });
            }
            Action::Move(moving) => {
                let (before, to, hours) = (moving.from.clone(), moving.to.clone(), moving.hours);
                self.moved = Some(Moved {
                    before,
                    to,
                    at,
                    hours,
                });
            }
            Action::Enlarge(_) => self.enlarged = Some(at),
            _ => {}
        }
        if matches!(
            action,
            Action::Enlarge(_) | Action::Redeploy(_) | Action::Move(_)
        ) && action.shifts()
        {
            self.restarted(at);
        }
        self.took(action, action.in_words(), at);
        if matches!(action, Action::Enlarge(_) | Action::GoBack(_)) {
            self.healing
                .iter_mut()
                .for_each(|healing| healing.revision.clear());
        }
    }

    fn took(&mut self, action: &Action, what: String, at: Timestamp) {
        let is_step = match action {
            Action::Park(park) => !park.restores,
            Action::Move(moving) => !moving.restores,
            other => !matches!(other, Action::Recover(_)),
        };
        if let Some(healing) = self
            .healing
            .as_mut()
            .filter(|healing| is_step && healing.steps.len() < STEPS_KEPT)
        {
            healing.steps.push(Taken { at, what });
        }
    }
}
