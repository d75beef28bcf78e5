//! What a decision needs to know, read for all databases of a run at once.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use lamplighter::AwsError;
use lamplighter::engine::Seen;
use lamplighter::event::detail::Detail;
use lamplighter::model::{Arn, Database, DatabaseKind, Place, Quota, Quotas, Snapshot};
use lamplighter::policy::{BackupPolicy, StackDefaults};
use lamplighter::ports::cloud::{Cloud, Which};
use serde::Serialize;

use crate::Policy;
use crate::copies::{IN_FLIGHT, due};
use crate::decide::MOST_AT_ONCE;
use crate::rotate::{Verdict, rotate};

/// By how much AWS's clock and ours may differ.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// What was read of all databases of a run.
#[derive(Debug, Default)]
pub struct Survey {
    at: Timestamp,
    databases: BTreeMap<Arn, Database>,
    snapshots: Vec<Snapshot>,
    /// By place, where something is copied to.
    copies: BTreeMap<Place, Result<Vec<Snapshot>, AwsError>>,
    /// Copies that databases of this run were given, by place: a place makes few at a time.
    given: RefCell<BTreeMap<Place, usize>>,
    quotas: Quotas,
}

/// All that [`crate::decide`] looks at.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Observed {
    /// `None` where the database is gone.
    pub database: Option<Database>,
    /// Its manual snapshots, whoever took them.
    pub snapshots: Vec<Snapshot>,
    /// Of all snapshots of its kind in this account and region.
    pub quota: Quota,
    /// Identifiers of those that others may restore from.
    pub shared: BTreeSet<String>,
    /// Identifiers of those that were asked about that. No other one may go.
    pub asked: BTreeSet<String>,
    /// It is the one database of its kind in the run that is told about for all.
    pub speaks: bool,
    /// Places that can't be read, and why.
    pub unreadable: BTreeMap<Place, String>,
    /// By place that copies go to.
    pub copies: BTreeMap<Place, Copies>,
}

/// What is there of one database in another region, or in the vault.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Copies {
    pub snapshots: Vec<Snapshot>,
    /// Copies of this database that may begin there now.
    pub may_begin: usize,
}

impl Observed {
    /// The newest point to which the database can be brought back.
    #[must_use]
    pub fn recovery_point(&self) -> Option<Timestamp> {
        let database = self.database.as_ref()?;
        let good = self
            .snapshots
            .iter()
            .filter(|snapshot| snapshot.is_good() && snapshot.is_of(&database.resource_id));
        good.filter_map(|snapshot| snapshot.taken_at)
            .max()
            .max(database.latest_restorable)
    }
}

impl Survey {
    /// Reads databases and snapshots: all there are, or those of one database.
    pub(crate) async fn read<C: Cloud>(
        arns: &[Arn],
        now: Timestamp,
        defaults: &StackDefaults,
        cloud: &C,
    ) -> Result<Self, AwsError> {
        let which = match arns {
            [one] => Which::Of(one),
            _ => Which::All,
        };
        let (caches, others): (Vec<Arn>, Vec<Arn>) = arns.iter().cloned().partition(Arn::is_cache);
        let (mut databases, mut snapshots) = (Vec::new(), Vec::new());
        if !others.is_empty() {
            databases.extend(cloud.databases(&others).await?);
            snapshots.extend(cloud.snapshots(None, which).await?);
        }
        if !caches.is_empty() {
            databases.extend(cloud.caches(&caches).await?);
            snapshots.extend(cloud.cache_snapshots(which).await?);
        }
        let quotas = cloud.snapshot_quotas().await?;
        let mut copies = BTreeMap::new();
        for place in databases
            .iter()
            .flat_map(|database| places(database, defaults))
            .collect::<BTreeSet<Place>>()
        {
            // One that can't be read stops nothing here.
            let there = cloud.snapshots(Some(&place), Which::All).await;
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

    /// The tags that a database has now.
    pub(crate) fn tags(&self, arn: &Arn) -> BTreeMap<String, String> {
        self.databases
            .get(arn)
            .map(|database| database.tags.clone())
            .unwrap_or_default()
    }

    /// What was read of one database, and who shares what would be deleted.
    pub(crate) async fn of<C: Cloud>(
        &self,
        seen: Seen<'_, Policy>,
        cloud: &C,
    ) -> Result<Observed, AwsError> {
        let arn = &seen.target.arn;
        let is_of = |snapshot: &&Snapshot| snapshot.is_named_after(arn);
        // What another invocation did since the survey is asked for again.
        let changed = seen.memory.last_change().is_some_and(|at| at >= self.at);
        let snapshots = if changed {
            if arn.is_cache() {
                cloud.cache_snapshots(Which::Of(arn)).await?
            } else {
                cloud.snapshots(None, Which::Of(arn)).await?
            }
        } else {
            self.snapshots.iter().filter(is_of).cloned().collect()
        };
        let database = self.databases.get(arn).cloned();
        let resource_id = database
            .as_ref()
            .map(|database| database.resource_id.clone())
            .unwrap_or_default();
        let quota = match arn.database() {
            Some(DatabaseKind::Instance) => self.quotas.instances,
            Some(DatabaseKind::Cluster) => self.quotas.clusters,
            // ElastiCache has a limit of a day, and says when it is reached.
            _ => Quota::default(),
        };
        // Before the new one is good nothing goes, so that nobody need be asked.
        let slot = seen.policy.backup.slot(self.at);
        let is_new = |s: &Snapshot| s.is_good() && s.taken_at.is_some_and(|at| at + SKEW >= slot);
        let may_go =
            quota.is_reached() || snapshots.iter().any(|s| is_new(s) || s.status == "failed");
        let (asked, shared) = if may_go {
            shared(&snapshots, seen, &resource_id, self.at, cloud).await?
        } else {
            (BTreeSet::new(), BTreeSet::new())
        };
        let wanted = self
            .copies
            .iter()
            .filter(|(place, _)| seen.policy.backup.copy.contains(place));
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
            let due = due(&snapshots, &there, &seen.policy.stack, arn).len();
            let may_begin = self.give(place, all, due);
            copies.insert(
                place.clone(),
                Copies {
                    snapshots: there,
                    may_begin,
                },
            );
        }
        let by_sweep = matches!(seen.event.detail, Detail::Sweep);
        let of_kind = self
            .databases
            .keys()
            .find(|other| other.database() == arn.database());
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

impl Survey {
    /// As many copies as may begin at a place beside those that run there and that others of this run were given.
    fn give(&self, place: &Place, all: &[Snapshot], due: usize) -> usize {
        let running = all
            .iter()
            .filter(|copy| !copy.is_good() && copy.status != "failed")
            .count();
        let mut given = self.given.borrow_mut();
        let given = given.entry(place.clone()).or_default();
        let free = IN_FLIGHT.saturating_sub(running + *given).min(due);
        *given += free;
        free
    }
}

/// Where a database's backups are copied to; nowhere if its tag can't be read, or if it is a cache.
fn places(database: &Database, defaults: &StackDefaults) -> Vec<Place> {
    if database.arn.is_cache() {
        return Vec::new();
    }
    let policy = BackupPolicy::of(&database.tags, defaults).ok().flatten();
    let mut places = policy.map(|policy| policy.copy).unwrap_or_default();
    places.retain(|place| !(place.is_vault() && defaults.vault_role.is_empty()));
    places
}

/// Those of the snapshots next to go that were asked about, and that are shared. They are asked one by one, so
/// only as many as may go at once.
async fn shared<C: Cloud>(
    snapshots: &[Snapshot],
    seen: Seen<'_, Policy>,
    resource_id: &str,
    now: Timestamp,
    cloud: &C,
) -> Result<(BTreeSet<String>, BTreeSet<String>), AwsError> {
    let nothing = BTreeSet::new();
    let rules = seen.policy.rules(&seen.target.arn, resource_id, &nothing);
    let verdicts = rotate(snapshots, rules, now).into_iter();
    let mut going: Vec<&Snapshot> = verdicts
        .filter(|(_, verdict)| matches!(verdict, Verdict::Delete(_)))
        .map(|(snapshot, _)| snapshot)
        .collect();
    going.sort_by_key(|snapshot| (snapshot.taken_at, snapshot.identifier.clone()));
    let (mut asked, mut shared) = (BTreeSet::new(), BTreeSet::new());
    for snapshot in going.into_iter().take(MOST_AT_ONCE) {
        asked.insert(snapshot.identifier.clone());
        // Those of caches can't be shared.
        if !seen.target.arn.is_cache() && cloud.is_shared(&snapshot.arn).await? {
            shared.insert(snapshot.identifier.clone());
        }
    }
    Ok((asked, shared))
}
