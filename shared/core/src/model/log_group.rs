use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::Arn;

/// A log group. Source: DescribeLogGroups.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LogGroup {
    pub arn: Arn,
    pub created: Option<Timestamp>,
    /// Retention in days; `None` if events never expire.
    pub retention_days: Option<u32>,
    /// Log class: `STANDARD`, `INFREQUENT_ACCESS` or `DELIVERY`. Only `STANDARD` can be exported.
    pub class: String,
}

/// An export task for one day of one log group. Source: DescribeExportTasks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ExportTask {
    pub id: String,
    /// Task name chosen by the caller.
    pub name: String,
    pub log_group: String,
    /// Destination bucket.
    pub bucket: String,
    /// Key prefix of the exported objects.
    pub prefix: String,
    /// `PENDING`, `RUNNING`, `COMPLETED`, `FAILED`, `CANCELLED`, `PENDING_CANCEL`.
    pub status: String,
    /// AWS's status message; may be empty.
    pub message: String,
}

impl ExportTask {
    /// Returns the exported day; `None` if Lamplighter did not create the task.
    #[must_use]
    pub fn export_day(&self) -> Option<Date> {
        self.name.strip_prefix("lamplighter ")?.parse().ok()
    }
}

/// The S3 location of one day of one log group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogDay {
    pub group: Arn,
    /// In UTC.
    pub day: Date,
    pub bucket: String,
    /// Key prefix of the objects, without a trailing slash: `7d/ecs/shop/web/2026-11-20`.
    pub prefix: String,
}

impl LogDay {
    /// Returns the key of the manifest, which marks the day as complete.
    #[must_use]
    pub fn manifest_key(&self) -> String {
        format!("{}/manifest.json", self.prefix)
    }

    /// Returns the name of the export task. [`ExportTask::export_day`] parses it.
    #[must_use]
    pub fn task_name(&self) -> String {
        format!("lamplighter {}", self.day)
    }
}
