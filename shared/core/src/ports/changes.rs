//! Changes that CloudTrail recorded.

use jiff::Timestamp;

use crate::AwsError;
use crate::model::CloudTrailEvent;

/// Changes that CloudTrail recorded.
pub trait ChangeHistory {
    /// Lists the changes of a resource, by its name or ARN, since a time, newest first.
    /// CloudTrail keeps the last 90 days of this region. Source: LookupEvents.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn cloudtrail_events(
        &self,
        resource: &str,
        since: Timestamp,
    ) -> Result<Vec<CloudTrailEvent>, AwsError>;

    /// Lists the write calls to one AWS service since a time whose request has all of these names, newest first. `source`:
    /// `ecs.amazonaws.com`; `names`: cluster and service. ECS calls carry no resource that [`Self::cloudtrail_events`] finds.
    /// Only the 300 newest write calls of the region are searched. CloudTrail lags by minutes and allows two look-ups a second.
    /// Source: LookupEvents.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn calls_about(
        &self,
        source: &str,
        names: &[&str],
        since: Timestamp,
    ) -> Result<Vec<CloudTrailEvent>, AwsError>;
}
