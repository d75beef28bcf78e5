//! Actions on database backups.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{Arn, CopyDestination};
use crate::plan::properties::{ActionProperties, ArbiterRule, LimitRule, Repair};

/// An action on a backup.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum BackupAction {
    CreateSnapshot(CreateSnapshot),
    CopySnapshot(CopySnapshot),
    DeleteSnapshot(DeleteSnapshot),
}

/// Takes a manual snapshot of a database. The name contains the database and slot, so that a
/// repetition fails in AWS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateSnapshot {
    /// The instance, cluster or cache.
    pub database: Arn,
    /// The node of a cache without cluster mode, of which AWS takes the snapshot.
    #[serde(default)]
    pub node: Option<String>,
    pub identifier: String,
    pub tags: BTreeMap<String, String>,
}

/// Copies a snapshot to another region, or to the vault account after sharing it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopySnapshot {
    pub snapshot: Arn,
    /// The name of the copy.
    pub identifier: String,
    pub to: CopyDestination,
    /// A KMS key at the destination, if the snapshot is encrypted.
    pub key: Option<String>,
    /// An option group at the destination, for a snapshot of an instance.
    #[serde(default)]
    pub option_group: Option<String>,
    /// The only tags of the copy.
    pub tags: BTreeMap<String, String>,
}

/// Deletes a snapshot of this stack, in the region of its ARN.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeleteSnapshot {
    pub snapshot: Arn,
}

impl ActionProperties for BackupAction {
    fn describe(&self) -> String {
        match self {
            Self::CreateSnapshot(create) => format!("take the snapshot {}", create.identifier),
            Self::CopySnapshot(copy) => {
                format!("copy {} to {}", copy.snapshot.display_name(), copy.to)
            }
            Self::DeleteSnapshot(delete) => {
                format!("delete the snapshot {}", delete.snapshot.display_name())
            }
        }
    }

    fn stable_key(&self) -> String {
        match self {
            // A rejection for one slot or snapshot is a rejection for the next: one notification.
            Self::CreateSnapshot(_) => "create-snapshot".to_owned(),
            Self::CopySnapshot(copy) => {
                format!("copy-snapshot:{}", copy.to.region().unwrap_or("vault"))
            }
            Self::DeleteSnapshot(_) => "delete-snapshot".to_owned(),
        }
    }

    fn is_deferrable(&self) -> bool {
        match self {
            Self::CopySnapshot(_) | Self::DeleteSnapshot(_) => true,
            Self::CreateSnapshot(_) => false,
        }
    }

    fn is_retriable_later(&self) -> bool {
        match self {
            Self::CreateSnapshot(_) => true,
            Self::CopySnapshot(_) | Self::DeleteSnapshot(_) => false,
        }
    }

    fn shifts_traffic(&self) -> bool {
        match self {
            Self::CreateSnapshot(_) | Self::CopySnapshot(_) | Self::DeleteSnapshot(_) => false,
        }
    }

    fn is_healing(&self) -> bool {
        match self {
            Self::CreateSnapshot(_) | Self::CopySnapshot(_) | Self::DeleteSnapshot(_) => false,
        }
    }

    fn is_cleanup(&self) -> bool {
        match self {
            Self::CreateSnapshot(_) | Self::CopySnapshot(_) | Self::DeleteSnapshot(_) => false,
        }
    }

    fn arbiter_rule(&self) -> ArbiterRule {
        match self {
            Self::CreateSnapshot(_) => ArbiterRule::ActiveTarget,
            Self::CopySnapshot(_) | Self::DeleteSnapshot(_) => ArbiterRule::Always,
        }
    }

    fn limit_rule(&self) -> LimitRule {
        match self {
            Self::CreateSnapshot(_) | Self::CopySnapshot(_) | Self::DeleteSnapshot(_) => {
                LimitRule::PerRun
            }
        }
    }

    fn repair(&self) -> Repair {
        match self {
            Self::CreateSnapshot(_) | Self::CopySnapshot(_) | Self::DeleteSnapshot(_) => Repair::No,
        }
    }
}
