//! Inputs of a decision, prefetched for all databases of a run at once.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::reads::Reads;
use jiff::{SignedDuration, Timestamp};
use lamplighter::AwsError;
use lamplighter::engine::TargetContext;
use lamplighter::event::detail::Detail;
use lamplighter::model::{Arn, CopyDestination, Database, DatabaseKind, Quota, Quotas, Snapshot};
use lamplighter::policy::{BackupPolicy, StackDefaults};
use lamplighter::ports::SnapshotFilter;
use serde::Serialize;

use crate::Policy;
use crate::copies::{MAX_CONCURRENT_COPIES, snapshots_to_copy};
use crate::decide::MAX_DELETIONS_PER_RUN;
use crate::rotate::{RotationDecision, rotate_snapshots};

/// Maximum difference between the clocks of AWS and Lamplighter.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// Prefetched data of all databases of a run.
#[derive(Debug, Default)]
pub struct Prefetched {
    at: Timestamp,
    databases: BTreeMap<Arn, Database>,
    snapshots: Vec<Snapshot>,
    /// Snapshots by copy place, or the error of listing them.
    copies: BTreeMap<CopyDestination, Result<Vec<Snapshot>, AwsError>>,
    /// Number of copies already allotted in this run, by place. Each place makes only a few at a
    /// time.
    given: RefCell<BTreeMap<CopyDestination, usize>>,
    quotas: Quotas,
}

/// Observed state that [`crate::decide`] decides on.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Observed {
    /// `None` if the database no longer exists.
    pub database: Option<Database>,
    /// Manual snapshots of the database, including those that Lamplighter did not take.
    pub snapshots: Vec<Snapshot>,
    /// Quota of manual snapshots of this kind in the account and region.
    pub quota: Quota,
    /// Identifiers of snapshots that other accounts may restore from.
    pub shared: BTreeSet<String>,
    /// Identifiers of snapshots whose sharing was checked. No other snapshot may be deleted.
    pub asked: BTreeSet<String>,
    /// Whether this database reports the quota for all databases of its kind in the run.
    pub speaks: bool,
    /// Copy places that can't be read, with the error.
    pub unreadable: BTreeMap<CopyDestination, String>,
    /// Copies by place.
    pub copies: BTreeMap<CopyDestination, Copies>,
}

/// Copies of one database in another region or in the vault.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Copies {
    pub snapshots: Vec<Snapshot>,
    /// Number of copies of this database that may start there now.
    pub may_begin: usize,
}

impl Observed {
    /// Returns the newest point in time to which the database can be restored.
    #[must_use]
    pub fn recovery_point(&self) -> Option<Timestamp> {
        let database = self.database.as_ref()?;
        let good = self.snapshots.iter().filter(|snapshot| {
            snapshot.is_restorable() && snapshot.matches_resource_id(&database.resource_id)
        });
        good.filter_map(|snapshot| snapshot.taken_at)
            .max()
            .max(database.latest_restorable)
    }
}

impl Prefetched {
    /// Reads databases and their snapshots. With a single ARN, reads the snapshots of that database
    /// only.
    ///
    /// # Errors
    /// [`AwsError`] if a call fails. An unreadable copy place is no error.
    pub(crate) async fn read_all<C: Reads>(
        arns: &[Arn],
        now: Timestamp,
        defaults: &StackDefaults,
        cloud: &C,
    ) -> Result<Self, AwsError> {
        let which = match arns {
            [one] => SnapshotFilter::OfSource(one),
            _ => SnapshotFilter::All,
        };
        let (caches, others): (Vec<Arn>, Vec<Arn>) = arns.iter().cloned().partition(Arn::is_cache);
        let (mut databases, mut snapshots) = (Vec::new(), Vec::new());
        if !others.is_empty() {
            databases.extend(cloud.describe_databases(&others).await?);
            snapshots.extend(cloud.list_snapshots(None, which).await?);
        }
        if !caches.is_empty() {
            databases.extend(cloud.describe_caches(&caches).await?);
            snapshots.extend(cloud.list_cache_snapshots(which).await?);
        }
        let quotas = cloud.get_snapshot_quotas().await?;
        let mut copies = BTreeMap::new();
        for place in databases
            .iter()
            .flat_map(|database| copy_places(database, defaults))
            .collect::<BTreeSet<CopyDestination>>()
        {
            // An unreadable copy place must not stop backups here.
            let there = cloud
                .list_snapshots(Some(&place), SnapshotFilter::All)
                .await;
            copies.insert(place, there);
        }
        let databases = databases
            .into_iter()
            .map(|database| (database.arn.clone(), database))
            .collect();
        Ok(Self {
            at: now,
            databases,
            snapshots,
            copies,
            quotas,
            given: RefCell::default(),
        })
    }

    /// Returns the current tags of a database.
    pub(crate) fn database_tags(&self, arn: &Arn) -> BTreeMap<String, String> {
        self.databases
            .get(arn)
            .map(|database| database.tags.clone())
            .unwrap_or_default()
    }

    /// Returns the observed state of one database, and checks which deletable snapshots are shared.
    ///
    /// # Errors
    /// [`AwsError`] if a call fails.
    pub(crate) async fn observe_target<C: Reads>(
        &self,
        context: TargetContext<'_, Policy>,
        cloud: &C,
    ) -> Result<Observed, AwsError> {
        let arn = &context.target.arn;
        let is_of = |snapshot: &&Snapshot| snapshot.has_name_of(arn);
        // The snapshots are read again if another invocation changed them since the prefetch.
        let changed = context.state.last_change().is_some_and(|at| at >= self.at);
        let snapshots = if changed {
            if arn.is_cache() {
                cloud
                    .list_cache_snapshots(SnapshotFilter::OfSource(arn))
                    .await?
            } else {
                cloud
                    .list_snapshots(None, SnapshotFilter::OfSource(arn))
                    .await?
            }
        } else {
            self.snapshots.iter().filter(is_of).cloned().collect()
        };
        let database = self.databases.get(arn).cloned();
        let resource_id = database
            .as_ref()
            .map(|database| database.resource_id.clone())
            .unwrap_or_default();
        let quota = match arn.database_kind() {
            Some(DatabaseKind::Instance) => self.quotas.instances,
            Some(DatabaseKind::Cluster) => self.quotas.clusters,
            // ElastiCache has a daily limit instead, and returns an error when it is reached.
            _ => Quota::default(),
        };
        // Snapshots are deleted only after the slot's new one is good, after a failure or at the
        // quota. Otherwise the sharing check is skipped.
        let slot = context.policy.backup.due_slot(self.at);
        let is_new = |s: &Snapshot| {
            s.is_restorable() && s.taken_at.is_some_and(|at| at + CLOCK_SKEW >= slot)
        };
        let may_go =
            quota.is_reached() || snapshots.iter().any(|s| is_new(s) || s.status == "failed");
        let (asked, shared) = if may_go {
            find_shared(&snapshots, context, &resource_id, self.at, cloud).await?
        } else {
            (BTreeSet::new(), BTreeSet::new())
        };
        let wanted = self
            .copies
            .iter()
            .filter(|(place, _)| context.policy.backup.copy.contains(place));
        let (mut copies, mut unreadable) = (BTreeMap::new(), BTreeMap::new());
        for (place, all) in wanted {
            let all = match all {
                Ok(all) => all,
                Err(error) => {
                    unreadable.insert(place.clone(), error.to_string());
                    continue;
                }
            };
            let there: Vec<Snapshot> = all.iter().filter(is_of).cloned().collect();
            let due = snapshots_to_copy(&snapshots, &there, &context.policy.stack, arn).len();
            let may_begin = self.allot_copies(place, all, due);
            copies.insert(
                place.clone(),
                Copies {
                    snapshots: there,
                    may_begin,
                },
            );
        }
        let by_sweep = matches!(context.event.detail, Detail::Sweep);
        let of_kind = self
            .databases
            .keys()
            .find(|other| other.database_kind() == arn.database_kind());
        let speaks = by_sweep && of_kind == Some(arn);
        Ok(Observed {
            database,
            snapshots,
            quota,
            shared,
            asked,
            speaks,
            unreadable,
            copies,
        })
    }
}

impl Prefetched {
    /// Allots copies that may start at a place, after those that run there and those already
    /// allotted in this run.
    fn allot_copies(&self, place: &CopyDestination, all: &[Snapshot], due: usize) -> usize {
        let running = all
            .iter()
            .filter(|copy| !copy.is_restorable() && copy.status != "failed")
            .count();
        let mut given = self.given.borrow_mut();
        let given = given.entry(place.clone()).or_default();
        let free = MAX_CONCURRENT_COPIES
            .saturating_sub(running + *given)
            .min(due);
        *given += free;
        free
    }
}

/// Returns the places to copy backups to. Empty for a cache or an invalid tag.
fn copy_places(database: &Database, defaults: &StackDefaults) -> Vec<CopyDestination> {
    if database.arn.is_cache() {
        return Vec::new();
    }
    let policy = BackupPolicy::from_tags(&database.tags, defaults)
        .ok()
        .flatten();
    let mut places = policy.map(|policy| policy.copy).unwrap_or_default();
    places.retain(|place| !(place.is_vault() && defaults.vault_role.is_empty()));
    places
}

/// Checks the snapshots that are next to be deleted, and returns the checked and the shared
/// identifiers.
///
/// Each check is a call, so only as many are checked as one run may delete.
async fn find_shared<C: Reads>(
    snapshots: &[Snapshot],
    context: TargetContext<'_, Policy>,
    resource_id: &str,
    now: Timestamp,
    cloud: &C,
) -> Result<(BTreeSet<String>, BTreeSet<String>), AwsError> {
    let nothing = BTreeSet::new();
    let rules = context
        .policy
        .rotation_rules(&context.target.arn, resource_id, &nothing);
    let verdicts = rotate_snapshots(snapshots, rules, now).into_iter();
    let mut going: Vec<&Snapshot> = verdicts
        .filter(|(_, verdict)| matches!(verdict, RotationDecision::Delete(_)))
        .map(|(snapshot, _)| snapshot)
        .collect();
    going.sort_by_key(|snapshot| (snapshot.taken_at, snapshot.identifier.clone()));
    let (mut asked, mut shared) = (BTreeSet::new(), BTreeSet::new());
    for snapshot in going.into_iter().take(MAX_DELETIONS_PER_RUN) {
        asked.insert(snapshot.identifier.clone());
        // Cache snapshots can't be shared.
        if !context.target.arn.is_cache() && cloud.is_snapshot_shared(&snapshot.arn).await? {
            shared.insert(snapshot.identifier.clone());
        }
    }
    Ok((asked, shared))
}
