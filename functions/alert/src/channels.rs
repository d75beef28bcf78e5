//! The ways to people: the stack's own topic, and what its secret names.

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
use lamplighter_aws::http::{Posted, post};
use lamplighter_aws::lambda;
use lamplighter_aws::signed_link::Links;
use lamplighter_aws::{Config, Secret, Topic, is_local};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::desk::{Letter, Outlet, Untold};
use crate::due::Kind as Occasion;
use crate::round::Route;
use destination::{Destination, Kind, parse};
use documents::with;

/// The channel of the stack's own topic.
pub const MAIL: &str = "e-mail";
/// Between two messages to a topic. SNS takes the subscription away from an address that gets more than ten a second.
/// Source: <https://docs.aws.amazon.com/general/latest/gr/sns.html>
const TOPIC_PAUSE: Duration = Duration::from_millis(250);
/// Of what a channel answers no more is passed on.
const LETTERS: usize = 1_000;
/// Between two calls to one channel of Slack. Source: <https://docs.slack.dev/apis/web-api/rate-limits/>
const SLACK_PAUSE: SignedDuration = SignedDuration::from_millis(1_050);

pub struct Channels {
    config: Config,
    topic: Topic,
    secret: Option<Secret>,
    mail: Route,
    /// What the secret says; `None` until it was read, and where it can't be used.
    destinations: RefCell<Option<BTreeMap<String, Destination>>>,
    /// When Slack was last called.
    called: Cell<Timestamp>,
    /// Where links that stop reminders lead, and the secret that seals them; `None` where there are none.
    sealed: Option<(String, Secret)>,
    /// Once the secret was read.
    links: OnceCell<Links>,
}

impl Channels {
    #[must_use]
    pub fn new(config: Config, defaults: &StackDefaults) -> Self {
        let interval = SignedDuration::from_mins(defaults.alert_interval.into());
        let a_minute = usize::try_from(defaults.messages_per_minute).unwrap_or(usize::MAX);
        let secret = &defaults.channels_secret;
        let sealed = defaults.sealed_links.as_ref();
        let sealed =
            sealed.map(|links| (links.url.clone(), Secret::new(config.clone(), &links.key)));
        Self {
            topic: Topic::new(config.clone(), &defaults.topic),
            secret: (!secret.is_empty()).then(|| Secret::new(config.clone(), secret)),
            config,
            mail: Route {
                channel: MAIL.to_owned(),
                interval,
                a_minute,
                from: Severity::Info,
                apps: Vec::new(),
            },
            destinations: RefCell::default(),
            called: Cell::default(),
            sealed,
            links: OnceCell::new(),
        }
    }

    fn destination(&self, channel: &str) -> Option<Destination> {
        self.destinations.borrow().as_ref()?.get(channel).cloned()
    }

    /// Reads the secret. What was known stays where that fails. Answers what is wrong.
    async fn read_again(&self) -> Option<String> {
        let secret = self.secret.as_ref()?;
        let read = match secret.read().await {
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

    /// Sends by what the secret says now.
    async fn tell(&self, channel: &str, letter: &Letter<'_>) -> Result<Option<String>, Refused> {
        let gone = || {
            refusal(
                "Send",
                channel,
                "NoSuchChannel",
                "the secret does not name it any more",
            )
        };
        let destination = self.destination(channel).ok_or_else(gone)?;
        let to = To { channel, letter };
        match &destination.kind {
            Kind::SlackWebhook { url } => {
                self.slack_pause().await;
                let answer = to
                    .post("webhook", url, &[], &slack::message(letter))
                    .await?;
                to.accepted("webhook", &answer).map(|()| None)
            }
            Kind::SlackBot {
                token,
                channel,
                api,
            } => self.slack(to, token, channel, api).await,
            Kind::PagerDuty { key, api } => {
                // At once: one after the other, those of a list would outlast this function.
                let events = documents::pager_duty(letter, key);
                let postings: Vec<_> = events.iter().map(|event| begin(api, &[], event)).collect();
                for posting in postings {
                    let answer = to.answer("enqueue", posting).await?;
                    to.accepted("enqueue", &answer)?;
                }
                Ok(None)
            }
            Kind::Webhook { url, signing_key } => {
                let (body, now) = (documents::webhook(letter), lambda::clock().as_second());
                let signature = documents::signature(signing_key, now, &body.to_string());
                let now = now.to_string();
                let headers = [
                    ("x-lamplighter-timestamp", now.as_str()),
                    ("x-lamplighter-signature", &signature),
                ];
                let answer = to.post("webhook", url, &headers, &body).await?;
                to.accepted("webhook", &answer).map(|()| None)
            }
            Kind::Topic { arn, amazon_q } => {
                tokio::time::sleep(TOPIC_PAUSE).await;
                let (subject, body) = mail(letter);
                let body = if *amazon_q {
                    documents::amazon_q(letter).to_string()
                } else {
                    body
                };
                Topic::new(self.config.clone(), arn)
                    .publish(&subject, &body)
                    .await
                    .map_err(Refused::from)?;
                Ok(None)
            }
        }
    }

    /// The first message of an incident begins a thread; what follows goes into it, and the first says how it stands.
    async fn slack(
        &self,
        to: To<'_>,
        token: &str,
        place: &str,
        api: &str,
    ) -> Result<Option<String>, Refused> {
        let post = async |place: Value| {
            self.method(
                to,
                api,
                "chat.postMessage",
                token,
                &with(slack::message(to.letter), place),
            )
            .await
        };
        let mut thread = to.thread();
        let mut answer = None;
        if let Some((channel, ts)) = thread.as_deref().and_then(|thread| thread.split_once(':')) {
            // Whoever has not followed the thread sees that it got worse.
            let reply =
                json!({"channel": channel, "thread_ts": ts, "reply_broadcast": to.got_worse()});
            match post(reply).await {
                // The channel of its thread is left or archived: it goes on where messages go now.
                Err(refused) if is_gone(&refused.error.code) && channel != place => thread = None,
                replied => answer = Some(replied?),
            }
        }
        let answer = match answer {
            Some(answer) => answer,
            None => post(json!({"channel": place, "unfurl_links": false})).await?,
        };
        let (Some(thread), Letter::One(telling)) = (thread, to.letter) else {
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
        let first = with(slack::first(telling), json!({"channel": channel, "ts": ts}));
        // The reply is there, and must not come twice because of this.
        if let Err(refused) = self.method(to, api, "chat.update", token, &first).await {
            tracing::warn!(channel = to.channel, error = %refused.error, "the first message is not up to date");
        }
        Ok(Some(thread))
    }

    async fn method(
        &self,
        to: To<'_>,
        api: &str,
        method: &'static str,
        token: &str,
        body: &Value,
    ) -> Result<Value, Refused> {
        self.slack_pause().await;
        let bearer = format!("Bearer {token}");
        let answer = to
            .post(
                method,
                &format!("{api}/{method}"),
                &[("authorization", &bearer)],
                body,
            )
            .await?;
        to.accepted(method, &answer)?;
        let said: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        if said.get("ok") == Some(&Value::Bool(true)) {
            return Ok(said);
        }
        let code = said
            .get("error")
            .and_then(Value::as_str)
            .unwrap_or("no answer of Slack's")
            .to_owned();
        Err(refusal(method, to.channel, &code, "Slack says so"))
    }

    /// Slack takes about one message a second to a channel.
    async fn slack_pause(&self) {
        let left = SLACK_PAUSE.saturating_sub(lambda::clock().duration_since(self.called.get()));
        if let Ok(left) = Duration::try_from(left) {
            tokio::time::sleep(left).await;
        }
        self.called.set(lambda::clock());
    }
}

impl Outlet for Channels {
    async fn open(&self) -> Option<String> {
        if let (Some((url, secret)), None) = (&self.sealed, self.links.get()) {
            // Messages go without a link rather than not at all.
            match secret.read().await {
                Ok(key) => drop(self.links.set(Links::new(url, key))),
                Err(error) => {
                    tracing::warn!(error = %error, "messages have no link that stops reminders")
                }
            }
        }
        if self.destinations.borrow().is_some() {
            None
        } else {
            self.read_again().await
        }
    }

    fn links(&self) -> Option<&Links> {
        self.links.get()
    }

    fn routes(&self) -> Vec<Route> {
        let mut routes = vec![self.mail.clone()];
        for (name, destination) in self.destinations.borrow().iter().flatten() {
            let Destination { from, apps, .. } = destination.clone();
            routes.push(Route {
                channel: name.clone(),
                from,
                apps,
                ..self.mail.clone()
            });
        }
        routes
    }

    async fn send(&self, channel: &str, letter: &Letter<'_>) -> Result<Option<String>, Untold> {
        if channel == MAIL {
            tokio::time::sleep(TOPIC_PAUSE).await;
            let (subject, body) = mail(letter);
            return self
                .topic
                .publish(&subject, &body)
                .await
                .map(|()| None)
                .map_err(Untold::Failed);
        }
        let refused = match self.tell(channel, letter).await {
            Ok(thread) => return Ok(thread),
            Err(refused) => refused,
        };
        // The secret may have been changed since it was read. Whatever else it was, it may have been taken.
        if !is_of_secret(&refused.error.code) || self.read_again().await.is_some() {
            return Err(refused.into());
        }
        Ok(self.tell(channel, letter).await?)
    }
}

/// Whether a refusal may be about what the secret says: a token, a channel or an address.
/// Source: <https://docs.slack.dev/reference/methods/chat.postMessage#errors>
fn is_of_secret(code: &str) -> bool {
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

/// Whether a channel of Slack takes no messages any more.
fn is_gone(code: &str) -> bool {
    ["channel_not_found", "is_archived", "not_in_channel"].contains(&code)
}

/// What is being sent.
type Posting = JoinHandle<Result<Posted, String>>;

/// Begins to send a document.
fn begin(url: &str, headers: &[(&str, &str)], body: &Value) -> Posting {
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
        post(&url, &headers, &body, is_local())
    })
}

/// A message on its way.
#[derive(Clone, Copy)]
struct To<'a> {
    channel: &'a str,
    letter: &'a Letter<'a>,
}

/// Why somebody did not take it.
struct Refused {
    rests: Option<u32>,
    error: AwsError,
}

impl From<Refused> for Untold {
    fn from(refused: Refused) -> Self {
        refused
            .rests
            .map_or(Self::Failed(refused.error), Self::Rests)
    }
}

impl From<AwsError> for Refused {
    fn from(error: AwsError) -> Self {
        Self { rests: None, error }
    }
}

impl To<'_> {
    fn thread(&self) -> Option<String> {
        match self.letter {
            Letter::One(telling) => telling.incident.told.get(self.channel)?.thread.clone(),
            Letter::Many(_) => None,
        }
    }

    fn got_worse(&self) -> bool {
        let Letter::One(telling) = self.letter else {
            return false;
        };
        let told = telling
            .incident
            .told
            .get(self.channel)
            .and_then(|told| told.severity);
        telling.kind == Occasion::Goes && Some(telling.incident.severity) > told
    }

    async fn post(
        &self,
        call: &'static str,
        url: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Result<Posted, Refused> {
        self.answer(call, begin(url, headers, body)).await
    }

    async fn answer(&self, call: &'static str, posting: Posting) -> Result<Posted, Refused> {
        let posted = posting.await.unwrap_or_else(|error| Err(error.to_string()));
        // Nobody knows whether it was taken.
        let unknown = |refused: Refused| Refused {
            error: AwsError {
                refused: false,
                ..refused.error
            },
            ..refused
        };
        posted.map_err(|problem| unknown(refusal(call, self.channel, "NoAnswer", &problem)))
    }

    /// Whether the status says that it was taken.
    fn accepted(&self, call: &'static str, answer: &Posted) -> Result<(), Refused> {
        if (200..300).contains(&answer.status) {
            return Ok(());
        }
        let rests = (answer.status == 429).then(|| answer.retry_after.unwrap_or(30));
        let refused = refusal(
            call,
            self.channel,
            &format!("HTTP{}", answer.status),
            &answer.body,
        );
        Err(Refused { rests, ..refused })
    }
}

fn refusal(call: &'static str, channel: &str, code: &str, message: &str) -> Refused {
    let (target, code, message) = (
        channel.to_owned(),
        code.to_owned(),
        message.chars().take(LETTERS).collect(),
    );
    Refused {
        rests: None,
        error: AwsError {
            call,
            target,
            code,
            message,
            refused: true,
        },
    }
}

fn mail(letter: &Letter<'_>) -> (String, String) {
    match letter {
        Letter::One(telling) => (telling.subject(), telling.body()),
        Letter::Many(listing) => (listing.subject(), listing.body()),
    }
}
