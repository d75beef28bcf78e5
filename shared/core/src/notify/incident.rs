//! Incidents: all that is told about one target for one cause, from its first notice until it has been over for a while.
//! Plain data and the port behind which it is kept; what is told of it, and when, `alert` decides.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::model::Arn;
use crate::notify::{Notice, Severity};

/// What an incident is found by: a hash of its target and cause, so that it fits into a sort key and a link.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Id(String);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    pub target: Arn,
    /// The target as people call it: `shop/web`.
    pub name: String,
    pub app: Option<String>,
    /// [`Notice::cause`].
    pub cause: String,
    /// The AWS console's page for the target.
    pub link: String,
    /// When it was first heard of.
    pub since: Timestamp,
    /// What lasts, and when it was last heard of.
    pub lasting: BTreeMap<String, Timestamp>,
    /// What is over, and since when. What is heard late does not begin it again.
    pub ended: BTreeMap<String, Timestamp>,
    /// Something lasted, so that people wait to hear that it is over.
    pub lasted: bool,
    /// The worst that was said since it began.
    pub severity: Severity,
    /// The last lines of what was said, the oldest first.
    pub lines: Vec<Line>,
    /// How many lines were said in all; `lines` are the last of them.
    pub said: u32,
    /// Since when nothing lasts.
    pub over: Option<Timestamp>,
    /// When it came back after it was over.
    pub returns: Vec<Timestamp>,
    /// Somebody looks at it, so that it needs no reminders.
    pub acknowledged: bool,
    /// What was told, by channel.
    pub told: BTreeMap<String, Told>,
}

/// One thing that was said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    pub at: Timestamp,
    pub severity: Severity,
    pub operation: String,
    pub title: String,
    pub why: String,
    pub next: String,
    /// What lasts since then.
    pub begins: Option<String>,
}

/// How much of an incident people know by one channel.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Told {
    /// When it was last told; `None` while the first message is owed.
    pub at: Option<Timestamp>,
    /// How many of its lines.
    pub said: u32,
    /// The worst that was told.
    pub severity: Option<Severity>,
    /// They know that it is over.
    pub over: bool,
    /// They know that it comes and goes.
    pub flapping: bool,
    /// The channel's own name of the first message: Slack's `ts`.
    pub thread: Option<String>,
}

/// What is known of the channels, whatever the incident.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Channel {
    /// When messages were sent within the last minute.
    pub sent: Vec<Timestamp>,
    /// When many incidents were last told in one message.
    pub summed_up: Option<Timestamp>,
    /// It asked for nothing before.
    pub rests_until: Option<Timestamp>,
    /// Since when it takes no message, and what it says.
    pub broken: Option<(Timestamp, String)>,
}

impl Id {
    #[must_use]
    pub fn of(target: &Arn, cause: &str) -> Self {
        let hash = Sha256::digest(format!("{target} {cause}"));
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
    /// One of which nothing was said yet.
    #[must_use]
    pub fn of(notice: &Notice) -> Self {
        Self {
            target: notice.target.clone(),
            name: notice.name.clone(),
            app: notice.app.clone(),
            cause: notice.cause().to_owned(),
            link: notice.link.clone(),
            since: notice.at,
            lasting: BTreeMap::new(),
            ended: BTreeMap::new(),
            lasted: false,
            severity: notice.message.severity,
            lines: Vec::new(),
            said: 0,
            over: None,
            returns: Vec::new(),
            acknowledged: false,
            told: BTreeMap::new(),
        }
    }

    #[must_use]
    pub fn id(&self) -> Id {
        Id::of(&self.target, &self.cause)
    }

    /// Names this incident and no later one of the same target and cause.
    #[must_use]
    pub fn token(&self) -> String {
        format!("{}-{}", self.id().as_str(), self.since.as_second())
    }

    /// What people call it by: the worst of what lasts, or of all that was said where nothing does; the newest of those.
    #[must_use]
    pub fn headline(&self) -> Option<&Line> {
        let lasts = |line: &&Line| {
            line.begins
                .as_ref()
                .is_some_and(|what| self.lasting.contains_key(what))
        };
        let of_what_lasts = self
            .lines
            .iter()
            .filter(lasts)
            .max_by_key(|line| line.severity);
        of_what_lasts.or_else(|| self.lines.iter().max_by_key(|line| line.severity))
    }
}

impl Line {
    #[must_use]
    pub fn of(notice: &Notice) -> Self {
        let Notice {
            message,
            at,
            operation,
            ..
        } = notice.clone();
        let (severity, title, why, next, begins) = (
            message.severity,
            message.title,
            message.why,
            message.next,
            message.begins,
        );
        Self {
            at,
            severity,
            operation,
            title,
            why,
            next,
            begins,
        }
    }
}

impl From<String> for Id {
    fn from(id: String) -> Self {
        Self(id)
    }
}
