//! What the target state records about drills.

use crate::model::Arn;
use crate::plan::DrillResult;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The state of drills.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BackupState {
    /// The start of the running restore test, and the snapshot it restores.
    pub drill: Option<(Timestamp, Arn)>,
    /// The result of the last restore test.
    pub drilled: Option<DrillResult>,
}
