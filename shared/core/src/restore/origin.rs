//! What a database is restored from.

use jiff::Timestamp;

use crate::model::{Arn, Snapshot};

/// What a database is restored from.
#[derive(Debug, Clone, PartialEq)]
pub enum Origin {
    /// A snapshot, or its copy in another region or account.
    Snapshot {
        snapshot: Box<Snapshot>,
        place: Place,
    },
    /// The latest time that automated backups reach.
    PointInTime {
        source: Arn,
        /// AWS's identifier of a database that is gone, whose automated backups were retained.
        retained: Option<String>,
        latest: Timestamp,
    },
}

/// Where a snapshot is, as seen from the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Here,
    OtherRegion,
    /// Another account, whose credentials the commands need.
    Vault,
}

impl Origin {
    /// Returns a snapshot beside its database as origin.
    #[must_use]
    pub fn of_snapshot(snapshot: &Snapshot) -> Self {
        Self::Snapshot {
            snapshot: Box::new(snapshot.clone()),
            place: Place::Here,
        }
    }

    /// Returns the snapshot; `None` for a point in time.
    #[must_use]
    pub fn snapshot(&self) -> Option<&Snapshot> {
        match self {
            Self::Snapshot { snapshot, .. } => Some(snapshot),
            Self::PointInTime { .. } => None,
        }
    }

    /// Returns the time whose data come back.
    #[must_use]
    pub fn time(&self) -> Option<Timestamp> {
        match self {
            Self::Snapshot { snapshot, .. } => snapshot.taken_at,
            Self::PointInTime { latest, .. } => Some(*latest),
        }
    }

    /// Returns the place of the backup.
    #[must_use]
    pub fn place(&self) -> Place {
        match self {
            Self::Snapshot { place, .. } => *place,
            Self::PointInTime { .. } => Place::Here,
        }
    }

    /// Returns the region in which the database is restored.
    #[must_use]
    pub fn region(&self) -> &str {
        match self {
            Self::Snapshot { snapshot, .. } => snapshot.arn.region(),
            Self::PointInTime { source, .. } => source.region(),
        }
    }
}
