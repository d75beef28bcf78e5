//! What a decision needs to know, read for all databases of a run at once.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use lamplighter::AwsError;
use lamplighter::cloud::{Cloud, Which};
use lamplighter::model::{Arn, Database, Quota, Quotas, Snapshot};
use lamplighter::operation::Seen;
use serde::Serialize;

use crate::Policy;
use crate::decide::MOST_AT_ONCE;
use crate::rotate::{Rules, Verdict, rotate};

/// What was read of all databases of a run.
#[derive(Debug, Default)]
pub struct Survey {
    at: Timestamp,
    databases: BTreeMap<Arn, Database>,
    snapshots: Vec<Snapshot>,
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
}

impl Observed {
    /// The newest point to which the database can be brought back.
    #[must_use]
    pub fn recovery_point(&self) -> Option<Timestamp> {
        let good = self.snapshots.iter().filter(|snapshot| snapshot.is_good()).filter_map(|snapshot| snapshot.taken_at);
        good.max().max(self.database.as_ref().and_then(|database| database.latest_restorable))
    }
}

impl Survey {
    /// Reads databases and snapshots: all there are, or those of one database.
    pub(crate) async fn read<C: Cloud>(arns: &[Arn], now: Timestamp, cloud: &C) -> Result<Self, AwsError> {
        let databases = cloud.databases(arns).await?;
        let snapshots = match arns {
            [one] => cloud.snapshots(Which::Of(one)).await?,
            _ => cloud.snapshots(Which::All).await?,
        };
        let quotas = cloud.snapshot_quotas().await?;
        let databases = databases.into_iter().map(|database| (database.arn.clone(), database)).collect();
        Ok(Self { at: now, databases, snapshots, quotas })
    }

    /// The tags that a database has now.
    pub(crate) fn tags(&self, arn: &Arn) -> BTreeMap<String, String> {
        self.databases.get(arn).map(|database| database.tags.clone()).unwrap_or_default()
    }

    /// What was read of one database, and who shares what would be deleted.
    pub(crate) async fn of<C: Cloud>(&self, seen: Seen<'_, Policy>, cloud: &C) -> Result<Observed, AwsError> {
        let arn = &seen.target.arn;
        let is_cluster = arn.resource().starts_with("cluster:");
        let name = arn.name();
        let is_of = |snapshot: &&Snapshot| snapshot.of_cluster == is_cluster && snapshot.database == name;
        // What another invocation did since the survey is asked for again.
        let changed = seen.memory.last_change().is_some_and(|at| at >= self.at);
        let snapshots = if changed {
            cloud.snapshots(Which::Of(arn)).await?
        } else {
            self.snapshots.iter().filter(is_of).cloned().collect()
        };
        let shared = shared(&snapshots, seen, self.at, cloud).await?;
        let quota = if is_cluster { self.quotas.clusters } else { self.quotas.instances };
        Ok(Observed { database: self.databases.get(arn).cloned(), snapshots, quota, shared })
    }
}

/// Those of the snapshots next to go that are shared. They are asked one by one, so only as many as may go at
/// once.
async fn shared<C: Cloud>(
    snapshots: &[Snapshot],
    seen: Seen<'_, Policy>,
    now: Timestamp,
    cloud: &C,
) -> Result<BTreeSet<String>, AwsError> {
    let policy = &seen.policy.backup;
    let mut shared = BTreeSet::new();
    let rules = Rules {
        stack: &seen.policy.stack,
        database: &seen.target.arn,
        keep: &policy.keep,
        zone: &policy.zone,
        in_use: &BTreeSet::new(),
    };
    let going = rotate(snapshots, rules, now).into_iter().filter(|(_, verdict)| matches!(verdict, Verdict::Delete(_)));
    for (snapshot, _) in going.take(MOST_AT_ONCE) {
        if cloud.is_shared(&snapshot.arn).await? {
            shared.insert(snapshot.identifier.clone());
        }
    }
    Ok(shared)
}
