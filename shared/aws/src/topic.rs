//! Amazon SNS: the notification topic and its subscriptions.

use std::cell::OnceCell;

use aws_sdk_sns::Client;

use super::Config;
use super::error::aws_error;
use lamplighter::AwsError;
use lamplighter::model::InactiveSubscription;

/// The topic that people subscribe to.
pub struct Topic {
    config: Config,
    arn: String,
    client: OnceCell<Client>,
}

impl Topic {
    #[must_use]
    pub fn new(config: Config, arn: impl Into<String>) -> Self {
        Self {
            config,
            arn: arn.into(),
            client: OnceCell::new(),
        }
    }

    /// Publishes one message.
    ///
    /// # Errors
    /// [`AwsError`] if SNS did not accept the message.
    pub async fn publish(&self, subject: &str, body: &str) -> Result<(), AwsError> {
        let client = self.client.get_or_init(|| Client::new(&self.config));
        let request = client
            .publish()
            .topic_arn(&self.arn)
            .subject(subject)
            .message(body);
        request
            .send()
            .await
            .map_err(|e| aws_error("Publish", &self.arn, &e))?;
        Ok(())
    }
}

/// Lists the subscribed addresses that receive nothing: unconfirmed or unsubscribed ones.
///
/// Reads all pages. Source: ListSubscriptionsByTopic.
pub async fn list_unconfirmed(
    client: &Client,
    arn: &str,
) -> Result<Vec<InactiveSubscription>, AwsError> {
    let mut pages = client
        .list_subscriptions_by_topic()
        .topic_arn(arn)
        .into_paginator()
        .send();
    let mut inactive = Vec::new();
    let mut confirmed = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|e| aws_error("ListSubscriptionsByTopic", arn, &e))?;
        for subscription in page.subscriptions.unwrap_or_default() {
            let Some(address) = subscription.endpoint else {
                continue;
            };
            match subscription.subscription_arn.as_deref() {
                Some("PendingConfirmation") => {
                    inactive.push(InactiveSubscription::Unconfirmed(address));
                }
                Some("Deleted") => inactive.push(InactiveSubscription::Unsubscribed(address)),
                _ => confirmed.push(address),
            }
        }
    }
    // An address may have unsubscribed and subscribed again.
    inactive.retain(|subscription| match subscription {
        InactiveSubscription::Unconfirmed(_) => true,
        InactiveSubscription::Unsubscribed(address) => !confirmed.contains(address),
    });
    Ok(inactive)
}
