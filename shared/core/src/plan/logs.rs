//! Actions on logs.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{Arn, LogDay};

/// Export a day of a log group. AWS answers the identifier of the task that does it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Export {
    pub of: LogDay,
    /// From this on,
    pub from: Timestamp,
    /// and before this.
    pub to: Timestamp,
}

/// Write the manifest of a day that was exported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Complete {
    pub of: LogDay,
    /// The identifier of the task, which AWS also puts the objects under.
    pub task: String,
}

/// Let a log group keep its events for so many days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retain {
    pub group: Arn,
    pub days: u32,
}
