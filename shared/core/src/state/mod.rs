//! The state of one target between invocations: only what AWS itself does not store.

mod backups;
mod healing;
mod logs;
mod probe_streak;
mod releases;
mod scaling;

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::model::{Arn, Digest};
use crate::notify::{Message, Notification};
use crate::plan::{Action, DrillResult, LimitRule, ReleaseAction, RestartTasks};

pub use healing::{HealStep, HealthIncident, Parked, SwitchedCapacity};
pub use probe_streak::{ProbeStreak, REQUIRED_STREAK};
pub use releases::{ActiveRollback, ActiveRollout, PendingVerdict, Verified};
pub use scaling::{RaisedMinimum, Scaling, Surge};

/// Time during which a notification is not repeated under the same key.
const REPEAT_AFTER: SignedDuration = SignedDuration::from_hours(24);
/// Time until an intent without an outcome is dropped.
const PENDING_TTL: SignedDuration = SignedDuration::from_hours(24);
/// Unsent notifications that are kept, newest first to stay.
const UNSENT_KEPT: usize = 50;
/// Attempts that are kept as history for people. Those within the hour that limits count are
/// always kept.
const ATTEMPTS_KEPT: usize = 50;

/// The state of one target. Only the holder of its lease writes it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TargetState {
    /// Rollouts and restarts, oldest first.
    pub attempts: Vec<Attempt>,
    /// The rollout that is tracked until its result is known.
    pub active_rollout: Option<ActiveRollout>,
    /// The rollback or restart that has not completed.
    pub active_rollback: Option<ActiveRollback>,
    /// The deployment that waits for a verdict of its lifecycle hook.
    pub pending_verdict: Option<PendingVerdict>,
    /// The revisions of verified rollouts, oldest first.
    pub verified: Vec<Verified>,
    /// The quarantined image digests, and why.
    pub quarantined: BTreeMap<Digest, String>,
    /// The notifications that were sent: key and time.
    pub notified: BTreeMap<String, Timestamp>,
    /// The intents with an unknown outcome: the function died, or the call got no answer.
    pub pending: Vec<Pending>,
    /// A restart that no sweep would discover again. Kept until the restart has completed.
    pub pending_restart: Option<PendingRestart>,
    /// The changes of the desired count within the last hour before the latest change, oldest
    /// first.
    pub scalings: Vec<Scaling>,
    /// The surge that is in progress: load raised the desired count.
    pub surge: Option<Surge>,
    /// The minimum capacity in Application Auto Scaling that Lamplighter raised.
    pub raised: Option<RaisedMinimum>,
    /// The start of the running restore test, and the snapshot it restores.
    pub drill: Option<(Timestamp, Arn)>,
    /// The result of the last restore test.
    pub drilled: Option<DrillResult>,
    /// The day of logs that is being exported.
    pub exporting: Option<Exporting>,
    /// The last day of logs, in UTC, with a complete export.
    pub exported: Option<Date>,
    /// The current health incident, which stays until the service has been healthy for a while.
    pub healing: Option<HealthIncident>,
    /// The service is parked at a few tasks, because it is in a crash loop.
    pub parked: Option<Parked>,
    /// The tasks run on other capacity for a while.
    pub moved: Option<SwitchedCapacity>,
    /// The time at which the tasks last returned to Spot capacity, and after how many hours.
    pub back_on_spot: Option<(Timestamp, u32)>,
    /// The time of the last memory increase.
    pub enlarged: Option<Timestamp>,
    /// The current findings: key and title.
    pub findings: BTreeMap<String, String>,
    /// The condition that each operation waits for, and since when.
    pub waiting: BTreeMap<String, (String, Timestamp)>,
    /// The operations whose sweep must reconcile this target again.
    pub watched: BTreeSet<String>,
    /// Notifications that could not be sent. They are sent first next time.
    pub unsent: Vec<Notification>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    pub at: Timestamp,
    /// The image digest; `None` for a restart.
    pub digest: Option<Digest>,
    pub tag: Option<String>,
    /// A person approved the digest.
    #[serde(default)]
    pub approved: bool,
    /// AWS is known to have accepted the change.
    pub finished: bool,
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

/// An export task that was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exporting {
    pub day: Date,
    /// The identifier of the task; `None` if the answer was lost.
    pub task: Option<String>,
    pub at: Timestamp,
}

/// A restart that is due, because something that the tasks read has changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingRestart {
    pub restart: RestartTasks,
    pub message: Message,
}

impl TargetState {
    /// Drops the intents of an operation that never took effect; new ones replace them.
    pub fn supersede_pending(&mut self, operation: &str) {
        self.pending
            .retain(|pending| pending.operation != operation);
    }

    /// Records that an action is about to be executed.
    pub fn record_intent(
        &mut self,
        operation: &str,
        action: &Action,
        message: Option<&Message>,
        at: Timestamp,
    ) {
        if let Some(attempt) = Attempt::from_action(action, at) {
            self.attempts.push(attempt);
            self.prune_attempts(at);
        }
        self.pending.push(Pending {
            at,
            operation: operation.to_owned(),
            action: action.clone(),
            message: message.cloned(),
            refused: false,
        });
        self.keep_pending_restart(action, message);
    }

    /// Records a restart that is due, even if it is withheld now. A later restart replaces an
    /// earlier one.
    pub fn keep_pending_restart(&mut self, action: &Action, message: Option<&Message>) {
        let (Action::Release(ReleaseAction::RestartTasks(restart)), Some(message)) =
            (action, message)
        else {
            return;
        };
        // The next reconciliation finds out whether an unhealthy service still needs it.
        if restart.heals {
            return;
        }
        if self
            .pending_restart
            .as_ref()
            .is_none_or(|owed| owed.restart.since < restart.since)
        {
            self.pending_restart = Some(PendingRestart {
                restart: restart.clone(),
                message: message.clone(),
            });
        }
    }

    /// Records that AWS rejected an action; `for_good` is false if it was only throttled.
    pub fn record_refusal(&mut self, action: &Action, for_good: bool) {
        let mut at = None;
        for pending in self
            .pending
            .iter_mut()
            .filter(|pending| pending.action == *action)
        {
            pending.refused = true;
            at = Some(pending.at);
        }
        if let (Some(at), true, true) = (at, for_good, action.is_healing()) {
            self.record_refused_step(action, at);
        }
    }

    /// Keeps the newest notifications that could not be sent. The number is limited by the item
    /// size.
    pub fn keep_unsent(&mut self, mut notices: Vec<Notification>) {
        notices.drain(..notices.len().saturating_sub(UNSENT_KEPT));
        self.unsent = notices;
    }

    fn prune_attempts(&mut self, now: Timestamp) {
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

    /// Records that an action has taken effect; `answer` is the answer of AWS, empty if it was
    /// lost.
    pub fn record_done(&mut self, action: &Action, answer: &str) {
        let Some(at) = self
            .pending
            .iter()
            .find(|pending| pending.action == *action)
            .map(|pending| pending.at)
        else {
            return;
        };
        self.pending.retain(|pending| pending.action != *action);
        // The steps of one plan have the same time, so compare their content too.
        let intended = Attempt::from_action(action, at);
        for attempt in self
            .attempts
            .iter_mut()
            .filter(|attempt| intended.as_ref().is_some_and(|i| i == *attempt))
        {
            attempt.finished = true;
        }
        match action {
            Action::Release(action) => self.record_release_action(action, answer, at),
            Action::Scaling(action) => self.record_scaling_action(action, at),
            Action::Healing(action) => self.record_healing_action(action, at),
            Action::Drill(action) => self.record_drill_action(action, at),
            Action::Log(action) => self.record_log_action(action, answer, at),
            // AWS itself is the record of these.
            Action::Monitoring(_) | Action::Backup(_) => {}
        }
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

    /// Adds the target to the watch list of an operation, or removes it.
    pub fn set_requeue(&mut self, operation: &str, watched: bool) {
        if watched {
            self.watched.insert(operation.to_owned());
        } else {
            self.watched.remove(operation);
        }
    }

    /// Removes and returns the intents of an operation that have taken effect. Drops rejected and
    /// expired ones.
    pub fn take_applied(
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
            self.record_done(&pending.action, "");
        }
        self.pending.retain(|pending| {
            !refused.contains(pending) && now.duration_since(pending.at) < PENDING_TTL
        });
        shown
    }

    /// Returns the last rollout that AWS accepted.
    #[must_use]
    pub fn last_rollout(&self) -> Option<&Attempt> {
        self.attempts
            .iter()
            .rev()
            .find(|attempt| attempt.finished && attempt.digest.is_some())
    }

    /// Reports whether an approval of this digest was used by a rollout.
    #[must_use]
    pub fn is_approval_used(&self, digest: &Digest) -> bool {
        self.attempts
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

    /// Returns the time of the last completed restart.
    #[must_use]
    pub fn last_restart(&self) -> Option<Timestamp> {
        self.attempts
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
}

impl Attempt {
    /// Returns the attempt to record for an action, or `None` if the action restarts no tasks.
    fn from_action(action: &Action, at: Timestamp) -> Option<Self> {
        let (digest, tag, approved) = match (action, action.limit_rule()) {
            (Action::Release(ReleaseAction::Rollout(rollout)), _) => (
                Some(rollout.digest.clone()),
                Some(rollout.tag.clone()),
                rollout.approved,
            ),
            (_, LimitRule::Restarts) => (None, None, false),
            (
                _,
                LimitRule::Unlimited
                | LimitRule::PerRun
                | LimitRule::Scalings
                | LimitRule::Rollouts,
            ) => return None,
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
        let mut memory = TargetState::default();
        assert!(memory.should_notify(Some("bad-tag"), now));
        assert!(!memory.should_notify(Some("bad-tag"), now + SignedDuration::from_hours(23)));
        assert!(memory.should_notify(Some("bad-tag"), now + SignedDuration::from_hours(24)));
        assert!(memory.should_notify(None, now) && memory.should_notify(None, now));
    }

    #[test]
    fn the_last_rollout_and_the_last_hour_are_never_forgotten() {
        let now: Timestamp = "2026-11-21T03:00:00Z".parse().unwrap();
        let mut memory = TargetState::default();
        let last = Attempt {
            digest: Some(Digest::new("sha256:ab")),
            ..Attempt::at(now - SignedDuration::from_hours(9))
        };
        memory.attempts.push(last.clone());
        memory
            .attempts
            .extend((0..60).map(|n| Attempt::at(now - SignedDuration::from_mins(120 - n))));
        memory.attempts.extend((0..60).map(|_| Attempt::at(now)));
        memory.prune_attempts(now);
        assert_eq!(memory.attempts.len(), 61);
        assert_eq!(memory.last_rollout(), Some(&last));
    }

    #[test]
    fn a_memory_of_an_earlier_version_still_reads() {
        assert_eq!(
            serde_json::from_str::<TargetState>("{}").unwrap(),
            TargetState::default()
        );
    }
}
