//! The state of one target.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::model::{Digest, ReleaseEvent};
use crate::notify::{Message, Notification};
use crate::plan::{Action, Hold, ReleaseAction};
use crate::state::attempt::Attempt;
use crate::state::backups::BackupState;
use crate::state::certificates::RecordedCertificate;
use crate::state::healing::HealthState;
use crate::state::logs::LogState;
use crate::state::releases::ReleaseState;
use crate::state::requests::RequestState;
use crate::state::scaling::ScalingState;

/// Time during which a notification is not repeated under the same key.
const REPEAT_AFTER: SignedDuration = SignedDuration::from_hours(24);
/// Unsent notifications that are kept, newest first to stay.
const UNSENT_KEPT: usize = 50;

/// The state of one target. Only the holder of its lease writes it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TargetState {
    /// The notifications that were sent: key and time.
    pub notified: BTreeMap<String, Timestamp>,
    /// The intents with an unknown outcome: the function died, or the call got no answer.
    pub pending: Vec<Pending>,
    /// The current findings: key and title.
    pub findings: BTreeMap<String, String>,
    /// The condition that each operation waits for, and since when.
    pub waiting: BTreeMap<String, (String, Timestamp)>,
    /// What holds each operation, and since when.
    pub holds: BTreeMap<String, RecordedHold>,
    /// The operations whose sweep must reconcile this target again.
    pub watched: BTreeSet<String>,
    /// Notifications that could not be sent. They are sent first next time.
    pub unsent: Vec<Notification>,
    /// Events that could not be put on the bus. They are put first next time.
    pub unsent_events: Vec<ReleaseEvent>,
    pub releases: ReleaseState,
    pub scaling: ScalingState,
    pub health: HealthState,
    pub backups: BackupState,
    pub logs: LogState,
    /// The certificates of load balancers that are reported for this target.
    pub certificates: Vec<RecordedCertificate>,
    pub requests: RequestState,
}

impl TargetState {
    /// Keeps the newest notifications that could not be sent. The number is limited by the item
    /// size.
    pub fn keep_unsent(&mut self, mut notifications: Vec<Notification>) {
        notifications.drain(..notifications.len().saturating_sub(UNSENT_KEPT));
        self.unsent = notifications;
    }

    /// Keeps the newest events that could not be put on the bus.
    pub fn keep_unsent_events(&mut self, mut events: Vec<ReleaseEvent>) {
        events.drain(..events.len().saturating_sub(UNSENT_KEPT));
        self.unsent_events = events;
    }

    /// Records the condition that an operation waits for, or that it waits for none.
    pub fn track_wait(&mut self, operation: &str, what_for: Option<&String>, now: Timestamp) {
        match what_for {
            Some(what_for) if self.waiting_since(operation, what_for).is_some() => {}
            Some(what_for) => drop(
                self.waiting
                    .insert(operation.to_owned(), (what_for.clone(), now)),
            ),
            None => drop(self.waiting.remove(operation)),
        }
    }

    /// Returns the time since which an operation waits for a condition, or `None` if it doesn't.
    #[must_use]
    pub fn waiting_since(&self, operation: &str, what_for: &str) -> Option<Timestamp> {
        self.waiting
            .get(operation)
            .filter(|(waits, _)| waits == what_for)
            .map(|(_, since)| *since)
    }

    /// Records what holds an operation, or that nothing does. The time stays while the same thing holds it.
    pub fn track_hold(&mut self, operation: &str, hold: Option<Hold>, now: Timestamp) {
        let Some(hold) = hold else {
            self.holds.remove(operation);
            return;
        };
        let since = self
            .holds
            .get(operation)
            .filter(|known| known.hold.kind == hold.kind && known.hold.image == hold.image)
            .map_or(now, |known| known.since);
        let recorded = RecordedHold { hold, since };
        self.holds.insert(operation.to_owned(), recorded);
    }

    /// Returns what holds an operation.
    #[must_use]
    pub fn find_hold(&self, operation: &str) -> Option<&Hold> {
        self.holds.get(operation).map(|recorded| &recorded.hold)
    }

    /// Adds the target to the watch list of an operation, or removes it.
    pub fn set_requeue(&mut self, operation: &str, watched: bool) {
        if watched {
            self.watched.insert(operation.to_owned());
        } else {
            self.watched.remove(operation);
        }
    }

    /// Returns the last rollout that AWS accepted.
    #[must_use]
    pub fn last_rollout(&self) -> Option<&Attempt> {
        self.releases
            .attempts
            .iter()
            .rev()
            .find(|attempt| attempt.finished && attempt.digest.is_some())
    }

    /// Returns when the last rollout of this digest began, if it is recorded.
    #[must_use]
    pub fn rollout_start(&self, digest: &Digest) -> Option<Timestamp> {
        let mut attempts = self.releases.attempts.iter().rev();
        attempts
            .find(|attempt| attempt.digest.as_ref() == Some(digest))
            .map(|attempt| attempt.at)
    }

    /// Returns the tag under which a digest was rolled out last.
    #[must_use]
    pub fn find_release_tag(&self, digest: &Digest) -> Option<&str> {
        let mut attempts = self.releases.attempts.iter().rev();
        attempts
            .find(|attempt| attempt.digest.as_ref() == Some(digest))
            .and_then(|attempt| attempt.tag.as_deref())
    }

    /// Reports whether an approval of this digest was used by a rollout.
    #[must_use]
    pub fn is_approval_used(&self, digest: &Digest) -> bool {
        self.releases
            .attempts
            .iter()
            .any(|a| a.finished && a.approved && a.digest.as_ref() == Some(digest))
    }

    /// Reports whether the tasks were restarted at or after a time.
    #[must_use]
    pub fn has_restarted_since(&self, time: Timestamp) -> bool {
        self.last_restart().is_some_and(|at| at >= time)
    }

    /// Returns the time of the last change, or possible change, of the service by Lamplighter.
    #[must_use]
    pub fn last_change(&self) -> Option<Timestamp> {
        let attempts = self.releases.attempts.last().map(|attempt| attempt.at);
        let scalings = self.scaling.scalings.last().map(|scaling| scaling.at);
        let steps = self
            .health
            .incident
            .as_ref()
            .and_then(|healing| healing.steps.last())
            .map(|step| step.at);
        attempts
            .max(scalings)
            .max(steps)
            .max(self.pending.iter().map(|pending| pending.at).max())
    }

    /// Returns the time of the last completed restart.
    #[must_use]
    pub fn last_restart(&self) -> Option<Timestamp> {
        self.releases
            .attempts
            .iter()
            .rev()
            .find(|a| a.finished && a.digest.is_none())
            .map(|a| a.at)
    }

    /// Reports whether a rollout of this digest started and has no known outcome.
    #[must_use]
    pub fn has_interrupted_rollout(&self, digest: &Digest) -> bool {
        self.pending
            .iter()
            .any(|pending| matches!(&pending.action, Action::Release(ReleaseAction::Rollout(r)) if r.digest == *digest))
    }

    /// Reports whether a rollout of this digest started, and AWS has neither accepted nor refused it.
    #[must_use]
    pub fn awaits_rollout(&self, digest: &Digest) -> bool {
        let mut pending = self.pending.iter().filter(|pending| !pending.refused);
        pending.any(|pending| {
            matches!(&pending.action, Action::Release(ReleaseAction::Rollout(rollout)) if rollout.digest == *digest)
        })
    }

    /// Returns when a rollback began that does without the steps of a strategy, and whose answer is outstanding.
    #[must_use]
    pub fn find_skipping_rollback(&self) -> Option<Timestamp> {
        let mut pending = self.pending.iter().filter(|pending| !pending.refused);
        pending
            .find(|pending| {
                if let Action::Release(ReleaseAction::Rollback(rollback)) = &pending.action {
                    rollback.skips.is_some()
                } else {
                    false
                }
            })
            .map(|pending| pending.at)
    }

    /// Reports whether a notification is due under this key, and records it as sent.
    ///
    /// Returns true without a key, and false if the key was notified within 24 hours.
    pub fn should_notify(&mut self, key: Option<&str>, now: Timestamp) -> bool {
        let Some(key) = key else { return true };
        self.notified
            .retain(|_, at| now.duration_since(*at) < REPEAT_AFTER);
        if self.notified.contains_key(key) {
            return false;
        }
        self.notified.insert(key.to_owned(), now);
        true
    }

    /// Reports whether a message under this key was sent or silenced within a day.
    #[must_use]
    pub fn was_notified(&self, key: &str) -> bool {
        self.notified.contains_key(key) || self.notified.contains_key(&silenced_key(key))
    }

    /// Lists the keys of the messages that were sent or silenced within a day.
    pub fn list_notified_keys(&self) -> impl Iterator<Item = &str> {
        self.notified
            .keys()
            .map(|key| key.strip_prefix(SILENCED_PREFIX).unwrap_or(key))
    }
}

/// Precedes the key of a silenced message.
const SILENCED_PREFIX: &str = "muted:";

/// Returns the key under which the target state records a silenced message.
#[must_use]
pub(crate) fn silenced_key(key: &str) -> String {
    format!("{SILENCED_PREFIX}{key}")
}

/// What holds an operation, and since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedHold {
    pub hold: Hold,
    pub since: Timestamp,
}

/// An intended action, and the notification to send once it has taken effect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pending {
    pub at: Timestamp,
    pub operation: String,
    pub action: Action,
    pub message: Option<Message>,
    /// AWS rejected the action. If it takes effect all the same, someone else did it.
    #[serde(default)]
    pub refused: bool,
}
