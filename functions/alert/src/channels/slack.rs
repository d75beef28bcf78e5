//! Sends messages to Slack: to incoming webhooks, and as a bot with one thread per incident.
//!
//! Source: <https://docs.slack.dev/reference/methods/chat.postMessage>

use std::cell::Cell;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lamplighter_aws::lambda;
use serde_json::{Value, json};

use super::json::merge_objects;
use super::request::{DeliveryAttempt, SendFailure};
use super::slack_blocks::{build_message, thread_head_message};
use crate::notifier::Outgoing;

/// The pause between two calls to one Slack channel.
/// Source: <https://docs.slack.dev/apis/web-api/rate-limits/>
const PAUSE: SignedDuration = SignedDuration::from_millis(1_050);

/// A bot with the permission `chat:write`, and the Slack channel that it posts to. It has no
/// `Debug`, because it holds a secret.
#[derive(Clone)]
pub struct SlackBot {
    pub token: String,
    pub channel: String,
    /// The base URL of Slack's Web API.
    pub api: String,
}

/// Calls Slack at the rate that it accepts.
#[derive(Default)]
pub struct SlackClient {
    last_call: Cell<Timestamp>,
}

/// A thread: the Slack channel and the `ts` of its first message.
struct Thread {
    channel: String,
    ts: String,
}

impl Thread {
    fn from_text(text: &str) -> Option<Self> {
        let (channel, ts) = text.split_once(':')?;
        Some(Self {
            channel: channel.to_owned(),
            ts: ts.to_owned(),
        })
    }

    fn from_response(response: &Value) -> Self {
        Self {
            channel: text_field(response, "channel"),
            ts: text_field(response, "ts"),
        }
    }

    fn into_text(self) -> String {
        format!("{}:{}", self.channel, self.ts)
    }
}

fn text_field(response: &Value, key: &str) -> String {
    response
        .get(key)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

impl SlackClient {
    /// Posts a message to an incoming webhook, which has no threads.
    pub async fn post_to_webhook(
        &self,
        attempt: DeliveryAttempt<'_>,
        url: &str,
    ) -> Result<(), SendFailure> {
        self.wait_for_rate_limit().await;
        let body = build_message(attempt.message);
        attempt.post_document("webhook", url, &[], &body).await
    }

    /// Posts a message as a bot. The first message of an incident starts a thread, later ones reply
    /// to it and update the first one's status. Returns `channel:ts` of the thread.
    pub async fn post_as_bot(
        &self,
        attempt: DeliveryAttempt<'_>,
        bot: &SlackBot,
    ) -> Result<String, SendFailure> {
        let thread = attempt
            .existing_thread()
            .and_then(|text| Thread::from_text(&text));
        if let Some(thread) = thread {
            match self.post_reply(attempt, bot, &thread).await {
                Ok(()) => {
                    self.update_first_message(attempt, bot, &thread).await;
                    return Ok(thread.into_text());
                }
                // The bot left the thread's channel, or it is archived: the conversation goes on in
                // the configured one.
                Err(failure)
                    if is_channel_gone(&failure.error.code) && thread.channel != bot.channel => {}
                Err(failure) => return Err(failure),
            }
        }
        let place = json!({"channel": bot.channel, "unfurl_links": false});
        let response = self.post_message(attempt, bot, place).await?;
        Ok(Thread::from_response(&response).into_text())
    }

    /// Replies in a thread. A reply is also shown in the channel if readers who don't follow the thread must see it.
    async fn post_reply(
        &self,
        attempt: DeliveryAttempt<'_>,
        bot: &SlackBot,
        thread: &Thread,
    ) -> Result<(), SendFailure> {
        let place = json!({
            "channel": thread.channel,
            "thread_ts": thread.ts,
            "reply_broadcast": attempt.is_for_everyone(),
        });
        self.post_message(attempt, bot, place).await.map(drop)
    }

    /// Updates the first message of a thread with the incident's status. A failure is only logged:
    /// the reply was sent, and a retry would send it twice.
    async fn update_first_message(
        &self,
        attempt: DeliveryAttempt<'_>,
        bot: &SlackBot,
        thread: &Thread,
    ) {
        let message = match attempt.message {
            Outgoing::Single(message) => message,
            Outgoing::Summary(_) => return,
        };
        let body = merge_objects(
            thread_head_message(message),
            json!({"channel": thread.channel, "ts": thread.ts}),
        );
        if let Err(failure) = self.call_method(attempt, bot, "chat.update", &body).await {
            tracing::warn!(
                channel = attempt.channel, error = %failure.error,
                "the first message of the thread was not updated"
            );
        }
    }

    async fn post_message(
        &self,
        attempt: DeliveryAttempt<'_>,
        bot: &SlackBot,
        place: Value,
    ) -> Result<Value, SendFailure> {
        let body = merge_objects(build_message(attempt.message), place);
        self.call_method(attempt, bot, "chat.postMessage", &body)
            .await
    }

    /// Calls a method of the Web API and returns its response. Slack reports errors with status 200
    /// and `"ok": false`.
    async fn call_method(
        &self,
        attempt: DeliveryAttempt<'_>,
        bot: &SlackBot,
        method: &'static str,
        body: &Value,
    ) -> Result<Value, SendFailure> {
        self.wait_for_rate_limit().await;
        let url = format!("{}/{method}", bot.api);
        let bearer = format!("Bearer {}", bot.token);
        let response = attempt
            .fetch_response(method, &url, &[("authorization", &bearer)], body)
            .await?;
        let response: Value = serde_json::from_str(&response.body).unwrap_or_default();
        if response.get("ok") == Some(&Value::Bool(true)) {
            return Ok(response);
        }
        let code = response
            .get("error")
            .and_then(Value::as_str)
            .unwrap_or("UnreadableResponse");
        Err(attempt.build_failure(method, code, "rejected by Slack"))
    }

    /// Waits until Slack accepts the next call: about one message a second per channel.
    async fn wait_for_rate_limit(&self) {
        let elapsed = lambda::read_clock().duration_since(self.last_call.get());
        if let Ok(pause) = Duration::try_from(PAUSE.saturating_sub(elapsed)) {
            tokio::time::sleep(pause).await;
        }
        self.last_call.set(lambda::read_clock());
    }
}

/// Reports whether a Slack channel no longer accepts messages.
fn is_channel_gone(code: &str) -> bool {
    ["channel_not_found", "is_archived", "not_in_channel"].contains(&code)
}
