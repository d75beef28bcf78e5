//! Actions on log groups.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{Arn, LogDay, pluralize};
use crate::plan::properties::{ActionProperties, ArbiterRule, LimitRule, Repair};

/// An action on a log group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum LogAction {
    ExportLogs(ExportLogs),
    WriteManifest(WriteManifest),
    SetRetention(SetRetention),
}

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

impl ActionProperties for LogAction {
    fn describe(&self) -> String {
        match self {
            Self::ExportLogs(export) => format!("export the logs of {}", export.of.day),
            Self::WriteManifest(manifest) => format!("write the manifest of {}", manifest.of.day),
            Self::SetRetention(SetRetention { days, .. }) => {
                format!("keep logs for {}", pluralize(*days as usize, "day"))
            }
        }
    }

    fn stable_key(&self) -> String {
        match self {
            Self::ExportLogs(_) => "export-logs".to_owned(),
            Self::WriteManifest(_) => "write-manifest".to_owned(),
            Self::SetRetention(SetRetention { days, .. }) => format!("retention:{days}"),
        }
    }

    fn is_deferrable(&self) -> bool {
        match self {
            Self::ExportLogs(_) | Self::WriteManifest(_) | Self::SetRetention(_) => true,
        }
    }

    fn is_retriable_later(&self) -> bool {
        match self {
            Self::ExportLogs(_) => true,
            Self::WriteManifest(_) | Self::SetRetention(_) => false,
        }
    }

    fn shifts_traffic(&self) -> bool {
        match self {
            Self::ExportLogs(_) | Self::WriteManifest(_) | Self::SetRetention(_) => false,
        }
    }

    fn is_healing(&self) -> bool {
        match self {
            Self::ExportLogs(_) | Self::WriteManifest(_) | Self::SetRetention(_) => false,
        }
    }

    fn is_cleanup(&self) -> bool {
        match self {
            Self::ExportLogs(_) | Self::WriteManifest(_) | Self::SetRetention(_) => false,
        }
    }

    fn arbiter_rule(&self) -> ArbiterRule {
        match self {
            Self::ExportLogs(_) | Self::WriteManifest(_) | Self::SetRetention(_) => {
                ArbiterRule::Always
            }
        }
    }

    fn limit_rule(&self) -> LimitRule {
        match self {
            Self::ExportLogs(_) | Self::WriteManifest(_) | Self::SetRetention(_) => {
                LimitRule::PerRun
            }
        }
    }

    fn repair(&self) -> Repair {
        match self {
            Self::ExportLogs(_) | Self::WriteManifest(_) | Self::SetRetention(_) => Repair::No,
        }
    }
}
