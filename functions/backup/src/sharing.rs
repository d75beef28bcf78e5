//! Checks which of the snapshots that are next to be deleted other accounts may restore from.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use lamplighter::AwsError;
use lamplighter::engine::TargetContext;
use lamplighter::model::{Arn, Database, Quota, Snapshot};

use crate::policy::Policy;
use crate::reads::Reads;
use crate::rotate::{MAX_DELETIONS_PER_RUN, rotate_snapshots};

/// Maximum difference between the clocks of AWS and Lamplighter.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// Maximum number of snapshots of one place that are checked in one run: shared ones stay, and others come after them.
const MAX_CHECKS: usize = 50;

/// What the check needs to know about one database.
#[derive(Clone, Copy)]
pub struct SharingCheck<'a> {
    pub context: TargetContext<'a, Policy>,
    /// The snapshots here, or the copies at a place.
    pub snapshots: &'a [Snapshot],
    /// The current database.
    pub database: &'a Database,
    /// Snapshots that must stay for now.
    pub in_use: &'a BTreeSet<Arn>,
    /// Which of the others may be deleted now, apart from the policy.
    pub may_delete: MayDelete,
    pub now: Timestamp,
}

/// Which snapshots may be deleted now, apart from the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MayDelete {
    All,
    /// Those that nothing can be restored from.
    Unusable,
    None,
}

/// The snapshots that were checked, and those that are shared.
#[derive(Debug, Default)]
pub struct Sharing {
    pub checked: BTreeSet<Arn>,
    pub shared: BTreeSet<Arn>,
}

/// Checks the snapshots that are next to be deleted. Each check is a call, so it ends when as many can be deleted as one
/// run may delete, and checks none while nothing may be deleted.
///
/// # Errors
/// [`AwsError`] if a call fails.
pub async fn check_sharing<C: Reads>(
    check: SharingCheck<'_>,
    cloud: &C,
) -> Result<Sharing, AwsError> {
    let mut sharing = Sharing::default();
    let is_cache = check.context.target.arn.is_cache();
    for snapshot in check.next_deletions().into_iter().take(MAX_CHECKS) {
        if sharing.checked.len() - sharing.shared.len() >= MAX_DELETIONS_PER_RUN {
            break;
        }
        // Cache snapshots can't be shared.
        if !is_cache && cloud.is_snapshot_shared(&snapshot.arn).await? {
            sharing.shared.insert(snapshot.arn.clone());
        }
        sharing.checked.insert(snapshot.arn.clone());
    }
    Ok(sharing)
}

impl MayDelete {
    /// Returns which snapshots here may be deleted: all if the slot's new one is good or the quota is reached.
    pub fn here(snapshots: &[Snapshot], quota: Quota, slot: Timestamp) -> Self {
        let has_new = snapshots.iter().any(|snapshot| {
            let is_new = snapshot.taken_at.is_some_and(|at| at + CLOCK_SKEW >= slot);
            snapshot.holds_data() && is_new
        });
        if has_new || quota.is_reached() {
            Self::All
        } else if snapshots.iter().any(|snapshot| snapshot.status == "failed") {
            Self::Unusable
        } else {
            Self::None
        }
    }
}

impl<'a> SharingCheck<'a> {
    /// Returns the snapshots that the policy doesn't keep, oldest first.
    fn next_deletions(&self) -> Vec<&'a Snapshot> {
        let policies = &self.context.state.backups.policies;
        let policy = self.context.policy;
        let rules = policy.rotation_rules(self.database, policies, self.in_use);
        let mut expired: Vec<&Snapshot> = rotate_snapshots(self.snapshots, rules, self.now)
            .into_iter()
            .filter(|(_, decision)| decision.delete_reason().is_some())
            .map(|(snapshot, _)| snapshot)
            .filter(|snapshot| !self.in_use.contains(&snapshot.arn))
            .filter(|snapshot| match self.may_delete {
                MayDelete::All => true,
                MayDelete::Unusable => !snapshot.holds_data(),
                MayDelete::None => false,
            })
            .collect();
        expired.sort_by_key(|snapshot| (snapshot.taken_at, snapshot.identifier.clone()));
        expired
    }
}
