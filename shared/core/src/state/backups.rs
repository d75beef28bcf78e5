//! What the target state records about backups and drills.

use std::collections::BTreeMap;

use crate::model::{Arn, CopyDestination, Database};
use crate::plan::DrillResult;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// The state of backups and drills.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BackupState {
    /// The start of the running restore test, and the snapshot it restores.
    pub drill: Option<(Timestamp, Arn)>,
    /// The result of the last restore test.
    pub last_drill: Option<DrillResult>,
    /// The retention policies of the last days, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<PolicyUse>,
    /// The places that `copy=` names or named until a day ago.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub places: BTreeMap<CopyDestination, CopyPlace>,
    /// For how long the database has been stopped since its recovery point.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle: Option<IdleTime>,
    /// The database as it was last seen, from which a restore knows its settings when it is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Box<SourceRecord>>,
    /// What was recorded of the last earlier database of this name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub earlier: Option<Box<SourceRecord>>,
    /// The time of the last attempt to take a snapshot that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot_failed_at: Option<Timestamp>,
    /// The time of the last attempt to restore a snapshot for a drill that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restore_failed_at: Option<Timestamp>,
}

/// A database and its instances as they were last seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRecord {
    pub database: Database,
    /// The instances of a cluster.
    pub members: Vec<Database>,
}

/// The newest good copy of a database at a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyRecord {
    pub snapshot: Arn,
    pub taken_at: Timestamp,
    /// Empty if AWS doesn't say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub engine_version: String,
}

/// For how long a database has been stopped since its recovery point.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdleTime {
    pub recovery_point: Option<Timestamp>,
    pub seconds: i64,
    /// When it was last seen stopped; `None` if it has been started since.
    pub seen_at: Option<Timestamp>,
}

/// A place to which backups are copied.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyPlace {
    /// When `copy=` was noticed to name it.
    pub since: Timestamp,
    /// When `copy=` was noticed to name it no longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// True once there has been a copy of the database.
    #[serde(default)]
    pub has_copies: bool,
    /// The newest good copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<CopyRecord>,
    /// The newest good copy of the last earlier database of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier: Option<CopyRecord>,
    /// When a copy that failed was first noticed, after all were good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Timestamp>,
    /// When AWS last refused to begin a copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused_at: Option<Timestamp>,
}

/// A sight of the copies of a database at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopySight {
    pub has_copies: bool,
    /// The newest good copy.
    pub newest: Option<CopyRecord>,
    pub has_failed: bool,
    /// Every copy is good, and none is due.
    pub is_complete: bool,
}

/// Time for which a refused copy makes further refusals likely.
const REFUSAL_MEMORY: SignedDuration = SignedDuration::from_hours(24);

impl CopyPlace {
    /// Reports whether AWS lately refused to begin a copy.
    #[must_use]
    pub fn was_refused(&self, now: Timestamp) -> bool {
        self.refused_at
            .is_some_and(|at| now.duration_since(at) < REFUSAL_MEMORY)
    }
}

impl BackupState {
    /// Returns for how long the database has been stopped since its recovery point.
    #[must_use]
    pub fn idle_time(&self) -> SignedDuration {
        let seconds = self.idle.as_ref().map_or(0, |idle| idle.seconds);
        SignedDuration::from_secs(seconds)
    }

    /// Iterates over the places that `copy=` no longer names, for as long as they are remembered.
    pub fn list_dropped_places(&self) -> impl Iterator<Item = &CopyDestination> {
        let dropped = self
            .places
            .iter()
            .filter(|(_, place)| place.until.is_some() && place.has_copies);
        dropped.map(|(place, _)| place)
    }
}

/// A retention policy, and the time at which it was noticed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyUse {
    /// As in `keep=`.
    pub keep: String,
    pub since: Timestamp,
}
