//! What a message offers its readers to do: a button where the channel has buttons.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::model::{Arn, Command, Digest};

/// The time for which the button *Silence 1 h* silences a target.
const SILENCE: SignedDuration = SignedDuration::from_hours(1);

/// The most characters of a name in a question. Slack refuses a message with a question of more than 300.
const MAX_NAME_CHARS: usize = 150;

/// Precedes the identifier of each button that Lamplighter handles, in Slack's `action_id`.
pub const BUTTON_PREFIX: &str = "lamplighter:";

/// An offer. Those about images name the digest, so that an old button can't act on a newer release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Offer {
    /// Stop the reminders of the incident with this token.
    Acknowledge(String),
    /// Silence the target for an hour.
    Silence,
    Approve(Digest),
    /// Quarantine an image that isn't deployed yet.
    Reject(Digest),
    /// Quarantine the image that runs, and roll the service back.
    RollBack(Digest),
}

/// An offer with the target that it is about: the value of a button.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetOffer {
    pub target: Arn,
    /// The time of the offer.
    pub at: Timestamp,
    pub offer: Offer,
}

impl Offer {
    /// Returns the text of the button.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Acknowledge(_) => "Acknowledge",
            Self::Silence => "Silence 1 h",
            Self::Approve(_) => "Approve",
            Self::Reject(_) => "Reject",
            Self::RollBack(_) => "Roll back",
        }
    }

    /// Returns the command of the request that the button makes.
    #[must_use]
    pub fn command(&self) -> Command {
        match self {
            Self::Acknowledge(incident) => Command::Acknowledge(incident.clone()),
            Self::Silence => Command::Silence,
            Self::Approve(digest) => Command::Approve(digest.to_string()),
            Self::Reject(digest) | Self::RollBack(digest) => Command::Reject(digest.to_string()),
        }
    }

    /// Returns the end of what the request asks for, if it has one.
    #[must_use]
    pub fn until(&self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Silence => Some(now + SILENCE),
            Self::Acknowledge(_) | Self::Approve(_) | Self::Reject(_) | Self::RollBack(_) => None,
        }
    }

    /// Returns the question that a reader confirms first, if the offer changes what runs.
    #[must_use]
    pub fn question(&self, name: &str) -> Option<String> {
        let name: String = name.chars().take(MAX_NAME_CHARS).collect();
        match self {
            Self::Acknowledge(_) | Self::Silence => None,
            Self::Approve(digest) => Some(format!("Deploy {} to {name}?", digest.short_digest())),
            Self::Reject(digest) => Some(format!(
                "Quarantine {}? {name} then never gets it.",
                digest.short_digest()
            )),
            Self::RollBack(digest) => Some(format!(
                "Roll {name} back to its last verified release, and quarantine {}?",
                digest.short_digest()
            )),
        }
    }
}
