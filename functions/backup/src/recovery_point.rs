//! Check of the recovery point's age. AWS emits no event for a missing backup. Pure.

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::Snapshot;
use lamplighter::notify::Message;

use crate::decision::Decision;
use crate::messages;

/// Time for which a failed attempt to take a snapshot means that the first backup doesn't progress.
const FAILURE_MEMORY: SignedDuration = SignedDuration::from_hours(24);

impl Decision<'_> {
    /// Builds the notification about the recovery point: too old, soon too old, or good.
    pub fn check_recovery_point(&self) -> Option<Message> {
        let allowed = self.policy.max_recovery_point_age(self.database);
        let age = self
            .observed
            .recovery_point()
            .map(|at| self.now.duration_since(at));
        // The data of a stopped database don't change.
        let idle = self.idle_time();
        let is_old = age.map_or_else(|| self.is_overdue(), |age| age - idle > allowed);
        if is_old && self.is_in_progress() {
            return None;
        }
        match age {
            _ if is_old => Some(messages::recovery_point_too_old(age, allowed)),
            // The notification about the overdue backup already says why.
            Some(age) if self.nears_limit(age - idle) && !self.is_held_up() => Some(
                messages::recovery_point_aging(age, allowed, allowed + idle - age),
            ),
            age => age.map(messages::recovery_point_ok),
        }
    }

    /// Reports whether a snapshot is being created, or the first one is about to be requested.
    fn is_in_progress(&self) -> bool {
        let mut own = self
            .observed
            .snapshots
            .iter()
            .filter(|snapshot| self.is_own(snapshot))
            .peekable();
        let may_be_taken = self.is_ready() && !self.observed.quota.is_reached();
        let is_first = own.peek().is_none() && may_be_taken && !self.has_failed_recently();
        is_first || own.any(|snapshot| self.is_being_created(snapshot))
    }

    /// Reports whether AWS creates the snapshot, for no longer than a recovery point may be old.
    fn is_being_created(&self, snapshot: &Snapshot) -> bool {
        let requested: Timestamp = snapshot.taken_at.unwrap_or(self.slot);
        snapshot.status == "creating"
            && self.now.duration_since(requested)
                < self.policy.max_recovery_point_age(self.database)
    }

    /// Reports whether the last attempt to take a snapshot failed within [`FAILURE_MEMORY`].
    fn has_failed_recently(&self) -> bool {
        let failed_at = self.context.state.backups.snapshot_failed_at;
        failed_at.is_some_and(|at| self.now.duration_since(at) < FAILURE_MEMORY)
    }

    /// Reports whether the recovery point's age has used up half of the allowed slack, whatever
    /// delays the next snapshot.
    fn nears_limit(&self, age: SignedDuration) -> bool {
        let allowed = self.policy.max_recovery_point_age(self.database);
        let slack = allowed - self.policy.slot_interval();
        let limit = if slack.is_positive() {
            allowed - slack / 2
        } else {
            allowed / 2
        };
        age > limit
    }
}
