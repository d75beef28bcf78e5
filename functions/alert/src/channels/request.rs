//! Posts JSON documents to a channel and checks the responses.

use lamplighter::AwsError;
use lamplighter_aws::http::{PostResponse, post_json};
use lamplighter_aws::is_local;
use serde_json::Value;
use tokio::task::JoinHandle;

use lamplighter::notify::Severity;

use crate::notification::NotificationKind;
use crate::notifier::{Outgoing, SendError};

/// The number of characters of a channel's error response that are kept.
const MAX_ERROR_CHARS: usize = 1_000;
/// The back-off after a 429 without a `retry-after` header, in seconds.
const DEFAULT_BACK_OFF: u32 = 30;

/// A document that is being sent.
pub type PendingPost = JoinHandle<Result<PostResponse, String>>;

/// A message on its way to one channel.
#[derive(Clone, Copy)]
pub struct DeliveryAttempt<'a> {
    pub channel: &'a str,
    pub message: &'a Outgoing<'a>,
}

/// A failed attempt to send a message.
pub struct SendFailure {
    /// The back-off in seconds that the channel asked for.
    pub retry_after: Option<u32>,
    pub error: AwsError,
}

impl From<SendFailure> for SendError {
    fn from(failure: SendFailure) -> Self {
        failure
            .retry_after
            .map_or(Self::Failed(failure.error), Self::RateLimited)
    }
}

impl From<AwsError> for SendFailure {
    fn from(error: AwsError) -> Self {
        Self {
            retry_after: None,
            error,
        }
    }
}

impl DeliveryAttempt<'_> {
    /// Returns the channel's thread of the incident, if the first message was sent.
    pub fn existing_thread(&self) -> Option<String> {
        match self.message {
            Outgoing::Single(message) => {
                let delivery = message.incident.deliveries.get(self.channel)?;
                delivery.thread.clone()
            }
            Outgoing::Summary(_) => None,
        }
    }

    /// Reports whether people who don't follow the thread must see the message: the incident became more severe, returned
    /// after its resolution was sent, or is critical and still unresolved after hours.
    pub fn is_for_everyone(&self) -> bool {
        let Outgoing::Single(message) = self.message else {
            return false;
        };
        let incident = message.incident;
        let Some(delivery) = incident.deliveries.get(self.channel) else {
            return false;
        };
        match message.kind {
            NotificationKind::Updated => {
                Some(incident.severity) > delivery.severity
                    || delivery.resolved && incident.resolved_at.is_none()
            }
            NotificationKind::Reminder => incident.severity == Severity::Critical,
            NotificationKind::Firing
            | NotificationKind::Info
            | NotificationKind::Resolved
            | NotificationKind::Acknowledged
            | NotificationKind::Flapping => false,
        }
    }

    /// Posts a document and checks the status of the response.
    ///
    /// # Errors
    /// See [`Self::await_response`] and [`Self::check_status`].
    pub async fn post_document(
        &self,
        call: &'static str,
        url: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Result<(), SendFailure> {
        self.fetch_response(call, url, headers, body)
            .await
            .map(drop)
    }

    /// Posts a document and returns the response, whose status reports success.
    ///
    /// # Errors
    /// See [`Self::await_response`] and [`Self::check_status`].
    pub async fn fetch_response(
        &self,
        call: &'static str,
        url: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Result<PostResponse, SendFailure> {
        let response = self
            .await_response(call, start_post(url, headers, body))
            .await?;
        self.check_status(call, &response)?;
        Ok(response)
    }

    /// Waits for the response to a document.
    ///
    /// # Errors
    /// [`SendFailure`] if there is none. It is then unknown whether the message was accepted.
    pub async fn await_response(
        &self,
        call: &'static str,
        post: PendingPost,
    ) -> Result<PostResponse, SendFailure> {
        let response = post.await.unwrap_or_else(|error| Err(error.to_string()));
        response.map_err(|problem| {
            let mut failure = self.build_failure(call, "NoAnswer", &problem);
            failure.error.refused = false;
            failure
        })
    }

    /// Checks that the HTTP status reports success.
    ///
    /// # Errors
    /// [`SendFailure`] with the status as its code; after a 429 with the requested back-off, 30 s
    /// by default.
    pub fn check_status(
        &self,
        call: &'static str,
        response: &PostResponse,
    ) -> Result<(), SendFailure> {
        if (200..300).contains(&response.status) {
            return Ok(());
        }
        let code = format!("HTTP{}", response.status);
        let mut failure = self.build_failure(call, &code, &response.body);
        if response.status == 429 {
            failure.retry_after = Some(response.retry_after.unwrap_or(DEFAULT_BACK_OFF));
        }
        Err(failure)
    }

    /// Builds the failure of a call that the channel did not accept.
    pub fn build_failure(&self, call: &'static str, code: &str, message: &str) -> SendFailure {
        SendFailure {
            retry_after: None,
            error: AwsError {
                call,
                target: self.channel.to_owned(),
                code: code.to_owned(),
                message: message.chars().take(MAX_ERROR_CHARS).collect(),
                refused: true,
            },
        }
    }
}

/// Starts sending a document on a blocking thread.
pub fn start_post(url: &str, headers: &[(&str, &str)], body: &Value) -> PendingPost {
    let url = url.to_owned();
    let body = body.to_string();
    let headers: Vec<(String, String)> = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    tokio::task::spawn_blocking(move || {
        let headers: Vec<(&str, &str)> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        post_json(&url, &headers, &body, is_local())
    })
}
