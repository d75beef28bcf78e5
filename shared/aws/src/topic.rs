//! The topic that people subscribe to: SNS.

use std::cell::OnceCell;

use aws_sdk_sns::Client;

use super::Config;
use super::failure::failure;
use lamplighter::AwsError;
use lamplighter::model::Unreached;

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
    /// [`AwsError`] where SNS did not take it.
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
            .map_err(|e| failure("Publish", &self.arn, &e))?;
        Ok(())
    }
}

/// Addresses that were subscribed to a topic and hear nothing, all pages.
pub async fn unreached(client: &Client, arn: &str) -> Result<Vec<Unreached>, AwsError> {
    let mut pages = client
        .list_subscriptions_by_topic()
        .topic_arn(arn)
        .into_paginator()
        .send();
    let (mut unreached, mut reached) = (Vec::new(), Vec::new());
    while let Some(page) = pages.next().await {
        let page = page.map_err(|e| failure("ListSubscriptionsByTopic", arn, &e))?;
        for subscription in page.subscriptions.unwrap_or_default() {
            let Some(address) = subscription.endpoint else {
                continue;
            };
            match subscription.subscription_arn.as_deref() {
                Some("PendingConfirmation") => unreached.push(Unreached::Unconfirmed(address)),
                Some("Deleted") => unreached.push(Unreached::Unsubscribed(address)),
                _ => reached.push(address),
            }
        }
    }
    // One that came back.
    unreached
        .retain(|of| !matches!(of, Unreached::Unsubscribed(address) if reached.contains(address)));
    Ok(unreached)
}
