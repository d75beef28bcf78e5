use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::Arn;

/// A log group. Source: DescribeLogGroups.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LogGroup {
    pub arn: Arn,
    pub created: Option<Timestamp>,
    /// Days after which CloudWatch Logs deletes an event; `None` for never.
    pub retention_days: Option<u32>,
    /// `STANDARD`, `INFREQUENT_ACCESS`, `DELIVERY`; only the first can be exported.
    pub class: String,
}

/// A task that exports one day of one log group. Source: DescribeExportTasks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ExportTask {
    pub id: String,
    /// What the caller named it.
    pub name: String,
    pub log_group: String,
    /// The bucket that it exports to.
    pub bucket: String,
    /// What the keys of its objects begin with.
    pub prefix: String,
    /// `PENDING`, `RUNNING`, `COMPLETED`, `FAILED`, `CANCELLED`, `PENDING_CANCEL`.
    pub status: String,
    /// What AWS says about the status; may be empty.
    pub message: String,
}

impl ExportTask {
    /// The day that it exports, `None` of a task that somebody else began.
    #[must_use]
    pub fn day(&self) -> Option<Date> {
        self.name.strip_prefix("lamplighter ")?.parse().ok()
    }
}

/// Where the logs of one day of one log group are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogDay {
    pub group: Arn,
    /// In UTC.
    pub day: Date,
    pub bucket: String,
    /// What the keys of its objects begin with, without a slash at the end: `7d/ecs/shop/web/2026-11-20`.
    pub prefix: String,
}

impl LogDay {
    /// The object that says that the day is complete.
    #[must_use]
    pub fn manifest(&self) -> String {
        format!("{}/manifest.json", self.prefix)
    }

    /// The name of the task that exports it, by which [`ExportTask::day`] knows it.
    #[must_use]
    pub fn task_name(&self) -> String {
        format!("lamplighter {}", self.day)
    }
}
