//! A manual snapshot of a database, of an instance or of a cluster.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::Arn;
use crate::policy::{HOLD, STACK, TARGET, VERIFIED};

/// What the names of all that this system takes begin with.
const PREFIX: &str = "lamplighter-";

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Snapshot {
    pub arn: Arn,
    pub identifier: String,
    /// Identifier of the instance or cluster.
    pub database: String,
    /// It is of a cluster.
    pub of_cluster: bool,
    /// AWS's word: `creating`, `available`, `copying`, `failed`, …
    pub status: String,
    /// `None` while AWS has not begun.
    pub taken_at: Option<Timestamp>,
    pub encrypted: bool,
    /// What tells a database from another one that had its name; empty where AWS does not say.
    pub resource_id: String,
    pub engine_version: String,
    pub allocated_gib: Option<u32>,
    pub tags: BTreeMap<String, String>,
}

impl Snapshot {
    /// Whether this stack took it of this database.
    #[must_use]
    pub fn is_ours(&self, stack: &str, database: &Arn) -> bool {
        let says = |key: &str, value: &str| self.tags.get(key).is_some_and(|tag| tag == value);
        // A person's copy of one carries its tags, under another name.
        self.identifier.starts_with(PREFIX) && says(STACK, stack) && says(TARGET, database.as_str())
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
