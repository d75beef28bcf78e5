//! A manual snapshot of a database, of an instance or of a cluster.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use sha2::{Digest as _, Sha256};

use super::{Arn, Database, DatabaseKind};
use crate::model::tag_keys::{HOLD, MANAGED, SLOT, STACK, TARGET, TIER, VERIFIED};

/// What the names of all that this system takes begin with.
const PREFIX: &str = "lamplighter-";

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Snapshot {
    pub arn: Arn,
    pub identifier: String,
    /// Identifier of the instance, cluster or cache.
    pub database: String,
    pub kind: DatabaseKind,
    /// AWS's word: `creating`, `available`, `copying`, `failed`, …
    pub status: String,
    /// `None` while AWS has not begun.
    pub taken_at: Option<Timestamp>,
    pub encrypted: bool,
    /// What tells a database from another one that had its name; empty where AWS does not say.
    pub resource_id: String,
    pub engine_version: String,
    pub allocated_gib: Option<u32>,
    /// Of a cache, which does not tell them itself.
    pub subnet_group: Option<String>,
    pub parameter_group: Option<String>,
    pub tags: BTreeMap<String, String>,
}

/// What every engine takes as a name, less what tells two databases of one name apart.
/// Source: <https://docs.aws.amazon.com/documentdb/latest/developerguide/API_CreateDBClusterSnapshot.html>
const LONGEST_NAME: usize = 63 - 5;
/// States of a database in which a snapshot may be taken.
/// Source: <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBSnapshot.html>
pub const READY: [&str; 2] = ["available", "storage-optimization"];
/// The most tags that a resource can have.
const MOST_TAGS: usize = 50;

/// The name of a snapshot of a database: `lamplighter-orders-20261121-0300`. Of a long name a hash stands for the end.
#[must_use]
pub fn snapshot_name(database: &Arn, what_for: &str) -> String {
    let database = database.name();
    let whole = format!("{PREFIX}{database}-{what_for}");
    if whole.len() <= LONGEST_NAME {
        return whole;
    }
    let hash = Sha256::digest(&database)
        .iter()
        .take(4)
        .fold(0_u32, |hash, byte| (hash << 8) | u32::from(*byte));
    let room = LONGEST_NAME.saturating_sub(PREFIX.len() + what_for.len() + "-12345678-".len());
    let short: String = database.chars().take(room).collect();
    format!(
        "{PREFIX}{}-{hash:08x}-{what_for}",
        short.trim_end_matches('-')
    )
}

/// What a snapshot carries: the database's own tags, and whose it is, what for and how long.
#[must_use]
pub fn snapshot_tags(
    database: &Database,
    stack: &str,
    what_for: &str,
    tier: &str,
) -> BTreeMap<String, String> {
    let target = database.arn.as_str();
    let ours = [
        (MANAGED, "true"),
        (STACK, stack),
        (TARGET, target),
        (SLOT, what_for),
        (TIER, tier),
    ];
    let mut tags: BTreeMap<String, String> = ours
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
    let own = database
        .tags
        .iter()
        .filter(|(key, _)| !key.starts_with("aws:") && !key.starts_with("lamplighter:"));
    for (key, value) in own.take(MOST_TAGS - tags.len()) {
        tags.insert(key.clone(), value.clone());
    }
    tags
}

impl Snapshot {
    /// Whether this stack took it of this database.
    #[must_use]
    pub fn is_ours(&self, stack: &str, database: &Arn) -> bool {
        let says = |key: &str, value: &str| self.tags.get(key).is_some_and(|tag| tag == value);
        // A person's copy of one carries its tags, under another name.
        self.identifier.starts_with(PREFIX) && says(STACK, stack) && says(TARGET, database.as_str())
    }

    /// Whether it is of the database, or of one that had its name before.
    #[must_use]
    pub fn is_named_after(&self, database: &Arn) -> bool {
        database.database() == Some(self.kind) && self.database == database.name()
    }

    /// Whether it is of the database that now has this resource id, and not of one that had its name before.
    #[must_use]
    pub fn is_of(&self, resource_id: &str) -> bool {
        self.resource_id.is_empty() || resource_id.is_empty() || self.resource_id == resource_id
    }

    /// Whether a database can be restored from it.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.status == "available" && self.taken_at.is_some()
    }

    /// A person wants it kept.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.tags.contains_key(HOLD)
    }

    /// A database was restored from it and checked.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        self.tags.contains_key(VERIFIED)
    }
}

/// How many manual snapshots there are, and how many there may be, in this account and region.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Quota {
    pub used: u32,
    /// 0 where AWS does not say.
    pub max: u32,
}

/// The quotas of instances and of clusters, each on their own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Quotas {
    pub instances: Quota,
    pub clusters: Quota,
}

impl Quota {
    #[must_use]
    pub fn is_reached(self) -> bool {
        self.max > 0 && self.used >= self.max
    }

    /// Four fifths or more are used.
    #[must_use]
    pub fn is_near(self) -> bool {
        self.max > 0 && u64::from(self.used) * 5 >= u64::from(self.max) * 4
    }
}
