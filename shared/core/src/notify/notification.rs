//! Notifications to people.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Function;
use crate::model::{Arn, AwsService, Cause};
use crate::notify::console::console_link;
use crate::notify::offer::Offer;
use crate::notify::source::Source;

/// The condition that fires from the rollout of a release until its result is known.
pub const RELEASE_CONDITION: &str = "release";

/// The condition that fires while a release waits for the approval of a person.
pub const APPROVAL_CONDITION: &str = "approval";

/// Prefix of a key under which nothing is sent: the notification only states until when its target
/// is silenced.
pub const SILENCE_PREFIX: &str = "silence:";
/// Prefix of a key under which nothing is sent: the rest of the key names an acknowledged
/// incident, which needs no reminders.
pub const ACKNOWLEDGED_PREFIX: &str = "acknowledged:";

/// The condition that fires while a database is unavailable.
pub const DATABASE_DOWN_CONDITION: &str = "down";
/// Prefix of the condition that fires while an alarm is in ALARM that Lamplighter does not own.
pub const ALARM_PREFIX: &str = "alarm:";
/// Prefix of the condition that fires while a request pauses targets.
pub const PAUSE_PREFIX: &str = "paused:";
/// The condition that fires while everything is paused.
pub const PAUSE_OF_EVERYTHING: &str = "paused:everything";
/// Prefix of the condition that fires while a certificate is about to expire.
pub const CERTIFICATE_PREFIX: &str = "certificate:";

/// The urgency of a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// No action is needed.
    Info,
    /// Someone should look during working hours.
    Warning,
    /// Someone should look now.
    Critical,
}

/// The content of a notification, as an operation decides it, without its target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    pub severity: Severity,
    /// The deduplication key: sent once a day under one key, and every time without a key.
    pub key: Option<String>,
    /// The key that is resolved. Sent only if a notification with that key was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolves: Option<String>,
    /// The condition that fires from now on, until a message [clears](Self::clears) it. Without it
    /// the message is informational.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fires: Option<String>,
    /// The condition that no longer fires, together with all that start with it and a colon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clears: Option<String>,
    /// What the message is about, if not what its source is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// The event in one line, without the name of the target.
    pub title: String,
    /// What Lamplighter did or will do next, in one sentence; empty if it does nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub action: String,
    /// The cause, in one or a few sentences.
    pub why: String,
    /// The next step of Lamplighter, or what a person should do.
    pub next: String,
    /// The log group of the tasks that the message is about, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_group: Option<String>,
    /// What a reader may want to do about it now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub offers: Vec<Offer>,
}

/// A message with its context. It travels as JSON through the notification queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    #[serde(flatten)]
    pub message: Message,
    pub at: Timestamp,
    pub source: Source,
    pub target: Arn,
    /// The display name of the target: `shop/web`.
    pub name: String,
    pub app: Option<String>,
    pub stack: String,
    /// The page of the target in the AWS console.
    pub link: String,
    /// The address of the target's runbook, from its tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runbook: Option<String>,
    /// The time until which the target is silenced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silenced_until: Option<Timestamp>,
}

/// The queue that accepts notifications. Delivery is at least once: duplicates are possible,
/// losses not.
pub trait Outbox {
    /// Sends notifications to the queue.
    ///
    /// # Errors
    /// [`Unsent`] with the notifications that the queue may not have accepted.
    async fn send(&self, notices: Vec<Notification>) -> Result<(), Unsent>;
}

/// Notifications that were not accepted, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsent {
    pub notices: Vec<Notification>,
    pub error: crate::AwsError,
}

impl Message {
    pub fn info(title: impl Into<String>) -> Self {
        Self::new(Severity::Info, title)
    }

    pub fn warning(title: impl Into<String>) -> Self {
        Self::new(Severity::Warning, title)
    }

    pub fn critical(title: impl Into<String>) -> Self {
        Self::new(Severity::Critical, title)
    }

    /// Builds the message that informs the alert function of a silence. It is never sent to people.
    #[must_use]
    pub fn silence(until: Timestamp) -> Self {
        Self::info(format!("silenced until {until}"))
            .deduplicated_by(format!("{SILENCE_PREFIX}{until}"))
    }

    /// Builds the message that informs the alert function of an acknowledgement. `by`: who acknowledged the incident, or by
    /// what means, such as `a link`.
    #[must_use]
    pub fn acknowledgement(incident: &str, by: &str) -> Self {
        Self::info(format!("acknowledged by {by}"))
            .deduplicated_by(format!("{ACKNOWLEDGED_PREFIX}{incident}"))
    }

    fn new(severity: Severity, title: impl Into<String>) -> Self {
        Self {
            severity,
            key: None,
            resolves: None,
            fires: None,
            clears: None,
            cause: None,
            title: title.into(),
            action: String::new(),
            why: String::new(),
            next: String::new(),
            log_group: None,
            offers: Vec::new(),
        }
    }

    /// Offers readers to do something about it.
    #[must_use]
    pub fn offers(mut self, offer: Offer) -> Self {
        self.offers.push(offer);
        self
    }

    /// Sets what Lamplighter did or will do next.
    #[must_use]
    pub fn action(mut self, action: impl Into<String>) -> Self {
        self.action = action.into();
        self
    }

    /// Sets what the message is about, if not what its source is about.
    #[must_use]
    pub fn caused_by(mut self, cause: Cause) -> Self {
        self.cause = Some(cause);
        self
    }

    #[must_use]
    pub fn why(mut self, why: impl Into<String>) -> Self {
        self.why = why.into();
        self
    }

    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = next.into();
        self
    }

    /// Marks the notification under this key as resolved, and clears the condition of the same
    /// name.
    #[must_use]
    pub fn resolves(mut self, key: impl Into<String>) -> Self {
        let key = key.into();
        self.resolves = Some(key.clone());
        self.clears(key)
    }

    /// Deduplicates by this key, and fires until a message [resolves](Self::resolves) it.
    #[must_use]
    pub fn fires_until_resolved(self, key: impl Into<String>) -> Self {
        let key = key.into();
        self.deduplicated_by(key.clone()).fires(key)
    }

    /// Fires a condition from now on.
    #[must_use]
    pub fn fires(mut self, what: impl Into<String>) -> Self {
        self.fires = Some(what.into());
        self
    }

    /// Clears a condition.
    #[must_use]
    pub fn clears(mut self, what: impl Into<String>) -> Self {
        self.clears = Some(what.into());
        self
    }

    /// Sends the message once a day under this key.
    #[must_use]
    pub fn deduplicated_by(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }
}

/// Formats the message for a person, without its target.
impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] {}", self.severity.as_str(), self.title)?;
        if !self.action.is_empty() {
            write!(f, "\n  {}", self.action)?;
        }
        write!(f, "\n  Why: {}\n  Next: {}", self.why, self.next)
    }
}

impl Notification {
    /// Shortens texts that are too long for a queue, a stored incident or a channel. An incident keeps 20 lines in one item
    /// of 400 KB.
    pub fn bound_texts(&mut self) {
        let message = &mut self.message;
        bound_text(&mut message.title, 400);
        bound_text(&mut message.action, 1_000);
        let max_why = match message.cause {
            Some(Cause::Report(_)) => MAX_REPORT_BYTES,
            _ => 10_000,
        };
        bound_text(&mut message.why, max_why);
        bound_text(&mut message.next, 4_000);
        message.offers.truncate(MAX_OFFERS);
        bound_text(&mut self.name, 300);
        bound_text(&mut self.link, 2_000);
        if let Some(runbook) = &mut self.runbook {
            bound_text(runbook, 2_000);
        }
    }

    /// Reports whether AWS is the source, and not an operation. Such notifications ignore tags and
    /// are not repeated daily while their condition fires.
    #[must_use]
    pub fn is_from_aws(&self) -> bool {
        match self.source {
            Source::Aws(_) => true,
            Source::Function(_) | Source::Channel(_) | Source::ChannelSettings => false,
        }
    }

    /// Builds the notification by which `alert` recognizes an acknowledgement of an incident. Its target is the topic of the
    /// stack: whoever passes it on does not know that of the incident.
    #[must_use]
    pub fn acknowledgement(
        (incident, by): (&str, &str),
        source: Function,
        (topic, stack): (&Arn, &str),
        at: Timestamp,
    ) -> Self {
        Self {
            message: Message::acknowledgement(incident, by),
            at,
            source: source.into(),
            target: topic.clone(),
            name: incident.to_owned(),
            app: None,
            stack: stack.to_owned(),
            link: console_link(topic),
            runbook: None,
            silenced_until: None,
        }
    }

    /// Reports whether an operation is the source, so that the target is managed.
    #[must_use]
    pub fn is_from_operation(&self) -> bool {
        match self.source {
            Source::Function(function) => function.is_operation(),
            Source::Aws(_) | Source::Channel(_) | Source::ChannelSettings => false,
        }
    }

    /// Returns the cause that groups notifications into incidents: one target and one cause are
    /// one incident, whatever the source.
    #[must_use]
    pub fn cause(&self) -> Cause {
        match (&self.message.cause, &self.source) {
            (Some(cause), _) => cause.clone(),
            // An alarm of a service is about its health, whoever reports it.
            (None, Source::Aws(AwsService::CloudWatch))
                if self.target.ecs_cluster_and_name().is_some() =>
            {
                Cause::Health
            }
            (None, source) => source.cause(),
        }
    }
}

/// The longest text of a page of the daily report, in bytes. SNS takes messages of 256 KB.
pub const MAX_REPORT_BYTES: usize = 60_000;

/// The most offers of a message.
const MAX_OFFERS: usize = 3;

/// Cuts a text to a number of bytes, and says so.
fn bound_text(text: &mut String, max: usize) {
    const CUT: &str = " … (cut)";
    if text.len() <= max {
        return;
    }
    text.truncate(text.floor_char_boundary(max.saturating_sub(CUT.len())));
    text.push_str(CUT);
}

impl Severity {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "CRITICAL",
        }
    }
}
