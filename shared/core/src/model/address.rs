//! Subscribed addresses (endpoints) of the SNS topic.

use serde::Serialize;

/// A topic subscription that receives no notifications.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum InactiveSubscription {
    /// The address has not confirmed its subscription.
    Unconfirmed(String),
    /// The address was unsubscribed. AWS lists such a subscription for 72 hours.
    /// Source: <https://repost.aws/knowledge-center/sns-cross-account-subscription>
    Unsubscribed(String),
}
