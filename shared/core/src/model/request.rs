//! Requests: what a person or a pipeline asks Lamplighter to do.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Arn, tag_keys};

/// The resource part of the synthetic ARN under which pauses of several targets are recorded.
const ALL_TARGETS: &str = "all-targets";
/// The resource of the synthetic ARN of first rollouts.
const ADOPTIONS: &str = "adoptions";

/// A request to steer Lamplighter, with who made it and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Chosen by the caller or by the API. A request with a known identifier has no further effect.
    pub id: String,
    pub at: Timestamp,
    /// The ARN of the caller, as IAM authenticated it.
    pub by: String,
    pub reason: String,
    /// The end of a pause or of a silence. `None`: until it is taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    pub scope: RequestScope,
    pub command: Command,
}

/// The targets that a request is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RequestScope {
    /// One target, by its name or ARN in a request, and by its ARN once it is found.
    Target(String),
    /// All targets whose tag `lamplighter:app` has this value.
    Application(String),
    Everything,
}

/// The command of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Command {
    /// Change nothing on the targets until they are resumed.
    Pause,
    Resume,
    /// Send no notifications about the targets until a time.
    Silence,
    Unsilence,
    /// Stop the reminders of an incident, given by its identifier.
    Acknowledge(String),
    /// Release an image that the service tracks, even if it is held, quarantined or older.
    Approve(String),
    /// Quarantine an image. If it runs, roll it back.
    Reject(String),
    /// Release an image of the tracked repository, whether or not its tag is tracked.
    Deploy(String),
    /// Roll the service back: to an earlier verified tag or revision, or to the last one.
    RollBack(Option<String>),
    /// Take a snapshot of the database now.
    BackUp,
    /// Restore the newest snapshot of the database to a temporary one now, and check it.
    Drill,
    /// Send the messages of the dead-letter queue again.
    Redrive,
}

impl Command {
    /// Returns the name of the command in a request.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Silence => "silence",
            Self::Unsilence => "unsilence",
            Self::Acknowledge(_) => "acknowledge",
            Self::Approve(_) => "approve",
            Self::Reject(_) => "reject",
            Self::Deploy(_) => "deploy",
            Self::RollBack(_) => "roll-back",
            Self::BackUp => "back-up",
            Self::Drill => "drill",
            Self::Redrive => "redrive",
        }
    }

    /// Reports whether the command may be about more than one target.
    #[must_use]
    pub const fn is_for_many(&self) -> bool {
        match self {
            Self::Pause | Self::Resume | Self::Silence | Self::Unsilence | Self::Redrive => true,
            Self::Acknowledge(_)
            | Self::Approve(_)
            | Self::Reject(_)
            | Self::Deploy(_)
            | Self::RollBack(_)
            | Self::BackUp
            | Self::Drill => false,
        }
    }

    /// Returns the tag without which the command has no effect on a target.
    #[must_use]
    pub const fn needed_tag(&self) -> Option<&'static str> {
        match self {
            Self::Approve(_) | Self::Reject(_) | Self::Deploy(_) | Self::RollBack(_) => {
                Some(tag_keys::DEPLOY)
            }
            Self::BackUp | Self::Drill => Some(tag_keys::BACKUP),
            Self::Pause
            | Self::Resume
            | Self::Silence
            | Self::Unsilence
            | Self::Acknowledge(_)
            | Self::Redrive => None,
        }
    }
}

/// Formats the command with its argument: `deploy RC_1.4.2`.
impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Acknowledge(what)
            | Self::Approve(what)
            | Self::Reject(what)
            | Self::Deploy(what)
            | Self::RollBack(Some(what)) => write!(f, "{} {what}", self.name()),
            Self::Pause
            | Self::Resume
            | Self::Silence
            | Self::Unsilence
            | Self::RollBack(None)
            | Self::BackUp
            | Self::Drill
            | Self::Redrive => f.write_str(self.name()),
        }
    }
}

impl Request {
    /// Returns the reason that the quarantine of a rejected digest states: who rejected it, when and why.
    #[must_use]
    pub fn describe_rejection(&self) -> String {
        format!(
            "{} rejected it on {}: {}",
            self.caller_name(),
            self.at.strftime("%F %H:%M UTC"),
            self.reason
        )
    }

    /// Returns the name of the caller for messages: `alice` for `arn:aws:sts::…:assumed-role/Operators/alice`.
    #[must_use]
    pub fn caller_name(&self) -> &str {
        self.by.rsplit(['/', ':']).next().unwrap_or(&self.by)
    }

    /// Explains a pause: what is paused, who asked for it, since when and why.
    #[must_use]
    pub fn describe_pause(&self) -> String {
        let scope = self
            .scope
            .describe_many()
            .map_or_else(String::new, |many| format!("{many} is "));
        format!(
            "{scope}paused by {} since {}: {}",
            self.caller_name(),
            self.at.strftime("%F %H:%M UTC"),
            self.reason
        )
    }
}

impl RequestScope {
    /// Returns the name for messages, such as `application shop`; `None` for a single target.
    #[must_use]
    pub fn describe_many(&self) -> Option<String> {
        match self {
            Self::Target(_) => None,
            Self::Application(app) => Some(format!("application {app}")),
            Self::Everything => Some("everything".to_owned()),
        }
    }
}

impl Arn {
    /// Returns the synthetic ARN of all targets of the stack, in the account and region of one of its resources.
    #[must_use]
    pub fn all_targets(&self) -> Self {
        Self::new(format!(
            "arn:{}:lamplighter:{}:{}:{ALL_TARGETS}",
            self.partition(),
            self.region(),
            self.account_id()
        ))
    }

    /// Returns the synthetic ARN under which the first rollouts of all services are counted.
    #[must_use]
    pub fn adoptions(&self) -> Self {
        Self::new(format!(
            "arn:{}:lamplighter:{}:{}:{ADOPTIONS}",
            self.partition(),
            self.region(),
            self.account_id()
        ))
    }

    /// Reports whether this is the synthetic ARN of all targets.
    #[must_use]
    pub fn is_all_targets(&self) -> bool {
        self.service() == "lamplighter" && self.resource() == ALL_TARGETS
    }
}
