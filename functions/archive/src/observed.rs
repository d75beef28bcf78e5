//! The observed state of one log group, on which `archive` decides.

use jiff::Timestamp;
use jiff::civil::Date;
use lamplighter::model::{ExportTask, LogGroup};
use serde::Serialize;

/// Observed state that [`crate::decide`] decides on.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Observed {
    /// Time of the observation.
    #[serde(skip)]
    pub at: Timestamp,
    /// `None` if the log group no longer exists.
    pub group: Option<LogGroup>,
    /// Export task of this group that Lamplighter started.
    pub task: Option<ExportTask>,
    /// Last complete day.
    pub done: Option<Date>,
    /// Next day to export, if one is due.
    pub day: Option<Date>,
    /// Log group of the other export that this one waits for.
    pub waits_for: Option<String>,
}
