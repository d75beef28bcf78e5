//! RDS events about snapshots, and AWS Backup jobs that failed.
//! Sources: <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-cloudwatch-events.sample.html>,
//! <https://docs.aws.amazon.com/aws-backup/latest/devguide/eventbridge.html>

use serde::Deserialize;

/// Something happened to an instance, a cluster or a snapshot. Best effort: none says that a snapshot failed.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RdsEvent {
    pub source_arn: String,
}

/// A person wants a backup to be proven now: `{"database": "arn:aws:rds:…"}`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrillRequest {
    /// ARN of the instance or cluster.
    pub database: String,
}

/// An AWS Backup job changed its state.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackupJob {
    /// `FAILED`, `ABORTED`, `EXPIRED`, `COMPLETED`, …
    #[serde(default)]
    pub state: String,
    /// What was to be backed up.
    #[serde(default)]
    pub resource_arn: String,
    #[serde(default)]
    pub backup_job_id: String,
    #[serde(default)]
    pub status_message: String,
}

impl BackupJob {
    /// It ended without a backup.
    #[must_use]
    pub fn failed(&self) -> bool {
        ["FAILED", "ABORTED", "EXPIRED"].contains(&self.state.as_str())
    }

    /// Why, in a sentence of ours around AWS's, which comes in quotes.
    #[must_use]
    pub fn why(&self) -> String {
        match self.status_message.trim_matches('"') {
            "" => "AWS Backup does not say why.".to_owned(),
            said => format!("AWS Backup says: {said}"),
        }
    }
}
