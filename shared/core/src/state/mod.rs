//! What is remembered of one target between invocations: only what AWS itself does not know.

mod healing;
mod probe_streak;
mod releases;
mod scaling;

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::model::{Arn, Digest};
use crate::notify::{Message, Notice};
use crate::plan::{Action, Drilled, Redeploy, Remove, RestorePart};

pub use healing::{Healing, Moved, Parked, Taken};
pub use probe_streak::{IN_A_ROW, ProbeStreak};
pub use releases::{Following, Judging, Returning, Verified};
pub use scaling::{Raised, Scaling, Surge};

/// How long somebody who was told once is not told again.
const REMIND_AFTER: SignedDuration = SignedDuration::from_hours(24);
/// How long an intent without an end is remembered.
const PENDING_FOR: SignedDuration = SignedDuration::from_hours(24);
/// More than a day of trouble is not retold.
const UNSENT_KEPT: usize = 50;
/// Attempts older than the hour that limits look at are kept up to this many, as history for a person.
const ATTEMPTS_KEPT: usize = 50;

/// Written by the holder of the target's lease alone.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// Rollouts and redeployments, the oldest first.
    pub attempts: Vec<Attempt>,
    /// A rollout that is followed until it is known how it ended.
    pub following: Option<Following>,
    /// A way back or a restart that was begun and is not over.
    pub returning: Option<Returning>,
    /// A deployment that asks whether it may go on.
    pub judging: Option<Judging>,
    /// Revisions that a rollout ended well with, the oldest first.
    pub verified: Vec<Verified>,
    /// Digests that are not rolled out again, and why.
    pub quarantined: BTreeMap<Digest, String>,
    /// What was told, by key, and when.
    pub told: BTreeMap<String, Timestamp>,
    /// Intents whose end is not known: the function died, or the call got no answer.
    pub pending: Vec<Pending>,
    /// A restart that no sweep would find out again. Kept until the tasks were started anew for good.
    pub owed: Option<Owed>,
    /// Changes of the desired count within the last hour and the last one before, the oldest first.
    pub scalings: Vec<Scaling>,
    /// Load has raised the count, and it is not back yet.
    pub surge: Option<Surge>,
    /// Application Auto Scaling's minimum is raised from here.
    pub raised: Option<Raised>,
    /// When a restore began that is to prove a backup, and of what.
    pub drill: Option<(Timestamp, Arn)>,
    /// How the last such restore ended.
    pub drilled: Option<Drilled>,
    /// A day of logs that is being exported.
    pub exporting: Option<Exporting>,
    /// The last day of logs, in UTC, that is complete in the bucket.
    pub exported: Option<Date>,
    /// The service is not well, or was not until a while ago.
    pub healing: Option<Healing>,
    /// It runs as few tasks as it may, because it crashes.
    pub parked: Option<Parked>,
    /// Its tasks are placed elsewhere for a while.
    pub moved: Option<Moved>,
    /// When its tasks last went back to Spot capacity, and after how many hours.
    pub back_on_spot: Option<(Timestamp, u32)>,
    /// When it was last given more memory.
    pub enlarged: Option<Timestamp>,
    /// Findings that hold: key, and in one line what was found.
    pub findings: BTreeMap<String, String>,
    /// What operations wait for, and since when.
    pub waiting: BTreeMap<String, (String, Timestamp)>,
    /// Operations whose sweep comes back to this target.
    pub watched: BTreeSet<String>,
    /// Notices that could not be handed over; they go first next time.
    pub unsent: Vec<Notice>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    pub at: Timestamp,
    /// `None` for a redeployment of what runs.
    pub digest: Option<Digest>,
    pub tag: Option<String>,
    /// A person had approved the digest.
    #[serde(default)]
    pub approved: bool,
    /// AWS is known to have taken it.
    pub finished: bool,
}

/// An action that was intended, and what people are to be told once it has taken effect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pending {
    pub at: Timestamp,
    pub operation: String,
    pub action: Action,
    pub message: Option<Message>,
    /// AWS refused it: if it shows all the same, somebody else did it.
    #[serde(default)]
    pub refused: bool,
}

/// An export task that was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exporting {
    pub day: Date,
    /// Its identifier; `None` where the answer was lost.
    pub task: Option<String>,
    pub at: Timestamp,
}

/// Tasks must be started anew, because what they read has changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owed {
    pub restart: Redeploy,
    pub message: Message,
}

impl Memory {
    /// Drops the intents of an operation that never took effect: new ones take their place.
    pub fn supersede(&mut self, operation: &str) {
        self.pending
            .retain(|pending| pending.operation != operation);
    }

    /// Notes that an action is about to be tried.
    pub fn intend(
        &mut self,
        operation: &str,
        action: &Action,
        message: Option<&Message>,
        at: Timestamp,
    ) {
        if let Some(attempt) = Attempt::of(action, at) {
            self.attempts.push(attempt);
            self.forget_old_attempts(at);
        }
        self.pending.push(Pending {
            at,
            operation: operation.to_owned(),
            action: action.clone(),
            message: message.cloned(),
            refused: false,
        });
        self.owe(action, message);
    }

    /// Notes a restart that is due, whatever stands against it now. A later one includes an earlier.
    pub fn owe(&mut self, action: &Action, message: Option<&Message>) {
        let (Action::Redeploy(restart), Some(message)) = (action, message) else {
            return;
        };
        // Whether a service that is not well still needs it, the next look knows.
        if restart.heals {
            return;
        }
        if self
            .owed
            .as_ref()
            .is_none_or(|owed| owed.restart.since < restart.since)
        {
            self.owed = Some(Owed {
                restart: restart.clone(),
                message: message.clone(),
            });
        }
    }

    /// Notes that AWS refused an action: for good, or because of too many calls.
    pub fn refuse(&mut self, action: &Action, for_good: bool) {
        let mut at = None;
        for pending in self
            .pending
            .iter_mut()
            .filter(|pending| pending.action == *action)
        {
            pending.refused = true;
            at = Some(pending.at);
        }
        if let (Some(at), true, true) = (at, for_good, action.heals()) {
            self.healing_refused(action, at);
        }
    }

    /// Keeps the newest notices that could not be handed over; a memory must not outgrow its item.
    pub fn keep_unsent(&mut self, mut notices: Vec<Notice>) {
        notices.drain(..notices.len().saturating_sub(UNSENT_KEPT));
        self.unsent = notices;
    }

    fn forget_old_attempts(&mut self, now: Timestamp) {
        let surplus = self.attempts.len().saturating_sub(ATTEMPTS_KEPT);
        let last = self
            .attempts
            .iter()
            .rposition(|attempt| attempt.finished && attempt.digest.is_some());
        let mut n = 0;
        self.attempts.retain(|attempt| {
            let old = now.duration_since(attempt.at) > SignedDuration::from_hours(1);
            n += 1;
            n > surplus || !old || Some(n - 1) == last
        });
    }

    /// Notes that an action has taken effect, and what AWS answered; empty where nobody heard.
    pub fn finish(&mut self, action: &Action, answer: &str) {
        let Some(at) = self
            .pending
            .iter()
            .find(|pending| pending.action == *action)
            .map(|pending| pending.at)
        else {
            return;
        };
        self.pending.retain(|pending| pending.action != *action);
        // Several steps of one plan have the same time; what they are about tells them apart.
        let intended = Attempt::of(action, at);
        for attempt in self
            .attempts
            .iter_mut()
            .filter(|attempt| intended.as_ref().is_some_and(|i| i == *attempt))
        {
            attempt.finished = true;
        }
        match action {
            Action::Scale(scale) => self.scaled(scale, at),
            Action::Floor(floor) => self.floored(floor),
            Action::Restore(restore) if restore.part != RestorePart::Member => {
                self.drill = Some((at, restore.snapshot.clone()));
            }
            Action::Remove(Remove {
                outcome: Some(outcome),
                ..
            }) => {
                self.drilled = Some(outcome.clone());
            }
            Action::Rollout(rollout) => self.follow(rollout, answer, at),
            Action::Judge(judge) => self.judged(judge, at),
            Action::GoBack(back) => {
                self.gone_back(back, at);
                self.healed(action, at);
            }
            Action::Redeploy(Redeploy { heals: true, .. })
            | Action::Replace(_)
            | Action::Park(_)
            | Action::Enlarge(_)
            | Action::Move(_)
            | Action::Recover(_) => self.healed(action, at),
            Action::Redeploy(restart) if restart.shifts => self.restarted(at),
            Action::Report(_) => self.judging = None,
            Action::Continue(go_on) => self.went_on(go_on, at),
            Action::Export(export) => {
                let task = (!answer.is_empty()).then(|| answer.to_owned());
                self.exporting = Some(Exporting {
                    day: export.of.day,
                    task,
                    at,
                });
            }
            Action::Complete(complete) => {
                self.exporting = None;
                self.exported = Some(complete.of.day);
            }
            _ => {}
        }
    }

    /// Notes what an operation waits for now, if anything.
    pub fn wait(&mut self, operation: &str, what_for: Option<&String>, now: Timestamp) {
        match what_for {
            Some(what_for) if self.waits_since(operation, what_for).is_some() => {}
            Some(what_for) => drop(
                self.waiting
                    .insert(operation.to_owned(), (what_for.clone(), now)),
            ),
            None => drop(self.waiting.remove(operation)),
        }
    }

    /// Since when an operation waits for this, if it does.
    #[must_use]
    pub fn waits_since(&self, operation: &str, what_for: &str) -> Option<Timestamp> {
        self.waiting
            .get(operation)
            .filter(|(waits, _)| waits == what_for)
            .map(|(_, since)| *since)
    }

    /// Notes whether an operation's sweep must come back to this target.
    pub fn watch(&mut self, operation: &str, watched: bool) {
        if watched {
            self.watched.insert(operation.to_owned());
        } else {
            self.watched.remove(operation);
        }
    }

    /// Takes out the intents of an operation that now show on AWS, and forgets those that never will.
    pub fn reconcile(
        &mut self,
        operation: &str,
        now: Timestamp,
        in_effect: impl Fn(&Pending) -> bool,
    ) -> Vec<Pending> {
        let ours = self
            .pending
            .iter()
            .filter(|pending| pending.operation == operation);
        let (refused, shown): (Vec<Pending>, Vec<Pending>) = ours
            .filter(|pending| in_effect(pending))
            .cloned()
            .partition(|pending| pending.refused);
        for pending in &shown {
            self.finish(&pending.action, "");
        }
        self.pending.retain(|pending| {
            !refused.contains(pending) && now.duration_since(pending.at) < PENDING_FOR
        });
        shown
    }

    /// The last rollout that AWS took.
    #[must_use]
    pub fn last_rollout(&self) -> Option<&Attempt> {
        self.attempts
            .iter()
            .rev()
            .find(|attempt| attempt.finished && attempt.digest.is_some())
    }

    /// Whether an approval of this digest was made use of.
    #[must_use]
    pub fn approval_is_spent(&self, digest: &Digest) -> bool {
        self.attempts
            .iter()
            .any(|a| a.finished && a.approved && a.digest.as_ref() == Some(digest))
    }

    /// Whether the tasks were started anew since a time.
    #[must_use]
    pub fn restarted_since(&self, time: Timestamp) -> bool {
        self.last_restart().is_some_and(|at| at >= time)
    }

    /// When the service was last changed from here, or may have been.
    #[must_use]
    pub fn last_change(&self) -> Option<Timestamp> {
        let attempts = self.attempts.last().map(|attempt| attempt.at);
        let scalings = self.scalings.last().map(|scaling| scaling.at);
        let steps = self
            .healing
            .as_ref()
            .and_then(|healing| healing.steps.last())
            .map(|step| step.at);
        attempts
            .max(scalings)
            .max(steps)
            .max(self.pending.iter().map(|pending| pending.at).max())
    }

    /// When tasks were last started anew with what they ran.
    #[must_use]
    pub fn last_restart(&self) -> Option<Timestamp> {
        self.attempts
            .iter()
            .rev()
            .find(|a| a.finished && a.digest.is_none())
            .map(|a| a.at)
    }

    /// Whether a rollout of this digest was begun and never heard of again.
    #[must_use]
    pub fn was_interrupted(&self, digest: &Digest) -> bool {
        self.pending
            .iter()
            .any(|pending| matches!(&pending.action, Action::Rollout(r) if r.digest == *digest))
    }

    /// Whether people are to be told this, and if so remembers that they were.
    pub fn tell_once(&mut self, key: Option<&str>, now: Timestamp) -> bool {
        let Some(key) = key else { return true };
        self.told
            .retain(|_, at| now.duration_since(*at) < REMIND_AFTER);
        if self.told.contains_key(key) {
            return false;
        }
        self.told.insert(key.to_owned(), now);
        true
    }
}

impl Attempt {
    /// What an action is remembered as when it begins; `None` for one that starts no tasks anew.
    fn of(action: &Action, at: Timestamp) -> Option<Self> {
        let (digest, tag, approved) = match action {
            Action::Rollout(rollout) => (
                Some(rollout.digest.clone()),
                Some(rollout.tag.clone()),
                rollout.approved,
            ),
            Action::Redeploy(_) | Action::Enlarge(_) | Action::Move(_) => (None, None, false),
            _ => return None,
        };
        Some(Self {
            at,
            digest,
            tag,
            approved,
            finished: false,
        })
    }
}

#[cfg(test)]
impl Attempt {
    pub(crate) fn at(at: Timestamp) -> Self {
        Self {
            at,
            digest: None,
            tag: None,
            approved: false,
            finished: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_told_once_a_day() {
        let now: Timestamp = "2026-11-21T03:00:00Z".parse().unwrap();
        let mut memory = Memory::default();
        assert!(memory.tell_once(Some("bad-tag"), now));
        assert!(!memory.tell_once(Some("bad-tag"), now + SignedDuration::from_hours(23)));
        assert!(memory.tell_once(Some("bad-tag"), now + SignedDuration::from_hours(24)));
        assert!(memory.tell_once(None, now) && memory.tell_once(None, now));
    }

    #[test]
    fn the_last_rollout_and_the_last_hour_are_never_forgotten() {
        let now: Timestamp = "2026-11-21T03:00:00Z".parse().unwrap();
        let mut memory = Memory::default();
        let last = Attempt {
            digest: Some(Digest::new("sha256:ab")),
            ..Attempt::at(now - SignedDuration::from_hours(9))
        };
        memory.attempts.push(last.clone());
        memory
            .attempts
            .extend((0..60).map(|n| Attempt::at(now - SignedDuration::from_mins(120 - n))));
        memory.attempts.extend((0..60).map(|_| Attempt::at(now)));
        memory.forget_old_attempts(now);
        assert_eq!(memory.attempts.len(), 61);
        assert_eq!(memory.last_rollout(), Some(&last));
    }

    #[test]
    fn a_memory_of_an_earlier_version_still_reads() {
        assert_eq!(
            serde_json::from_str::<Memory>("{}").unwrap(),
            Memory::default()
        );
    }
}
