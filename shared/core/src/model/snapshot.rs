//! Manual snapshots of DB instances, clusters and caches.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::{Arn, Database, DatabaseKind, short_hash};
use crate::model::tag_keys::{
    COPIED, HOLD, MANAGED, ROLLOUT_TIER, SLOT, STACK, TAKEN, TARGET, TARGET_ID, TIER, VERIFIED,
};

/// Name prefix of every snapshot that Lamplighter creates.
const NAME_PREFIX: &str = "lamplighter-";

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Snapshot {
    pub arn: Arn,
    pub identifier: String,
    /// Identifier of the instance, cluster or cache.
    pub database: String,
    pub kind: DatabaseKind,
    /// Status in AWS's spelling: `creating`, `available`, `copying`, `failed`, …
    pub status: String,
    /// Time of the snapshot; `None` before AWS has started it.
    pub taken_at: Option<Timestamp>,
    /// When AWS began to make the snapshot, or this copy of it; `None` if it doesn't say.
    pub made_at: Option<Timestamp>,
    /// The snapshot in another account or region that AWS copied it from; `None` for any other.
    pub copied_from: Option<Arn>,
    pub encrypted: bool,
    /// Immutable identifier of the database, which differs from that of an earlier database with
    /// the same name. Empty if AWS does not return it.
    pub resource_id: String,
    pub engine_version: String,
    pub allocated_gib: Option<u32>,
    /// Number of shards; set only for node-based caches.
    pub shards: Option<u32>,
    /// Subnet group; set only for caches, which do not report it themselves.
    pub subnet_group: Option<String>,
    pub parameter_group: Option<String>,
    pub tags: BTreeMap<String, String>,
}

/// Maximum length of the name of a database's snapshot, for every engine.
/// Source: <https://docs.aws.amazon.com/documentdb/latest/developerguide/API_CreateDBClusterSnapshot.html>
const MAX_NAME_LENGTH: usize = 63;
/// The same for a snapshot of a node-based cache.
/// Source: <https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/backups-manual.html>
const MAX_CACHE_NAME_LENGTH: usize = 40;
/// Characters of the hash that distinguishes databases of the same name, with its hyphen.
const SUFFIX_LENGTH: usize = 5;
/// Characters of the hash in a name that is too long.
const HASH_LENGTH: usize = 6;
/// Database statuses in which a snapshot can be created.
/// Source: <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBSnapshot.html>
pub const SNAPSHOT_READY_STATUSES: [&str; 2] = ["available", "storage-optimization"];
/// Maximum number of tags that a new snapshot gets. AWS allows 50: a copy gets two more, a drill and an
/// operator one each.
const MAX_TAGS: usize = 45;

/// Builds the name of a database's snapshot: `lamplighter-orders-20261121-0300`. In a name that is
/// too long, a hash replaces the end.
#[must_use]
pub fn build_snapshot_name(database: &Arn, what_for: &str) -> String {
    // The names of a snapshot and of its copy may get a suffix each. A cache has no copies.
    let max_length = match database.database_kind() {
        Some(DatabaseKind::ReplicationGroup) => MAX_CACHE_NAME_LENGTH - SUFFIX_LENGTH,
        Some(DatabaseKind::Instance | DatabaseKind::Cluster | DatabaseKind::ServerlessCache)
        | None => MAX_NAME_LENGTH - 2 * SUFFIX_LENGTH,
    };
    let name = database.display_name();
    let whole = format!("{NAME_PREFIX}{name}-{what_for}");
    if whole.len() <= max_length {
        return whole;
    }
    let hash = short_hash(&name);
    let hash = hash.get(..HASH_LENGTH).unwrap_or(&hash);
    let room = max_length.saturating_sub(NAME_PREFIX.len() + what_for.len() + HASH_LENGTH + 2);
    let short: String = name.chars().take(room).collect();
    format!(
        "{NAME_PREFIX}{}-{hash}-{what_for}",
        short.trim_end_matches('-')
    )
}

/// Adds a hash of what distinguishes the snapshot from others of its name.
#[must_use]
pub fn add_name_suffix(name: &str, distinction: &str) -> String {
    let hash = short_hash(distinction);
    let hash = hash.get(..SUFFIX_LENGTH - 1).unwrap_or(&hash);
    format!("{name}-{hash}")
}

/// Builds the tags of a snapshot: the database's own tags, plus its owner, purpose and tier.
#[must_use]
pub fn build_snapshot_tags(
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
    if !database.resource_id.is_empty() {
        tags.insert(TARGET_ID.to_owned(), database.resource_id.clone());
    }
    let own = database
        .tags
        .iter()
        .filter(|(key, _)| !key.starts_with("aws:") && !key.starts_with("lamplighter:"));
    for (key, value) in own.take(MAX_TAGS - tags.len()) {
        tags.insert(key.clone(), value.clone());
    }
    tags
}

impl Snapshot {
    /// Reports whether the snapshot has a name that only Lamplighter gives.
    #[must_use]
    pub fn has_own_name(&self) -> bool {
        self.identifier.starts_with(NAME_PREFIX)
    }

    /// Reports whether this stack took the snapshot, or made the copy, of this very database. Its name may have changed
    /// since.
    #[must_use]
    pub fn is_taken_by(&self, stack: &str, database: &Database) -> bool {
        self.own_tag(STACK) == Some(stack)
            && self.own_tag(TARGET).is_some()
            && self.belongs_to(database)
    }

    /// Reports whether this stack took the snapshot, or made the copy, of a database of this kind and name, including an
    /// earlier one of that name.
    #[must_use]
    pub fn is_taken_for(&self, stack: &str, database: &Arn) -> bool {
        self.own_tag(STACK) == Some(stack)
            && self.own_tag(TARGET) == Some(database.as_str())
            && self.has_name_of(database)
    }

    /// Reports whether this stack took the snapshot for a slot, of whatever database.
    #[must_use]
    pub fn is_of_slot(&self, slot: &str) -> bool {
        self.own_tag(SLOT) == Some(slot)
    }

    /// Returns a tag that Lamplighter set. A manual copy carries the same tags, but has another name.
    fn own_tag(&self, key: &str) -> Option<&str> {
        let tag = self.tags.get(key).filter(|_| self.has_own_name());
        tag.map(String::as_str)
    }

    /// Reports whether the snapshot belongs to a database with this kind and name, including an
    /// earlier one with the same name.
    #[must_use]
    pub fn has_name_of(&self, database: &Arn) -> bool {
        database.database_kind() == Some(self.kind) && self.database == database.display_name()
    }

    /// Reports whether the snapshot has the data of this database, not of an earlier one with the same name, or of one in
    /// another region or account. What is unknown matches.
    #[must_use]
    pub fn belongs_to(&self, database: &Database) -> bool {
        if let Some(id) = self.own_tag(TARGET_ID)
            && !database.resource_id.is_empty()
        {
            return id == database.resource_id;
        }
        let is_target = self
            .own_tag(TARGET)
            .is_none_or(|target| target == database.arn.as_str());
        let (own, other) = (&database.resource_id, &self.resource_id);
        let is_same = other.is_empty() || own.is_empty() || other == own;
        let is_older = self.taken_at.zip(database.created_at);
        self.has_name_of(&database.arn)
            && is_target
            && is_same
            && is_older.is_none_or(|(taken, created)| taken >= created)
    }

    /// Builds the name of the snapshot's copies. It differs from that of the namesake's snapshot in the other region or account.
    #[must_use]
    pub fn copy_name(&self) -> String {
        let owner = [STACK, TARGET].map(|key| self.own_tag(key).unwrap_or_default());
        add_name_suffix(&self.identifier, &owner.join(" "))
    }

    /// Builds the tags of a copy that is requested now. The copy is verified by no drill of the original.
    #[must_use]
    pub fn copy_tags(&self, now: Timestamp) -> BTreeMap<String, String> {
        let taken_at = self.taken_at.map(|at| (TAKEN.to_owned(), at.to_string()));
        let own = self
            .tags
            .iter()
            .filter(|(key, _)| *key != VERIFIED && !key.starts_with("aws:"));
        own.map(|(key, value)| (key.clone(), value.clone()))
            .chain(taken_at)
            .chain([(COPIED.to_owned(), now.to_string())])
            .collect()
    }

    /// Corrects the time of a copy: AWS shows the time of the copying for clusters, and the tag that of the data.
    #[must_use]
    pub fn with_time_of_data(mut self) -> Self {
        self.taken_at = self.read_time_tag(TAKEN).or(self.taken_at);
        self
    }

    /// Returns when the snapshot was requested, or its copy.
    #[must_use]
    pub fn request_time(&self) -> Option<Timestamp> {
        self.read_time_tag(COPIED).or(self.taken_at)
    }

    fn read_time_tag(&self, key: &str) -> Option<Timestamp> {
        self.own_tag(key)?.parse().ok()
    }

    /// Reports whether a database can be restored from the snapshot.
    #[must_use]
    pub fn is_restorable(&self) -> bool {
        self.status == "available" && self.taken_at.is_some()
    }

    /// Reports whether the snapshot is complete, also while a cache is being restored from it.
    #[must_use]
    pub fn holds_data(&self) -> bool {
        self.is_restorable() || (self.status == "restoring" && self.taken_at.is_some())
    }

    /// Reports whether an operator tagged the snapshot to keep it.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.tags.contains_key(HOLD)
    }

    /// Reports whether the snapshot was taken before a rollout, and not for a backup slot.
    #[must_use]
    pub fn is_before_rollout(&self) -> bool {
        self.tags.get(TIER).is_some_and(|tier| tier == ROLLOUT_TIER)
    }

    /// Reports whether a drill restored and checked this snapshot.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        self.tags.contains_key(VERIFIED)
    }
}

/// Usage and limit of manual snapshots in this account and region.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Quota {
    pub used: u32,
    /// 0 if AWS does not report the limit.
    pub max: u32,
}

/// The separate quotas of DB instances and of clusters.
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

    /// Reports whether at least four fifths of the quota are used.
    #[must_use]
    pub fn is_nearly_reached(self) -> bool {
        self.max > 0 && u64::from(self.used) * 5 >= u64::from(self.max) * 4
    }
}
