//! Actions on log groups.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{Arn, LogDay};

/// Exports one day of a log group. AWS answers with the identifier of the export task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportLogs {
    pub of: LogDay,
    /// The start of the time range, inclusive.
    pub from: Timestamp,
    /// The end of the time range, exclusive.
    pub to: Timestamp,
}

/// Writes the manifest of an exported day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriteManifest {
    pub of: LogDay,
    /// The identifier of the export task, which is also the prefix of the objects.
    pub task: String,
}

/// Sets the retention of a log group, in days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetRetention {
    pub group: Arn,
    pub days: u32,
}
