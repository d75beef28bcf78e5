//! Reads of `backup`: data prefetched for all databases of a run at once, and the rest per target.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use lamplighter::AwsError;
use lamplighter::engine::TargetContext;
use lamplighter::event::detail::Detail;
use lamplighter::model::{Arn, CopyDestination, Database, DatabaseKind, Quota, Quotas, Snapshot};
use lamplighter::policy::{StackDefaults, TIER};
use lamplighter::ports::{SnapshotFilter, list_snapshots_of};
use lamplighter::state::PolicyUse;

use crate::due_copies::{
    find_failing_since, has_newest, is_running, limit_of_failing_place, must_wait,
    snapshots_to_copy,
};
use crate::listing::list_copies;
use crate::observed::{Copies, Observed};
use crate::policy::Policy;
use crate::reads::Reads;
use crate::sharing::{MayDelete, SharingCheck, check_sharing};

/// Maximum number of copies that run at one place at a time, over all databases.
const MAX_CONCURRENT_COPIES: usize = 5;

/// Prefetched data of all databases of a run.
#[derive(Debug, Default)]
pub struct Prefetched {
    at: Timestamp,
    databases: BTreeMap<Arn, Database>,
    /// The instances of the clusters.
    members: Vec<Database>,
    snapshots: Vec<Snapshot>,
    /// Snapshots by copy place, or the error of listing them.
    copies: BTreeMap<CopyDestination, Result<Vec<Snapshot>, AwsError>>,
    /// Number of copies already allotted in this run, by place. Each place makes only a few at a
    /// time.
    allotted: RefCell<BTreeMap<CopyDestination, usize>>,
    quotas: Quotas,
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
        let (caches, others): (Vec<Arn>, Vec<Arn>) = arns.iter().cloned().partition(Arn::is_cache);
        let mut databases = Vec::new();
        let mut snapshots = Vec::new();
        if !others.is_empty() {
            databases.extend(cloud.describe_databases(&others).await?);
        }
        if !caches.is_empty() {
            databases.extend(cloud.describe_caches(&caches).await?);
        }
        if let [one] = arns {
            snapshots.extend(list_snapshots_of(one, databases.first(), cloud).await?);
        } else {
            if !others.is_empty() {
                snapshots.extend(cloud.list_snapshots(None, SnapshotFilter::All).await?);
            }
            if !caches.is_empty() {
                snapshots.extend(cloud.list_cache_snapshots(SnapshotFilter::All).await?);
            }
        }
        Ok(Self {
            at: now,
            members: list_members(&databases, cloud).await,
            snapshots,
            quotas: cloud.get_snapshot_quotas().await?,
            copies: list_copies(&databases, defaults, cloud).await,
            databases: databases
                .into_iter()
                .map(|database| (database.arn.clone(), database))
                .collect(),
            allotted: RefCell::default(),
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
        let database = self.databases.get(arn).cloned();
        let snapshots = self.read_snapshots(context, cloud).await?;
        let quota = self.quota_of(arn);
        let taken_under = database
            .as_ref()
            .and_then(|database| find_policy(&snapshots, database, &context.policy.stack));
        let mut observed = Observed {
            keep: context.policy.backup.keep.to_string(),
            taken_under,
            database,
            quota,
            reports_quota: self.reports_quota(context),
            places: context.policy.backup.copy.iter().cloned().collect(),
            members: self.members_of(arn),
            ..Observed::default()
        };
        self.add_copies(context, &snapshots, &mut observed);
        observed.snapshots = snapshots;
        self.add_sharing(context, &mut observed, cloud).await?;
        Ok(observed)
    }

    /// Adds which of the snapshots and copies that are next to be deleted are shared. A place where that can't be read
    /// must not stop backups here.
    async fn add_sharing<C: Reads>(
        &self,
        context: TargetContext<'_, Policy>,
        observed: &mut Observed,
        cloud: &C,
    ) -> Result<(), AwsError> {
        let Some(database) = &observed.database else {
            return Ok(());
        };
        let slot = context.policy.backup.due_slot(self.at);
        let in_use = BTreeSet::new();
        let check = SharingCheck {
            context,
            snapshots: &observed.snapshots,
            database,
            in_use: &in_use,
            may_delete: MayDelete::here(&observed.snapshots, observed.quota, slot),
            now: self.at,
        };
        let mut sharing = check_sharing(check, cloud).await?;
        let mut unknown = BTreeMap::new();
        let regions = observed.copies.iter();
        for (place, copies) in regions.filter(|(place, _)| !place.is_vault()) {
            let known = context.state.backups.places.get(place);
            let failing_since = find_failing_since(&copies.snapshots, known);
            let waiting = copies.snapshots.iter();
            let waiting = waiting.filter(|copy| must_wait(copy, failing_since, self.at));
            let waiting = waiting.map(|copy| copy.arn.clone()).collect();
            let check = SharingCheck {
                snapshots: &copies.snapshots,
                in_use: &waiting,
                may_delete: if copies.has_newest {
                    MayDelete::All
                } else {
                    MayDelete::Unusable
                },
                ..check
            };
            match check_sharing(check, cloud).await {
                Ok(there) => {
                    sharing.checked.extend(there.checked);
                    sharing.shared.extend(there.shared);
                }
                Err(error) => {
                    unknown.insert(place.clone(), error.to_string());
                }
            }
        }
        observed.unknown_sharing = unknown;
        observed.shared = sharing.shared;
        observed.sharing_checked = sharing.checked;
        Ok(())
    }

    /// Returns the snapshots of a database. Reads them again if another invocation changed them
    /// since the prefetch.
    async fn read_snapshots<C: Reads>(
        &self,
        context: TargetContext<'_, Policy>,
        cloud: &C,
    ) -> Result<Vec<Snapshot>, AwsError> {
        let arn = &context.target.arn;
        let has_changed = context.state.last_change().is_some_and(|at| at >= self.at);
        if !has_changed {
            return Ok(self.filter_by_database(arn));
        }
        list_snapshots_of(arn, self.databases.get(arn), cloud).await
    }

    /// Returns the snapshots of a database, and those that have its name.
    fn filter_by_database(&self, arn: &Arn) -> Vec<Snapshot> {
        let database = self.databases.get(arn);
        let snapshots = self.snapshots.iter().filter(|snapshot| {
            let is_own = database.is_some_and(|database| snapshot.belongs_to(database));
            is_own || snapshot.has_name_of(arn)
        });
        snapshots.cloned().collect()
    }

    /// Returns the instances of a cluster.
    fn members_of(&self, arn: &Arn) -> Vec<Database> {
        let name = arn.is_cluster().then(|| arn.display_name());
        let members = self
            .members
            .iter()
            .filter(|member| name.is_some() && member.cluster == name);
        members.cloned().collect()
    }

    /// Returns the quota of manual snapshots for a kind of database. ElastiCache has a daily limit
    /// instead, and returns an error when it is reached.
    fn quota_of(&self, arn: &Arn) -> Quota {
        match arn.database_kind() {
            Some(DatabaseKind::Instance) => self.quotas.instances,
            Some(DatabaseKind::Cluster) => self.quotas.clusters,
            Some(DatabaseKind::ReplicationGroup | DatabaseKind::ServerlessCache) | None => {
                Quota::default()
            }
        }
    }

    /// Reports whether the target is the one that reports the quota: in a sweep, the first database
    /// of its kind.
    fn reports_quota(&self, context: TargetContext<'_, Policy>) -> bool {
        let arn = &context.target.arn;
        let first_of_kind = self
            .databases
            .keys()
            .find(|other| other.database_kind() == arn.database_kind());
        matches!(context.event.detail, Detail::Sweep) && first_of_kind == Some(arn)
    }

    /// Adds the copies of a database at each place of its policy, or the error of listing them.
    fn add_copies(
        &self,
        context: TargetContext<'_, Policy>,
        snapshots: &[Snapshot],
        observed: &mut Observed,
    ) {
        let Some(database) = self.databases.get(&context.target.arn) else {
            return;
        };
        if database.arn.is_cache() {
            return;
        }
        let in_use = BTreeSet::new();
        let policies = &context.state.backups.policies;
        let rules = context.policy.rotation_rules(database, policies, &in_use);
        for (place, listed) in &self.copies {
            if !context.policy.backup.copy.contains(place) {
                continue;
            }
            match listed {
                Ok(all) => {
                    let own = all.iter();
                    let own = own.filter(|copy| copy.is_taken_by(rules.stack, rules.database));
                    let copies: Vec<Snapshot> = own.cloned().collect();
                    let known = context.state.backups.places.get(place);
                    let limit = find_failing_since(&copies, known)
                        .map(|since| limit_of_failing_place(&copies, since, self.at));
                    let due = snapshots_to_copy(snapshots, &copies, place, rules, self.at).len();
                    let wanted = due.min(limit.unwrap_or(due));
                    let was_refused = known.is_some_and(|known| known.was_refused(self.at));
                    let has_newest = has_newest(snapshots, &copies, rules);
                    let copies = Copies {
                        may_begin: self.allot_copies(place, all, wanted, was_refused),
                        has_newest,
                        is_complete: has_newest
                            && due == 0
                            && copies.iter().all(Snapshot::is_restorable),
                        snapshots: copies,
                    };
                    observed.copies.insert(place.clone(), copies);
                }
                Err(error) => {
                    observed.unreadable.insert(place.clone(), error.to_string());
                }
            }
        }
    }

    /// Allots copies that may start at a place, after those that run there and those already
    /// allotted in this run. Copies that AWS refused lately don't count: they will hardly run.
    fn allot_copies(
        &self,
        place: &CopyDestination,
        all: &[Snapshot],
        due: usize,
        was_refused: bool,
    ) -> usize {
        let running = all.iter().filter(|copy| is_running(copy)).count();
        let mut allotted = self.allotted.borrow_mut();
        let allotted = allotted.entry(place.clone()).or_default();
        let free = MAX_CONCURRENT_COPIES
            .saturating_sub(running + *allotted)
            .min(due);
        if !was_refused {
            *allotted += free;
        }
        free
    }
}

/// Lists the instances of the clusters whose instances AWS doesn't restore with them. No backup depends on them: if they can't
/// be read, the known ones stay recorded.
async fn list_members<C: Reads>(databases: &[Database], cloud: &C) -> Vec<Database> {
    let clusters: Vec<Arn> = databases
        .iter()
        .filter(|database| database.is_cluster && !database.is_multi_az_cluster())
        .map(|database| database.arn.clone())
        .collect();
    if clusters.is_empty() {
        return Vec::new();
    }
    let members = cloud.describe_members(&clusters).await;
    members.unwrap_or_else(|error| {
        tracing::warn!(%error, "the instances of clusters can't be read");
        Vec::new()
    })
}

/// Returns the policy under which the newest backup of a database was taken.
fn find_policy(snapshots: &[Snapshot], database: &Database, stack: &str) -> Option<PolicyUse> {
    let own = snapshots
        .iter()
        .filter(|snapshot| snapshot.is_taken_by(stack, database) && !snapshot.is_before_rollout());
    let newest = own.max_by_key(|snapshot| snapshot.taken_at)?;
    Some(PolicyUse {
        keep: newest.tags.get(TIER)?.clone(),
        since: newest.taken_at?,
    })
}
