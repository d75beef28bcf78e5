//! The channels that messages are sent to: the stack's own SNS topic, and those that its secret
//! names.

mod destination;
mod documents;
mod slack;

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lamplighter::AwsError;
use lamplighter::notify::Severity;
use lamplighter::policy::StackDefaults;
use lamplighter_aws::http::{PostResponse, post_json};
use lamplighter_aws::lambda;
use lamplighter_aws::signed_link::LinkSigner;
use lamplighter_aws::{Config, Secret, Topic, is_local};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::dispatcher::{Notifier, Outgoing, SendError};
use crate::notification::NotificationKind as Occasion;
use crate::rate_limit::Route;
use destination::{Destination, DestinationKind, parse};
use documents::merge_objects;

/// The channel of the stack's own topic.
pub const EMAIL: &str = "e-mail";
/// The pause between two messages to a topic. SNS removes the subscription of an address that gets
/// more than ten a second.
/// Source: <https://docs.aws.amazon.com/general/latest/gr/sns.html>
const TOPIC_PAUSE: Duration = Duration::from_millis(250);
/// The number of characters of a channel's error response that are kept.
const MAX_ERROR_CHARS: usize = 1_000;
/// The pause between two calls to one Slack channel.
/// Source: <https://docs.slack.dev/apis/web-api/rate-limits/>
const SLACK_PAUSE: SignedDuration = SignedDuration::from_millis(1_050);

pub struct Channels {
    config: Config,
    topic: Topic,
    secret: Option<Secret>,
    mail: Route,
    /// The channels in the secret; `None` until it was read successfully.
    destinations: RefCell<Option<BTreeMap<String, Destination>>>,
    /// The time of the last call to Slack.
    last_slack_call: Cell<Timestamp>,
    /// The base URL of links that stop reminders and the secret that signs them; `None` if links
    /// are not configured.
    link_settings: Option<(String, Secret)>,
    /// The signer of links; empty until its secret was read.
    links: OnceCell<LinkSigner>,
}

impl Channels {
    #[must_use]
    pub fn new(config: Config, defaults: &StackDefaults) -> Self {
        let interval = SignedDuration::from_mins(defaults.alert_interval.into());
        let a_minute = usize::try_from(defaults.messages_per_minute).unwrap_or(usize::MAX);
        let secret = &defaults.channels_secret;
        let sealed = defaults.sealed_links.as_ref();
        let link_settings =
            sealed.map(|links| (links.url.clone(), Secret::new(config.clone(), &links.key)));
        Self {
            topic: Topic::new(config.clone(), &defaults.topic),
            secret: (!secret.is_empty()).then(|| Secret::new(config.clone(), secret)),
            config,
            mail: Route {
                channel: EMAIL.to_owned(),
                interval,
                messages_per_minute: a_minute,
                min_severity: Severity::Info,
                apps: Vec::new(),
            },
            destinations: RefCell::default(),
            last_slack_call: Cell::default(),
            link_settings,
            links: OnceCell::new(),
        }
    }

    fn find_destination(&self, channel: &str) -> Option<Destination> {
        self.destinations.borrow().as_ref()?.get(channel).cloned()
    }

    /// Reads the secret again. Keeps the known channels if that fails, and returns what is wrong.
    async fn reload_secret(&self) -> Option<String> {
        let secret = self.secret.as_ref()?;
        let read = match secret.read_text().await {
            Ok(document) => parse(&document),
            Err(error) => Err(error.to_string()),
        };
        match read {
            Ok(read) => {
                self.destinations.replace(Some(read));
                None
            }
            Err(problem) => Some(problem),
        }
    }

    /// Sends a message with the channel's settings from the secret.
    async fn send_to_destination(
        &self,
        channel: &str,
        letter: &Outgoing<'_>,
    ) -> Result<Option<String>, SendFailure> {
        let gone = || {
            build_failure(
                "Send",
                channel,
                "NoSuchChannel",
                "the secret does not name it any more",
            )
        };
        let destination = self.find_destination(channel).ok_or_else(gone)?;
        let to = DeliveryAttempt { channel, letter };
        match &destination.kind {
            DestinationKind::SlackWebhook { url } => {
                self.wait_for_slack().await;
                let answer = to
                    .post_document("webhook", url, &[], &slack::build_message(letter))
                    .await?;
                to.check_status("webhook", &answer).map(|()| None)
            }
            DestinationKind::SlackBot {
                token,
                channel,
                api,
            } => self.send_to_slack(to, token, channel, api).await,
            DestinationKind::PagerDuty { key, api } => {
                // The events are sent in parallel: one after the other, a summary's would outlast
                // this function.
                let events = documents::pager_duty_events(letter, key);
                let postings: Vec<_> = events
                    .iter()
                    .map(|event| start_post(api, &[], event))
                    .collect();
                for posting in postings {
                    let answer = to.await_response("enqueue", posting).await?;
                    to.check_status("enqueue", &answer)?;
                }
                Ok(None)
            }
            DestinationKind::Webhook { url, signing_key } => {
                let (body, now) = (
                    documents::webhook_document(letter),
                    lambda::read_clock().as_second(),
                );
                let signature = documents::webhook_signature(signing_key, now, &body.to_string());
                let now = now.to_string();
                let headers = [
                    ("x-lamplighter-timestamp", now.as_str()),
                    ("x-lamplighter-signature", &signature),
                ];
                let answer = to.post_document("webhook", url, &headers, &body).await?;
                to.check_status("webhook", &answer).map(|()| None)
            }
            DestinationKind::Topic { arn, amazon_q } => {
                tokio::time::sleep(TOPIC_PAUSE).await;
                let (subject, body) = render_email(letter);
                let body = if *amazon_q {
                    documents::amazon_q_document(letter).to_string()
                } else {
                    body
                };
                Topic::new(self.config.clone(), arn)
                    .publish(&subject, &body)
                    .await
                    .map_err(SendFailure::from)?;
                Ok(None)
            }
        }
    }

    /// Sends a message to Slack. The first message of an incident starts a thread, later ones reply
    /// to it and update the first one's status. Returns `channel:ts` of the thread.
    async fn send_to_slack(
        &self,
        to: DeliveryAttempt<'_>,
        token: &str,
        place: &str,
        api: &str,
    ) -> Result<Option<String>, SendFailure> {
        let post = async |place: Value| {
            self.call_slack_method(
                to,
                api,
                "chat.postMessage",
                token,
                &merge_objects(slack::build_message(to.letter), place),
            )
            .await
        };
        let mut thread = to.existing_thread();
        let mut answer = None;
        if let Some((channel, ts)) = thread.as_deref().and_then(|thread| thread.split_once(':')) {
            // A reply is also shown in the channel if the severity rose, for readers who don't
            // follow the thread.
            let reply =
                json!({"channel": channel, "thread_ts": ts, "reply_broadcast": to.has_worsened()});
            match post(reply).await {
                // The bot left the thread's channel, or it is archived: the conversation goes on in
                // the configured one.
                Err(refused) if is_channel_gone(&refused.error.code) && channel != place => {
                    thread = None
                }
                replied => answer = Some(replied?),
            }
        }
        let answer = match answer {
            Some(answer) => answer,
            None => post(json!({"channel": place, "unfurl_links": false})).await?,
        };
        let (Some(thread), Outgoing::Single(telling)) = (thread, to.letter) else {
            let text = |key: &str| {
                answer
                    .get(key)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned()
            };
            return Ok(Some(format!("{}:{}", text("channel"), text("ts"))));
        };
        let (channel, ts) = thread.split_once(':').unwrap_or_default();
        let first = merge_objects(
            slack::thread_head_message(telling),
            json!({"channel": channel, "ts": ts}),
        );
        // The reply was sent, and a retry because of this error would send it twice.
        if let Err(refused) = self
            .call_slack_method(to, api, "chat.update", token, &first)
            .await
        {
            tracing::warn!(channel = to.channel, error = %refused.error, "the first message is not up to date");
        }
        Ok(Some(thread))
    }

    async fn call_slack_method(
        &self,
        to: DeliveryAttempt<'_>,
        api: &str,
        method: &'static str,
        token: &str,
        body: &Value,
    ) -> Result<Value, SendFailure> {
        self.wait_for_slack().await;
        let bearer = format!("Bearer {token}");
        let answer = to
            .post_document(
                method,
                &format!("{api}/{method}"),
                &[("authorization", &bearer)],
                body,
            )
            .await?;
        to.check_status(method, &answer)?;
        let said: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        if said.get("ok") == Some(&Value::Bool(true)) {
            return Ok(said);
        }
        let code = said
            .get("error")
            .and_then(Value::as_str)
            .unwrap_or("no answer of Slack's")
            .to_owned();
        Err(build_failure(method, to.channel, &code, "Slack says so"))
    }

    /// Waits until Slack accepts the next call: about one message a second per channel.
    async fn wait_for_slack(&self) {
        let left = SLACK_PAUSE
            .saturating_sub(lambda::read_clock().duration_since(self.last_slack_call.get()));
        if let Ok(left) = Duration::try_from(left) {
            tokio::time::sleep(left).await;
        }
        self.last_slack_call.set(lambda::read_clock());
    }
}

impl Notifier for Channels {
    async fn load_channels(&self) -> Option<String> {
        if let (Some((url, secret)), None) = (&self.link_settings, self.links.get()) {
            // A message without a link is better than no message.
            match secret.read_text().await {
                Ok(key) => drop(self.links.set(LinkSigner::new(url, key))),
                Err(error) => {
                    tracing::warn!(error = %error, "messages have no link that stops reminders")
                }
            }
        }
        if self.destinations.borrow().is_some() {
            None
        } else {
            self.reload_secret().await
        }
    }

    fn links(&self) -> Option<&LinkSigner> {
        self.links.get()
    }

    fn routes(&self) -> Vec<Route> {
        let mut routes = vec![self.mail.clone()];
        for (name, destination) in self.destinations.borrow().iter().flatten() {
            let Destination {
                min_severity: from,
                apps,
                ..
            } = destination.clone();
            routes.push(Route {
                channel: name.clone(),
                min_severity: from,
                apps,
                ..self.mail.clone()
            });
        }
        routes
    }

    async fn send(
        &self,
        channel: &str,
        letter: &Outgoing<'_>,
    ) -> Result<Option<String>, SendError> {
        if channel == EMAIL {
            tokio::time::sleep(TOPIC_PAUSE).await;
            let (subject, body) = render_email(letter);
            return self
                .topic
                .publish(&subject, &body)
                .await
                .map(|()| None)
                .map_err(SendError::Failed);
        }
        let refused = match self.send_to_destination(channel, letter).await {
            Ok(thread) => return Ok(thread),
            Err(refused) => refused,
        };
        // The secret may have changed since it was read. After any other error the message may have
        // been accepted, so it is not sent again.
        if !is_secret_error(&refused.error.code) || self.reload_secret().await.is_some() {
            return Err(refused.into());
        }
        Ok(self.send_to_destination(channel, letter).await?)
    }
}

/// Reports whether an error may come from outdated values in the secret: a token, a channel or an
/// address.
/// Source: <https://docs.slack.dev/reference/methods/chat.postMessage#errors>
fn is_secret_error(code: &str) -> bool {
    const CODES: [&str; 13] = [
        "HTTP401",
        "HTTP403",
        "HTTP404",
        "HTTP410",
        "invalid_auth",
        "not_authed",
        "token_revoked",
        "token_expired",
        "account_inactive",
        "channel_not_found",
        "not_in_channel",
        "is_archived",
        "NoSuchChannel",
    ];
    CODES.contains(&code)
}

/// Reports whether a Slack channel no longer accepts messages.
fn is_channel_gone(code: &str) -> bool {
    ["channel_not_found", "is_archived", "not_in_channel"].contains(&code)
}

/// A document that is being sent.
type PendingPost = JoinHandle<Result<PostResponse, String>>;

/// Starts sending a document on a blocking thread.
fn start_post(url: &str, headers: &[(&str, &str)], body: &Value) -> PendingPost {
    let (url, body) = (url.to_owned(), body.to_string());
    let headers: Vec<(String, String)> = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    tokio::task::spawn_blocking(move || {
        let headers: Vec<(&str, &str)> = headers
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect();
        post_json(&url, &headers, &body, is_local())
    })
}

/// A message on its way to one channel.
#[derive(Clone, Copy)]
struct DeliveryAttempt<'a> {
    channel: &'a str,
    letter: &'a Outgoing<'a>,
}

/// A failed attempt to send a message; `retry_after` is the back-off in seconds that the channel
/// asked for.
struct SendFailure {
    retry_after: Option<u32>,
    error: AwsError,
}

impl From<SendFailure> for SendError {
    fn from(refused: SendFailure) -> Self {
        refused
            .retry_after
            .map_or(Self::Failed(refused.error), Self::RateLimited)
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
    fn existing_thread(&self) -> Option<String> {
        match self.letter {
            Outgoing::Single(telling) => telling
                .incident
                .deliveries
                .get(self.channel)?
                .thread
                .clone(),
            Outgoing::Summary(_) => None,
        }
    }

    fn has_worsened(&self) -> bool {
        let Outgoing::Single(telling) = self.letter else {
            return false;
        };
        let told = telling
            .incident
            .deliveries
            .get(self.channel)
            .and_then(|told| told.severity);
        telling.kind == Occasion::Updated && Some(telling.incident.severity) > told
    }

    async fn post_document(
        &self,
        call: &'static str,
        url: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Result<PostResponse, SendFailure> {
        self.await_response(call, start_post(url, headers, body))
            .await
    }

    async fn await_response(
        &self,
        call: &'static str,
        posting: PendingPost,
    ) -> Result<PostResponse, SendFailure> {
        let posted = posting.await.unwrap_or_else(|error| Err(error.to_string()));
        // Without a response it is unknown whether the message was accepted.
        let unknown = |refused: SendFailure| SendFailure {
            error: AwsError {
                refused: false,
                ..refused.error
            },
            ..refused
        };
        posted.map_err(|problem| unknown(build_failure(call, self.channel, "NoAnswer", &problem)))
    }

    /// Checks that the HTTP status reports success.
    ///
    /// # Errors
    /// [`SendFailure`] with the status as its code; after a 429 with the requested back-off, 30 s
    /// by default.
    fn check_status(&self, call: &'static str, answer: &PostResponse) -> Result<(), SendFailure> {
        if (200..300).contains(&answer.status) {
            return Ok(());
        }
        let rests = (answer.status == 429).then(|| answer.retry_after.unwrap_or(30));
        let refused = build_failure(
            call,
            self.channel,
            &format!("HTTP{}", answer.status),
            &answer.body,
        );
        Err(SendFailure {
            retry_after: rests,
            ..refused
        })
    }
}

fn build_failure(call: &'static str, channel: &str, code: &str, message: &str) -> SendFailure {
    let (target, code, message) = (
        channel.to_owned(),
        code.to_owned(),
        message.chars().take(MAX_ERROR_CHARS).collect(),
    );
    SendFailure {
        retry_after: None,
        error: AwsError {
            call,
            target,
            code,
            message,
            refused: true,
        },
    }
}

fn render_email(letter: &Outgoing<'_>) -> (String, String) {
    match letter {
        Outgoing::Single(telling) => (telling.subject(), telling.body()),
        Outgoing::Summary(listing) => (listing.subject(), listing.body()),
    }
}
