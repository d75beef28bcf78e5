//! The port behind which messages are sent to channels.

use lamplighter::AwsError;
use lamplighter_aws::signed_link::LinkSigner;

use crate::rate_limit::Route;
use crate::text::{IncidentMessage, SummaryMessage};

/// A message as it is handed to a channel.
#[derive(Debug, Clone)]
pub enum Outgoing<'a> {
    Single(IncidentMessage<'a>),
    Summary(SummaryMessage<'a>),
}

impl Outgoing<'_> {
    #[must_use]
    pub fn subject(&self) -> String {
        match self {
            Self::Single(message) => message.subject(),
            Self::Summary(summary) => summary.subject(),
        }
    }

    #[must_use]
    pub fn body(&self) -> String {
        match self {
            Self::Single(message) => message.body(),
            Self::Summary(summary) => summary.body(),
        }
    }
}

/// The reason why a channel did not accept a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendError {
    /// The channel limits the rate: retry after this many seconds.
    RateLimited(u32),
    Failed(AwsError),
}

/// The channels that messages are sent to.
pub trait Notifier {
    /// Loads the configured channels. Returns what is wrong with their configuration, if anything.
    async fn load_channels(&self) -> Option<String>;

    /// Returns the signer of links that stop reminders, if links are configured.
    fn links(&self) -> Option<&LinkSigner> {
        None
    }

    /// Returns the channels with their limits and filters.
    fn routes(&self) -> Vec<Route>;

    /// Calls the addresses that expect to be called regularly. A failure is only logged.
    async fn send_heartbeats(&self) {}

    /// Sends one message, after a pause where the channel needs one. Returns the identifier of the
    /// channel's thread, if it has threads.
    ///
    /// # Errors
    /// [`SendError`] if the channel did not accept it.
    async fn send(
        &self,
        channel: &str,
        message: &Outgoing<'_>,
    ) -> Result<Option<String>, SendError>;
}
