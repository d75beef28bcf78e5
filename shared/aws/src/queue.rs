//! The notice queue: SQS.

use std::cell::OnceCell;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;

use super::Config;
use super::failure::{failure, incomplete};
use lamplighter::AwsError;
use lamplighter::notify::{Notice, Outbox, Unsent};

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
        Self {
            config,
            url: url.into(),
            client: OnceCell::new(),
        }
    }

    /// With a client made elsewhere, for tests of one call at a time.
    #[must_use]
    pub fn with_client(client: Client, url: impl Into<String>) -> Self {
        let queue = Self::new(Config::builder().build(), url);
        let _ = queue.client.set(client);
        queue
    }
}

const CALL: &str = "SendMessageBatch";

impl NoticeQueue {
    /// Sends as many as one call takes. Answers the places of those that were refused, and why.
    async fn send_chunk(&self, chunk: &[Notice]) -> Result<(), (Vec<usize>, AwsError)> {
        let all = || (0..chunk.len()).collect::<Vec<_>>();
        let client = self.client.get_or_init(|| Client::new(&self.config));
        let mut request = client.send_message_batch().queue_url(&self.url);
        for (n, notice) in chunk.iter().enumerate() {
            let body = serde_json::json!(notice).to_string();
            let entry = SendMessageBatchRequestEntry::builder()
                .id(n.to_string())
                .message_body(body)
                .build();
            request = request
                .entries(entry.map_err(|e| (all(), incomplete(CALL, "notices", &e.to_string())))?);
        }
        let answer = request
            .send()
            .await
            .map_err(|e| (all(), failure(CALL, "notices", &e)))?;
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
        Err((
            answer
                .failed
                .iter()
                .filter_map(|entry| entry.id.parse().ok())
                .collect(),
            error,
        ))
    }
}

impl Outbox for NoticeQueue {
    async fn send(&self, notices: Vec<Notice>) -> Result<(), Unsent> {
        let mut unsent: Option<Unsent> = None;
        for chunk in notices.chunks(MESSAGES_PER_CALL) {
            if let Err((places, error)) = self.send_chunk(chunk).await {
                let refused = places.into_iter().filter_map(|n| chunk.get(n).cloned());
                unsent
                    .get_or_insert(Unsent {
                        notices: Vec::new(),
                        error,
                    })
                    .notices
                    .extend(refused);
            }
        }
        unsent.map_or(Ok(()), Err)
    }
}
