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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Under which people are told of this incident.
    #[must_use]
    pub fn key(&self) -> String {
        format!("heal:{}", self.since)
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
            let (revision, steps) = (revision.to_owned(), Vec::new());
            let begun = Healing { since: now, unwell_since: now, revision, steps, well_since: None };
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
            healing.unwell_since = now;
            let (key, called) = (healing.key(), healing.called_key());
            if let Some(at) = self.told.remove(&called) {
                self.told.insert(key, at);
            }
        }
    }

    /// Since when a service is well that was not.
    #[must_use]
    pub fn well_for(&self, now: Timestamp) -> Option<SignedDuration> {
        self.healing.as_ref().and_then(|healing| healing.well_since).map(|since| now.duration_since(since))
    }

    /// Whether a release is followed, or a way back or a restart was begun a while ago: who else changes the
    /// service waits.
    #[must_use]
    pub fn is_being_released(&self, now: Timestamp) -> bool {
        let returns = |way: &Returning| now.duration_since(way.at) < RETURNS_WITHIN;
        self.following.is_some() || self.returning.as_ref().is_some_and(returns)
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
                self.parked = Some(Parked { before, to, revision, at });
            }
            Action::Move(moving) => {
                let (before, to, hours) = (moving.from.clone(), moving.to.clone(), moving.hours);
                self.moved = Some(Moved { before, to, at, hours });
            }
            Action::Enlarge(_) => self.enlarged = Some(at),
            _ => {}
        }
        if matches!(action, Action::Enlarge(_) | Action::Redeploy(_) | Action::Move(_)) && action.shifts() {
            self.restarted(at);
        }
        let is_step = match action {
            Action::Park(park) => !park.restores,
            Action::Move(moving) => !moving.restores,
            other => !matches!(other, Action::Recover(_)),
        };
        let Some(healing) = self.healing.as_mut().filter(|_| is_step) else { return };
        if matches!(action, Action::Enlarge(_) | Action::GoBack(_)) {
            healing.revision.clear();
        }
        if healing.steps.len() < STEPS_KEPT {
            healing.steps.push(Taken { at, what: action.in_words() });
        }
    }
}
