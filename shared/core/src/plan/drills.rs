//! Actions on the temporary resources of a drill.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::Arn;
use crate::plan::properties::{ActionProperties, ArbiterRule, LimitRule, Repair};
use crate::plan::restores::RestoreCall;

/// An action of a drill.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(clippy::large_enum_variant, reason = "a plan has few actions")]
pub enum DrillAction {
    RestoreForDrill(RestoreForDrill),
    DeleteRestoredDatabase(DeleteRestoredDatabase),
    MarkVerified(MarkVerified),
    RunCheckTask(RunCheckTask),
    StopCheckTask(StopCheckTask),
}

/// Restores a snapshot to a temporary database. A cluster needs a second action for its instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreForDrill {
    /// The database that the snapshot was taken of.
    pub source: Arn,
    pub snapshot: Arn,
    /// The call of a real restore, made temporary.
    pub call: RestoreCall,
}

/// Deletes a temporary database, or one part of it: the instance of a cluster is deleted first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeleteRestoredDatabase {
    /// The database whose snapshot was restored.
    pub source: Arn,
    pub database: Arn,
    /// The result of the drill; `None` if the check is outstanding, or was recorded before.
    pub outcome: Option<DrillResult>,
}

/// The result of a drill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrillResult {
    pub snapshot: Arn,
    pub began: Timestamp,
    /// Seconds until the restored database was available.
    pub took: i64,
    /// Seconds until the check ended, if there was one.
    #[serde(default)]
    pub checked: Option<i64>,
    pub passed: bool,
}

/// Marks a snapshot as restored and checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkVerified {
    pub snapshot: Arn,
    pub at: Timestamp,
}

/// Runs a task that checks a restored database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunCheckTask {
    /// The database whose snapshot was restored.
    pub source: Arn,
    pub cluster: String,
    /// The family, or the family and revision.
    pub task_definition: String,
    pub subnets: Vec<String>,
    pub security_group: String,
    /// Variables that are added to every container. They name a secret but do not contain it.
    pub environment: BTreeMap<String, String>,
    pub tags: BTreeMap<String, String>,
    /// The token that ties the task to this drill: AWS starts only one task for it.
    pub token: String,
}

/// Stops a task that checks a restored database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopCheckTask {
    pub cluster: String,
    pub task: String,
}

impl ActionProperties for DrillAction {
    fn describe(&self) -> String {
        match self {
            Self::RestoreForDrill(RestoreForDrill { snapshot, call, .. }) => {
                let name = call.name();
                if call.is_member() {
                    format!("add an instance to the restored cluster {name}")
                } else {
                    format!("restore {} to {name}", snapshot.display_name())
                }
            }
            Self::DeleteRestoredDatabase(delete) => {
                format!(
                    "delete the temporary database {}",
                    delete.database.display_name()
                )
            }
            Self::MarkVerified(mark) => {
                format!("mark {} as verified", mark.snapshot.display_name())
            }
            Self::RunCheckTask(run) => format!("run the check {}", run.task_definition),
            Self::StopCheckTask(_) => "stop the check".to_owned(),
        }
    }

    fn stable_key(&self) -> String {
        match self {
            Self::RestoreForDrill(_) => "restore-for-drill".to_owned(),
            Self::DeleteRestoredDatabase(delete) => {
                format!("delete-restored:{}", delete.database.display_name())
            }
            Self::MarkVerified(mark) => {
                format!("mark-verified:{}", mark.snapshot.display_name())
            }
            Self::RunCheckTask(run) => format!("run-check:{}", run.task_definition),
            Self::StopCheckTask(_) => "stop-check".to_owned(),
        }
    }

    fn is_deferrable(&self) -> bool {
        match self {
            Self::MarkVerified(_) => true,
            Self::RestoreForDrill(_)
            | Self::DeleteRestoredDatabase(_)
            | Self::RunCheckTask(_)
            | Self::StopCheckTask(_) => false,
        }
    }

    fn is_retriable_later(&self) -> bool {
        match self {
            Self::RestoreForDrill(_)
            | Self::DeleteRestoredDatabase(_)
            | Self::MarkVerified(_)
            | Self::RunCheckTask(_)
            | Self::StopCheckTask(_) => false,
        }
    }

    fn shifts_traffic(&self) -> bool {
        match self {
            Self::RestoreForDrill(_)
            | Self::DeleteRestoredDatabase(_)
            | Self::MarkVerified(_)
            | Self::RunCheckTask(_)
            | Self::StopCheckTask(_) => false,
        }
    }

    fn is_healing(&self) -> bool {
        match self {
            Self::RestoreForDrill(_)
            | Self::DeleteRestoredDatabase(_)
            | Self::MarkVerified(_)
            | Self::RunCheckTask(_)
            | Self::StopCheckTask(_) => false,
        }
    }

    fn is_cleanup(&self) -> bool {
        match self {
            Self::DeleteRestoredDatabase(_) | Self::StopCheckTask(_) => true,
            Self::RestoreForDrill(_) | Self::MarkVerified(_) | Self::RunCheckTask(_) => false,
        }
    }

    fn arbiter_rule(&self) -> ArbiterRule {
        match self {
            Self::RestoreForDrill(_)
            | Self::DeleteRestoredDatabase(_)
            | Self::RunCheckTask(_)
            | Self::StopCheckTask(_) => ArbiterRule::ActiveTarget,
            Self::MarkVerified(_) => ArbiterRule::Always,
        }
    }

    fn limit_rule(&self) -> LimitRule {
        match self {
            Self::RestoreForDrill(_)
            | Self::DeleteRestoredDatabase(_)
            | Self::MarkVerified(_)
            | Self::RunCheckTask(_)
            | Self::StopCheckTask(_) => LimitRule::PerRun,
        }
    }

    fn repair(&self) -> Repair {
        match self {
            Self::RestoreForDrill(_)
            | Self::DeleteRestoredDatabase(_)
            | Self::MarkVerified(_)
            | Self::RunCheckTask(_)
            | Self::StopCheckTask(_) => Repair::No,
        }
    }
}
