//! CloudWatch alarms.

use std::collections::BTreeMap;

use crate::AwsError;
use crate::model::{Arn, ExistingAlarm, Tagged};

/// CloudWatch alarms.
pub trait Alarms {
    /// Lists our alarms, which carry the tag `lamplighter:target`, of one target or of all. Reads
    /// all pages. The list may lag changes by minutes. Source: GetResources.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn list_own_alarms(&self, of: Option<&Arn>) -> Result<Vec<Tagged>, AwsError>;

    /// Returns the current tags of one alarm. Source: ListTagsForResource.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn alarm_tags(&self, arn: &str) -> Result<BTreeMap<String, String>, AwsError>;

    /// Lists the metric alarms whose name starts with a prefix. Reads all pages.
    /// With `in_alarm`, only those in ALARM. Source: DescribeAlarms.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn describe_alarms(
        &self,
        prefix: &str,
        in_alarm: bool,
    ) -> Result<Vec<ExistingAlarm>, AwsError>;

    /// Returns the metric and composite alarms with these names, at most 100, without those that do not exist.
    /// Source: DescribeAlarms.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn find_alarms(&self, names: &[String]) -> Result<Vec<ExistingAlarm>, AwsError>;
}
