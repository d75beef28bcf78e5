//! Addresses that people read messages at.

use serde::Serialize;

/// One that was subscribed to a topic and hears nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Unreached {
    /// It has not confirmed its subscription.
    Unconfirmed(String),
    /// It was unsubscribed. AWS shows that for 72 hours.
    /// Source: <https://repost.aws/knowledge-center/sns-cross-account-subscription>
    Unsubscribed(String),
}
