//! SNS topics.

use crate::AwsError;
use crate::model::InactiveSubscription;

/// SNS topics.
pub trait Topics {
    /// Lists the subscriptions of a topic that receive no messages. Source:
    /// ListSubscriptionsByTopic.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn unconfirmed_subscriptions(
        &self,
        topic: &str,
    ) -> Result<Vec<InactiveSubscription>, AwsError>;
}
