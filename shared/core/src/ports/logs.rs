//! CloudWatch Logs: log groups, log lines and exports.

use crate::AwsError;
use crate::model::{Arn, ExportTask, LogDay, LogGroup, LogStream};

/// CloudWatch Logs: log groups, log lines and exports.
pub trait Logs {
    /// Returns up to `most` of a container's last log lines, newest last. Source: GetLogEvents.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails; a container without output is no error.
    async fn last_log_lines(
        &self,
        stream: &LogStream,
        most: usize,
    ) -> Result<Vec<String>, AwsError>;

    /// Returns the log groups with these ARNs, without those that do not exist.
    /// Source: DescribeLogGroups.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn describe_log_groups(&self, arns: &[Arn]) -> Result<Vec<LogGroup>, AwsError>;

    /// Lists the unfinished export tasks of this account and region, including those of other
    /// tools. AWS runs one at a time. Source: DescribeExportTasks.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn running_export_tasks(&self) -> Result<Vec<ExportTask>, AwsError>;

    /// Returns an export task by its identifier, or `None` if AWS no longer knows it.
    /// Source: DescribeExportTasks.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn find_export_task(&self, id: &str) -> Result<Option<ExportTask>, AwsError>;

    /// Reports whether a day of logs has its manifest, which is written last. Source: HeadObject.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails, or if the bucket does not exist.
    async fn is_export_complete(&self, day: &LogDay) -> Result<bool, AwsError>;
}
