//! The channels that messages are sent to: the stack's own SNS topic, and those that its secret
//! names.

mod amazon_q;
mod destination;
#[cfg(test)]
mod destination_tests;
#[cfg(test)]
mod fixtures;
mod json;
mod pager_duty;
#[cfg(test)]
mod pager_duty_tests;
#[cfg(test)]
mod pause_tests;
mod request;
mod slack;
mod slack_blocks;
#[cfg(test)]
mod slack_tests;
mod teams;
mod webhook;

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use jiff::SignedDuration;
use lamplighter::AwsError;
use lamplighter::notify::Severity;
use lamplighter::policy::StackDefaults;
use lamplighter_aws::http::probe_url;
use lamplighter_aws::signed_link::LinkSigner;
use lamplighter_aws::{Config, Secret, Topic, is_local};

use crate::notifier::{Notifier, Outgoing, SendError};
use crate::rate_limit::Route;
use destination::{Destination, DestinationKind, EMAIL, parse};
use request::{DeliveryAttempt, SendFailure};
use slack::SlackClient;

/// The pause between two messages to a topic. SNS removes the subscription of an address that gets
/// more than ten a second.
/// Source: <https://docs.aws.amazon.com/general/latest/gr/sns.html>
const TOPIC_PAUSE: Duration = Duration::from_millis(250);

/// The channels of the stack.
pub struct Channels {
    config: Config,
    topic: Topic,
    secret: Option<Secret>,
    /// The route of the stack's own topic.
    email: Route,
    /// The channels in the secret; `None` until it was read successfully.
    destinations: RefCell<Option<BTreeMap<String, Destination>>>,
    slack: SlackClient,
    /// The settings of links that stop reminders; `None` if links are not configured.
    link_settings: Option<LinkSettings>,
    /// The stack accepts buttons.
    has_buttons: bool,
    /// The signer of links; empty until its secret was read.
    links: OnceCell<LinkSigner>,
}

/// The base URL of links that stop reminders, and the secret that signs them.
struct LinkSettings {
    url: String,
    key: Secret,
}

impl Channels {
    #[must_use]
    pub fn new(config: Config, defaults: &StackDefaults) -> Self {
        let secret = &defaults.channels_secret;
        let link_settings = defaults.sealed_links.as_ref().map(|links| LinkSettings {
            url: links.url.clone(),
            key: Secret::new(config.clone(), &links.key),
        });
        Self {
            topic: Topic::new(config.clone(), &defaults.topic),
            secret: (!secret.is_empty()).then(|| Secret::new(config.clone(), secret)),
            config,
            email: email_route(defaults),
            destinations: RefCell::default(),
            slack: SlackClient::default(),
            link_settings,
            has_buttons: !defaults.interactions_secret.is_empty(),
            links: OnceCell::new(),
        }
    }

    /// Reads the secret again. Keeps the known channels if that fails, and returns what is wrong.
    async fn reload_secret(&self) -> Option<String> {
        let secret = self.secret.as_ref()?;
        let destinations = match secret.read_text().await {
            Ok(document) => parse(&document),
            Err(error) => Err(error.to_string()),
        };
        match destinations {
            Ok(destinations) => {
                self.destinations.replace(Some(destinations));
                None
            }
            Err(problem) => Some(problem),
        }
    }

    /// Reads the key of the links once. A message without a link is better than no message.
    async fn load_links(&self) {
        let Some(settings) = &self.link_settings else {
            return;
        };
        if self.links.get().is_some() {
            return;
        }
        match settings.key.read_text().await {
            Ok(key) => drop(self.links.set(LinkSigner::new(&settings.url, key))),
            Err(error) => {
                tracing::warn!(error = %error, "messages have no link that stops reminders");
            }
        }
    }

    fn find_destination(&self, channel: &str) -> Option<Destination> {
        self.destinations.borrow().as_ref()?.get(channel).cloned()
    }

    /// Sends a message with the channel's settings from the secret. Returns its thread, if the
    /// channel has threads.
    async fn send_to_destination(
        &self,
        attempt: DeliveryAttempt<'_>,
    ) -> Result<Option<String>, SendFailure> {
        let Some(destination) = self.find_destination(attempt.channel) else {
            return Err(attempt.build_failure("Send", "NoSuchChannel", "removed from the secret"));
        };
        match &destination.kind {
            DestinationKind::SlackWebhook { url } => {
                self.slack.post_to_webhook(attempt, url).await?;
            }
            DestinationKind::SlackBot(bot) => {
                return self.slack.post_as_bot(attempt, bot).await.map(Some);
            }
            DestinationKind::PagerDuty { key, api } => {
                pager_duty::send_events(attempt, key, api).await?;
            }
            DestinationKind::Webhook { url, signing_key } => {
                webhook::send_document(attempt, url, signing_key).await?;
            }
            DestinationKind::Teams { url } => teams::send_card(attempt, url).await?,
            DestinationKind::Heartbeat { .. } => {}
            DestinationKind::Topic { arn, amazon_q } => {
                let topic = Topic::new(self.config.clone(), arn);
                let body = if *amazon_q {
                    amazon_q::build_document(attempt.message).to_string()
                } else {
                    attempt.message.body()
                };
                publish(&topic, attempt.message, &body).await?;
            }
        }
        Ok(None)
    }
}

impl Notifier for Channels {
    async fn load_channels(&self) -> Option<String> {
        self.load_links().await;
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
        let mut routes = vec![self.email.clone()];
        for (name, destination) in self.destinations.borrow().iter().flatten() {
            if let DestinationKind::Heartbeat { .. } = destination.kind {
                continue;
            }
            routes.push(Route {
                channel: name.clone(),
                min_severity: destination.min_severity,
                apps: destination.apps.clone(),
                escalates_after: destination.escalates_after,
                quiet: destination.quiet.clone(),
                shows_acknowledgements: destination.kind.shows_acknowledgements(),
                has_buttons: self.has_buttons && destination.has_buttons,
                ..self.email.clone()
            });
        }
        routes
    }

    async fn send_heartbeats(&self) {
        let urls: Vec<(String, String)> = self
            .destinations
            .borrow()
            .iter()
            .flatten()
            .filter_map(|(name, destination)| match &destination.kind {
                DestinationKind::Heartbeat { url } => Some((name.clone(), url.clone())),
                DestinationKind::SlackWebhook { .. }
                | DestinationKind::SlackBot(_)
                | DestinationKind::PagerDuty { .. }
                | DestinationKind::Webhook { .. }
                | DestinationKind::Teams { .. }
                | DestinationKind::Topic { .. } => None,
            })
            .collect();
        for (channel, url) in urls {
            let problem = call_heartbeat(url).await;
            // Whoever waits for the heartbeat notices that it is missing.
            if let Some(problem) = problem {
                tracing::warn!(channel, problem, "a heartbeat was not accepted");
            }
        }
    }

    async fn send(
        &self,
        channel: &str,
        message: &Outgoing<'_>,
    ) -> Result<Option<String>, SendError> {
        if channel == EMAIL {
            return publish(&self.topic, message, &message.body())
                .await
                .map(|()| None)
                .map_err(SendError::Failed);
        }
        let attempt = DeliveryAttempt { channel, message };
        let failure = match self.send_to_destination(attempt).await {
            Ok(thread) => return Ok(thread),
            Err(failure) => failure,
        };
        // The secret may have changed since it was read. After any other error the message may have
        // been accepted, so it is not sent again.
        if !is_secret_error(&failure.error.code) || self.reload_secret().await.is_some() {
            return Err(failure.into());
        }
        Ok(self.send_to_destination(attempt).await?)
    }
}

/// Calls the address of a heartbeat. Returns what is wrong, without the address, which may be a secret.
async fn call_heartbeat(url: String) -> Option<String> {
    if !is_local() && !url.starts_with("https://") {
        return Some("the URL does not start with https://".to_owned());
    }
    let call = move || {
        let result = probe_url(&url, None, is_local());
        result
            .problem
            .map(|problem| problem.replace(&url, "the URL"))
    };
    match tokio::task::spawn_blocking(call).await {
        Ok(problem) => problem,
        Err(error) => Some(error.to_string()),
    }
}

/// Returns the route of the stack's own topic, which gets everything.
fn email_route(defaults: &StackDefaults) -> Route {
    Route {
        channel: EMAIL.to_owned(),
        interval: SignedDuration::from_mins(defaults.alert_interval.into()),
        messages_per_minute: usize::try_from(defaults.messages_per_minute).unwrap_or(usize::MAX),
        min_severity: Severity::Info,
        apps: Vec::new(),
        escalates_after: None,
        quiet: Vec::new(),
        shows_acknowledgements: false,
        has_buttons: false,
    }
}

/// Publishes a message to a topic, after a pause.
async fn publish(topic: &Topic, message: &Outgoing<'_>, body: &str) -> Result<(), AwsError> {
    tokio::time::sleep(TOPIC_PAUSE).await;
    topic.publish(&message.subject(), body).await
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
