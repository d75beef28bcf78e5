//! Amazon SQS: the notification queue.

use std::cell::OnceCell;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;

use super::Config;
use super::error::{aws_error, incomplete_response};
use lamplighter::AwsError;
use lamplighter::notify::{Notification, Outbox, Unsent};

/// Maximum number of messages per SendMessageBatch call.
const MESSAGES_PER_CALL: usize = 10;

/// The queue from which `alert` takes notifications.
pub struct NotificationQueue {
    config: Config,
    url: String,
    client: OnceCell<Client>,
}

impl NotificationQueue {
    #[must_use]
    pub fn new(config: Config, url: impl Into<String>) -> Self {
        Self {
            config,
            url: url.into(),
            client: OnceCell::new(),
        }
    }

    /// Creates a queue with a prebuilt client, for tests of single calls.
    #[must_use]
    pub fn with_client(client: Client, url: impl Into<String>) -> Self {
        let queue = Self::new(Config::builder().build(), url);
        let _ = queue.client.set(client);
        queue
    }
}

const CALL: &str = "SendMessageBatch";

impl NotificationQueue {
    /// Sends one batch of notifications.
    ///
    /// # Errors
    /// The indexes of the rejected notifications, and the first [`AwsError`].
    async fn send_chunk(&self, chunk: &[Notification]) -> Result<(), (Vec<usize>, AwsError)> {
        let client = self.client.get_or_init(|| Client::new(&self.config));
        let mut request = client.send_message_batch().queue_url(&self.url);
        for (n, notification) in chunk.iter().enumerate() {
            let body = serde_json::json!(notification).to_string();
            let entry = SendMessageBatchRequestEntry::builder()
                .id(n.to_string())
                .message_body(body)
                .build();
            request = request.entries(entry.map_err(|e| {
                let error = incomplete_response(CALL, "notices", &e.to_string());
                (all_indexes(chunk), error)
            })?);
        }
        let answer = request
            .send()
            .await
            .map_err(|e| (all_indexes(chunk), aws_error(CALL, "notices", &e)))?;
        let Some(first) = answer.failed.first() else {
            return Ok(());
        };
        let error = AwsError {
            call: CALL,
            target: "notices".to_owned(),
            code: first.code.clone(),
            message: first.message.clone().unwrap_or_default(),
            refused: true,
        };
        let rejected = answer
            .failed
            .iter()
            .filter_map(|entry| entry.id.parse().ok())
            .collect();
        Err((rejected, error))
    }
}

fn all_indexes(chunk: &[Notification]) -> Vec<usize> {
    (0..chunk.len()).collect()
}

impl Outbox for NotificationQueue {
    async fn send(&self, mut notices: Vec<Notification>) -> Result<(), Unsent> {
        notices.iter_mut().for_each(Notification::bound_texts);
        let mut unsent: Option<Unsent> = None;
        for chunk in notices.chunks(MESSAGES_PER_CALL) {
            if let Err((indexes, error)) = self.send_chunk(chunk).await {
                let rejected = indexes.into_iter().filter_map(|n| chunk.get(n).cloned());
                unsent
                    .get_or_insert(Unsent {
                        notices: Vec::new(),
                        error,
                    })
                    .notices
                    .extend(rejected);
            }
        }
        unsent.map_or(Ok(()), Err)
    }
}
