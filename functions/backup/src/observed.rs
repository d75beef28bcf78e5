//! The observed state of one database, on which `backup` decides.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use lamplighter::model::{Arn, CopyDestination, Database, Quota, Snapshot};
use lamplighter::state::{CopyRecord, PolicyUse};
use serde::Serialize;

/// Statuses of a database that is stopped, or on its way there or back.
/// Source: <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/accessing-monitoring.html>
const STOPPED: [&str; 3] = ["stopped", "stopping", "starting"];

/// Observed state that [`crate::decide`] decides on.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Observed {
    /// `None` if the database no longer exists.
    pub database: Option<Database>,
    /// The instances of a cluster.
    pub members: Vec<Database>,
    /// The retention policy, as in `keep=`.
    pub keep: String,
    /// The retention policy under which the newest backup was taken, and when.
    pub taken_under: Option<PolicyUse>,
    /// Manual snapshots of the database, including those that Lamplighter did not take.
    pub snapshots: Vec<Snapshot>,
    /// Quota of manual snapshots of this kind in the account and region.
    pub quota: Quota,
    /// Snapshots and copies that other accounts may restore from.
    pub shared: BTreeSet<Arn>,
    /// Snapshots and copies whose sharing was checked. No other one may be deleted.
    pub sharing_checked: BTreeSet<Arn>,
    /// Whether this database reports the quota for all databases of its kind in the run.
    pub reports_quota: bool,
    /// Places that `copy=` names.
    pub places: BTreeSet<CopyDestination>,
    /// Copy places at which the sharing of copies can't be read, with the error.
    pub unknown_sharing: BTreeMap<CopyDestination, String>,
    /// Copy places that can't be read, with the error.
    pub unreadable: BTreeMap<CopyDestination, String>,
    /// Copies by place.
    pub copies: BTreeMap<CopyDestination, Copies>,
}

/// The copies that this stack made of one database in another region or in the vault.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Copies {
    pub snapshots: Vec<Snapshot>,
    /// Number of copies of this database that may start there now.
    pub may_begin: usize,
    /// The newest good snapshot has a good copy.
    pub has_newest: bool,
    /// Every copy is good, and none is due.
    pub is_complete: bool,
}

impl Copies {
    /// Returns the newest good copy.
    pub(crate) fn find_newest(&self) -> Option<CopyRecord> {
        let good = self.snapshots.iter().filter(|copy| copy.is_restorable());
        let copies = good.filter_map(|copy| {
            Some(CopyRecord {
                snapshot: copy.arn.clone(),
                taken_at: copy.taken_at?,
                engine_version: copy.engine_version.clone(),
            })
        });
        copies.max_by_key(|copy| copy.taken_at)
    }
}

impl Observed {
    /// Returns the newest point in time to which the database can be restored.
    #[must_use]
    pub fn recovery_point(&self) -> Option<Timestamp> {
        let database = self.database.as_ref()?;
        self.snapshots
            .iter()
            .filter(|snapshot| snapshot.holds_data() && snapshot.belongs_to(database))
            .filter_map(|snapshot| snapshot.taken_at)
            .max()
            .max(database.latest_restorable)
    }

    /// Reports whether the database is stopped, or on its way there or back: its data don't change.
    pub(crate) fn is_stopped(&self) -> bool {
        let database = self.database.as_ref();
        database.is_some_and(|database| STOPPED.contains(&database.status.as_str()))
    }

    /// Iterates over the snapshots of the database here and at all copy places.
    pub(crate) fn all_snapshots(&self) -> impl Iterator<Item = &Snapshot> {
        self.snapshots.iter().chain(self.all_copies())
    }

    /// Iterates over the copies at all places.
    pub(crate) fn all_copies(&self) -> impl Iterator<Item = &Snapshot> {
        self.copies.values().flat_map(|copies| &copies.snapshots)
    }

    /// Reports whether a place has a copy with this identifier, in whatever status.
    pub(crate) fn has_copy(&self, place: &CopyDestination, identifier: &str) -> bool {
        self.copies.get(place).is_some_and(|copies| {
            copies
                .snapshots
                .iter()
                .any(|copy| copy.identifier == identifier)
        })
    }
}
