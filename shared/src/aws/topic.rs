//! The topic that people subscribe to: SNS.

use std::cell::OnceCell;

use aws_sdk_sns::Client;

use super::Config;
use super::failure::failure;
use crate::AwsError;

pub struct Topic {
    config: Config,
    arn: String,
    client: OnceCell<Client>,
}

impl Topic {
    #[must_use]
    pub fn new(config: Config, arn: impl Into<String>) -> Self {
        Self { config, arn: arn.into(), client: OnceCell::new() }
    }

    /// Publishes one message.
    ///
    /// # Errors
    /// [`AwsError`] where SNS did not take it.
    pub async fn publish(&self, subject: &str, body: &str) -> Result<(), AwsError> {
        let client = self.client.get_or_init(|| Client::new(&self.config));
        let request = client.publish().topic_arn(&self.arn).subject(subject).message(body);
        request.send().await.map_err(|e| failure("Publish", &self.arn, &e))?;
        Ok(())
    }
}

/// Addresses that were subscribed to a topic and have not confirmed it, all pages.
pub async fn unconfirmed(client: &Client, arn: &str) -> Result<Vec<String>, AwsError> {
    let mut pages = client.list_subscriptions_by_topic().topic_arn(arn).into_paginator().send();
    let mut addresses = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|e| failure("ListSubscriptionsByTopic", arn, &e))?;
        let pending = page.subscriptions.unwrap_or_default().into_iter();
        let pending = pending.filter(|s| s.subscription_arn.as_deref() == Some("PendingConfirmation"));
        addresses.extend(pending.filter_map(|subscription| subscription.endpoint));
    }
    Ok(addresses)
}
