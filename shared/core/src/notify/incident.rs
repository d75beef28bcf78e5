//! Incidents: all notifications about one target for one cause, until the cause has been resolved
//! for a while.
//!
//! Plain data and the port that stores it. The `alert` function decides what is sent, and when.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::model::{Arn, Cause};
use crate::notify::{Notification, Offer, Severity};

/// The key of an incident: a hash of its target and cause, short enough for a sort key and a link.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct IncidentId(String);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    pub target: Arn,
    /// The display name of the target: `shop/web`.
    pub name: String,
    pub app: Option<String>,
    /// See [`Notification::cause`].
    pub cause: Cause,
    /// The page of the target in the AWS console.
    pub link: String,
    /// The address of the target's runbook, from its tag.
    #[serde(default)]
    pub runbook: Option<String>,
    /// The time of the first notification.
    pub since: Timestamp,
    /// The firing conditions, and when each was last reported.
    pub firing: BTreeMap<String, Timestamp>,
    /// The resolved conditions, and since when. A late report does not fire them again.
    pub resolved: BTreeMap<String, Timestamp>,
    /// A condition was firing, so that people expect a resolution.
    pub was_firing: bool,
    /// The highest severity since the incident opened, or reopened.
    pub severity: Severity,
    /// The most recent lines, oldest first.
    pub lines: Vec<Line>,
    /// The number of all lines; `lines` holds the last of them.
    pub line_count: u32,
    /// The time since which no condition fires.
    pub resolved_at: Option<Timestamp>,
    /// The times at which the incident reopened after its resolution.
    pub reopened_at: Vec<Timestamp>,
    /// The log group of the tasks that the incident is about, if it is known.
    #[serde(default)]
    pub log_group: Option<String>,
    /// How the incident was acknowledged, such as `acknowledged by alice`. It then needs no reminders.
    #[serde(default)]
    pub acknowledged: Option<String>,
    /// The offers of the newest message that had any, or of the one that resolved the incident.
    #[serde(default)]
    pub offers: Vec<Offer>,
    /// A function of Lamplighter reported it, so that requests about the target have an effect.
    #[serde(default)]
    pub is_managed: bool,
    /// The state of its notifications, by channel.
    pub deliveries: BTreeMap<String, DeliveryState>,
}

/// One entry of an incident, made from one notification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    pub at: Timestamp,
    pub severity: Severity,
    /// The name of the source, for people.
    pub source: String,
    pub title: String,
    /// What Lamplighter did or will do next.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub action: String,
    pub why: String,
    pub next: String,
    /// The condition that fires from this line on.
    pub fires: Option<String>,
}

/// The part of an incident that was sent to one channel.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DeliveryState {
    /// The time of the last message; `None` while the first one is outstanding.
    pub at: Option<Timestamp>,
    /// The number of lines that were sent.
    pub sent_lines: u32,
    /// The severity that was sent last.
    pub severity: Option<Severity>,
    /// The highest severity that was sent since the last resolution.
    #[serde(default)]
    pub open_severity: Option<Severity>,
    /// The resolution was sent.
    pub resolved: bool,
    /// The notice that the incident is flapping was sent.
    pub flapping: bool,
    /// The acknowledgement was sent.
    #[serde(default)]
    pub acknowledged: bool,
    /// The channel's identifier of the first message: `ts` in Slack.
    pub thread: Option<String>,
}

/// The state of a channel, independent of incidents.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Channel {
    /// The times of the messages within the last minute.
    pub sent: Vec<Timestamp>,
    /// The time of the last summary of several incidents in one message.
    pub summarized_at: Option<Timestamp>,
    /// The time until which the channel asked for no requests.
    pub rate_limited_until: Option<Timestamp>,
    /// The time since which the channel rejects messages, and its error.
    pub broken: Option<(Timestamp, String)>,
}

impl IncidentId {
    #[must_use]
    pub fn for_target(target: &Arn, cause: &Cause) -> Self {
        Self::hash(target, &cause.to_string())
    }

    /// Returns the identifier of a text about a target, such as a notification in the inbox.
    #[must_use]
    pub fn hash(target: &Arn, text: &str) -> Self {
        let hash = Sha256::digest(format!("{target} {text}"));
        Self(
            hash.iter()
                .take(6)
                .fold(String::new(), |text, byte| format!("{text}{byte:02x}")),
        )
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Incident {
    /// Returns a new incident without lines.
    #[must_use]
    pub fn from_notification(notification: &Notification) -> Self {
        Self {
            target: notification.target.clone(),
            name: notification.name.clone(),
            app: notification.app.clone(),
            cause: notification.cause(),
            link: notification.link.clone(),
            runbook: notification.runbook.clone(),
            since: notification.at,
            firing: BTreeMap::new(),
            resolved: BTreeMap::new(),
            was_firing: false,
            severity: notification.message.severity,
            lines: Vec::new(),
            line_count: 0,
            resolved_at: None,
            reopened_at: Vec::new(),
            log_group: None,
            acknowledged: None,
            offers: Vec::new(),
            is_managed: false,
            deliveries: BTreeMap::new(),
        }
    }

    #[must_use]
    pub fn id(&self) -> IncidentId {
        IncidentId::for_target(&self.target, &self.cause)
    }

    /// Returns a token that names this incident, and no later one of the same target and cause.
    #[must_use]
    pub fn occurrence_token(&self) -> String {
        format!("{}-{}", self.id().as_str(), self.since.as_second())
    }

    /// Returns the line that stands for the incident: the newest of the highest severity. Prefers
    /// firing conditions over all other lines.
    #[must_use]
    pub fn headline(&self) -> Option<&Line> {
        self.lines
            .iter()
            .filter(|line| self.is_firing(line))
            .max_by_key(|line| line.severity)
            .or_else(|| self.lines.iter().max_by_key(|line| line.severity))
    }

    /// Reports whether the condition of a line still fires.
    fn is_firing(&self, line: &Line) -> bool {
        line.fires
            .as_ref()
            .is_some_and(|condition| self.firing.contains_key(condition))
    }
}

impl Line {
    #[must_use]
    pub fn from_notification(notification: &Notification) -> Self {
        let message = notification.message.clone();
        Self {
            at: notification.at,
            severity: message.severity,
            source: notification.source.to_string(),
            title: message.title,
            action: message.action,
            why: message.why,
            next: message.next,
            fires: message.fires,
        }
    }
}

impl From<String> for IncidentId {
    fn from(id: String) -> Self {
        Self(id)
    }
}
