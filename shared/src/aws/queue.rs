//! The notice queue: SQS.

use std::cell::OnceCell;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;

use super::Config;
use super::failure::{failure, incomplete};
use crate::AwsError;
use crate::notice::{Notice, Outbox};

/// The most messages one SendMessageBatch call takes.
const MESSAGES_PER_CALL: usize = 10;

pub struct NoticeQueue {
    config: Config,
    url: String,
    client: OnceCell<Client>,
}

impl NoticeQueue {
    #[must_use]
    pub fn new(config: Config, url: impl Into<String>) -> Self {
        Self { config, url: url.into(), client: OnceCell::new() }
    }

    /// With a client made elsewhere, for tests of one call at a time.
    #[must_use]
    pub fn with_client(client: Client, url: impl Into<String>) -> Self {
        let queue = Self::new(Config::builder().build(), url);
        let _ = queue.client.set(client);
        queue
    }
}

impl Outbox for NoticeQueue {
    async fn send(&self, notices: &[Notice]) -> Result<(), AwsError> {
        let call = "SendMessageBatch";
        let client = self.client.get_or_init(|| Client::new(&self.config));
        for chunk in notices.chunks(MESSAGES_PER_CALL) {
            let mut request = client.send_message_batch().queue_url(&self.url);
            for (n, notice) in chunk.iter().enumerate() {
                let entry = SendMessageBatchRequestEntry::builder()
                    .id(n.to_string())
                    .message_body(serde_json::json!(notice).to_string())
                    .build()
                    .map_err(|e| incomplete(call, "notices", &e.to_string()))?;
                request = request.entries(entry);
            }
            let answer = request.send().await.map_err(|e| failure(call, "notices", &e))?;
            if let Some(refused) = answer.failed.first() {
                let message = refused.message.clone().unwrap_or_default();
                return Err(AwsError { call, target: "notices".to_owned(), code: refused.code.clone(), message });
            }
        }
        Ok(())
    }
}
