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
}
