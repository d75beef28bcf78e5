//! The status of one target.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::Arn;
use crate::status::activity::Activity;
use crate::status::backups::BackupStatus;
use crate::status::condition::Condition;
use crate::status::facts::{RunningVersion, TaskCounts};
use crate::status::holds::ActiveHold;
use crate::status::incidents::OpenIncident;
use crate::status::mode::TargetMode;

/// What a target is, runs, waits for and suffers from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TargetStatus {
    pub target: Arn,
    /// The display name of the target.
    pub name: String,
    pub app: Option<String>,
    pub mode: TargetMode,
    pub condition: Condition,
    /// The tags that cannot be read, each with its problem and a valid example.
    pub mistakes: Vec<String>,
    /// What the service runs; `None` for other targets.
    pub version: Option<RunningVersion>,
    pub tasks: Option<TaskCounts>,
    /// What is in progress.
    pub activity: Option<Activity>,
    /// What holds the operations, the most important first.
    pub holds: Vec<ActiveHold>,
    pub incidents: Vec<OpenIncident>,
    /// The address of the runbook, from its tag.
    pub runbook: Option<String>,
    /// The end of the silence, if there is one now.
    pub silenced_until: Option<Timestamp>,
    /// The titles of the open findings.
    pub findings: Vec<String>,
    /// The backups of a database or cache.
    pub backups: Option<BackupStatus>,
    /// The newest of the actions that the target state remembers.
    pub last_action: Option<LastAction>,
}

/// What Lamplighter did last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastAction {
    pub at: Timestamp,
    pub what: String,
}

impl TargetStatus {
    /// Returns the holds that people should hear of, the most important first.
    #[must_use]
    pub fn reported_holds(&self) -> Vec<&ActiveHold> {
        let holds = self.holds.iter();
        holds.filter(|hold| hold.hold.kind.is_reported()).collect()
    }
}
