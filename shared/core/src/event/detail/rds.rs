//! RDS events, drill requests, and AWS Backup job state changes.
//! Sources: <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-cloudwatch-events.sample.html>,
//! <https://docs.aws.amazon.com/aws-backup/latest/devguide/eventbridge.html>

use serde::Deserialize;

/// An event of a DB instance, a cluster or a snapshot. Delivery is best effort, and RDS emits no
/// event for a failed snapshot.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RdsEvent {
    pub source_arn: String,
}

/// A manual request for an immediate drill: `{"database": "arn:aws:rds:…"}`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrillRequest {
    /// ARN of the instance or cluster.
    pub database: String,
}

/// A state change of an AWS Backup job.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackupJob {
    /// `FAILED`, `ABORTED`, `EXPIRED`, `COMPLETED`, …
    #[serde(default)]
    pub state: String,
    /// ARN of the resource to back up.
    #[serde(default)]
    pub resource_arn: String,
    #[serde(default)]
    pub backup_job_id: String,
    #[serde(default)]
    pub status_message: String,
}

impl BackupJob {
    /// Reports whether the job ended without a backup.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        ["FAILED", "ABORTED", "EXPIRED"].contains(&self.state.as_str())
    }

    /// Describes the cause in one sentence.
    #[must_use]
    pub fn describe_cause(&self) -> String {
        describe_job_cause(&self.status_message)
    }
}

/// Describes why a job of AWS Backup failed, in one sentence. AWS's status message may stand in quotes, which are removed.
#[must_use]
pub fn describe_job_cause(status_message: &str) -> String {
    match status_message.trim_matches('"') {
        "" => "AWS Backup does not say why.".to_owned(),
        said => format!("AWS Backup says: {said}"),
    }
}
