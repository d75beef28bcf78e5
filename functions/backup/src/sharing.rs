//! Checks which of the snapshots that are next to be deleted other accounts may restore from.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use lamplighter::AwsError;
use lamplighter::engine::TargetContext;
use lamplighter::model::{Database, Quota, Snapshot};

use crate::policy::Policy;
use crate::reads::Reads;
use crate::rotate::{MAX_DELETIONS_PER_RUN, rotate_snapshots};

/// Maximum difference between the clocks of AWS and Lamplighter.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// What the check needs to know about one database.
#[derive(Clone, Copy)]
pub struct SharingCheck<'a> {
    pub context: TargetContext<'a, Policy>,
    pub snapshots: &'a [Snapshot],
    /// The current database.
    pub database: &'a Database,
    pub quota: Quota,
    pub now: Timestamp,
}

/// Identifiers of the snapshots that were checked, and of those that are shared.
#[derive(Debug, Default)]
pub struct Sharing {
    pub checked: BTreeSet<String>,
    pub shared: BTreeSet<String>,
}

/// Checks the snapshots that are next to be deleted. Each check is a call, so only as many are
/// checked as one run may delete, and none while nothing may be deleted.
///
/// # Errors
/// [`AwsError`] if a call fails.
pub async fn check_sharing<C: Reads>(
    check: SharingCheck<'_>,
    cloud: &C,
) -> Result<Sharing, AwsError> {
    let mut sharing = Sharing::default();
    if !check.may_delete() {
        return Ok(sharing);
    }
    let is_cache = check.context.target.arn.is_cache();
    for snapshot in check.next_deletions() {
        sharing.checked.insert(snapshot.identifier.clone());
        // Cache snapshots can't be shared.
        if !is_cache && cloud.is_snapshot_shared(&snapshot.arn).await? {
            sharing.shared.insert(snapshot.identifier.clone());
        }
    }
    Ok(sharing)
}

impl<'a> SharingCheck<'a> {
    /// Reports whether a snapshot may be deleted: the slot's new one is good, one failed, or the
    /// quota is reached.
    fn may_delete(&self) -> bool {
        let slot = self.context.policy.backup.due_slot(self.now);
        self.quota.is_reached()
            || self.snapshots.iter().any(|snapshot| {
                let is_new = snapshot.taken_at.is_some_and(|at| at + CLOCK_SKEW >= slot);
                snapshot.status == "failed" || (snapshot.holds_data() && is_new)
            })
    }

    /// Returns the snapshots that the policy doesn't keep, oldest first, as many as one run may
    /// delete.
    fn next_deletions(&self) -> Vec<&'a Snapshot> {
        let in_use = BTreeSet::new();
        let policies = &self.context.state.backups.policies;
        let policy = self.context.policy;
        let rules = policy.rotation_rules(self.database, policies, &in_use);
        let mut expired: Vec<&Snapshot> = rotate_snapshots(self.snapshots, rules, self.now)
            .into_iter()
            .filter(|(_, decision)| decision.delete_reason().is_some())
            .map(|(snapshot, _)| snapshot)
            .collect();
        expired.sort_by_key(|snapshot| (snapshot.taken_at, snapshot.identifier.clone()));
        expired.truncate(MAX_DELETIONS_PER_RUN);
        expired
    }
}
