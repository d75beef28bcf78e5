//! What the target state records about exports of logs.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// The state of exports of logs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogState {
    /// The day of logs that is being exported.
    pub exporting: Option<Exporting>,
    /// The last day of logs, in UTC, with a complete export.
    pub exported: Option<Date>,
}

/// An export task that was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exporting {
    pub day: Date,
    /// The identifier of the task; `None` if the answer was lost.
    pub task: Option<String>,
    pub at: Timestamp,
}
