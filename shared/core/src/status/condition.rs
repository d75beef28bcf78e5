//! The one word for the state of a target.

use serde::{Deserialize, Serialize};

/// The state of a target in one word, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// A critical incident is open, or AWS says that the database does not work.
    Critical,
    /// A warning is open.
    Warning,
    /// A tag cannot be read, or doesn't fit what AWS shows. What it configures is disabled.
    Misconfigured,
    /// Backups are wanted and there is no recovery point, or the last drill failed.
    Unprotected,
    /// An operation would act, and something holds it.
    Held,
    /// Healing, parked or short of tasks.
    Recovering,
    /// A release, a restart, a drill or a change of AWS is in progress.
    Changing,
    /// Nothing is changed until the pause ends, or the stack is switched off.
    Paused,
    /// The tag `lamplighter:managed` is missing, though another of our tags is there.
    NotManaged,
    /// Decisions are notified, and nothing is changed.
    Observed,
    /// People are not notified until the silence ends.
    Silenced,
    /// The desired count is 0, or the database is stopped.
    Stopped,
    /// AWS does not describe the target: it was deleted, or has just been created.
    Absent,
    /// The configuration has a risk that has not caused harm yet.
    AtRisk,
    Healthy,
}

impl Condition {
    /// All conditions, the worst first.
    pub const ALL: [Self; 15] = [
        Self::Critical,
        Self::Warning,
        Self::Misconfigured,
        Self::Unprotected,
        Self::Held,
        Self::Recovering,
        Self::Changing,
        Self::Paused,
        Self::NotManaged,
        Self::Observed,
        Self::Silenced,
        Self::Stopped,
        Self::Absent,
        Self::AtRisk,
        Self::Healthy,
    ];

    /// Returns the word for people, which is also the value of filters.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
            Self::Misconfigured => "misconfigured",
            Self::Unprotected => "unprotected",
            Self::Held => "held",
            Self::Recovering => "recovering",
            Self::Changing => "changing",
            Self::Paused => "paused",
            Self::NotManaged => "not managed",
            Self::Observed => "observed",
            Self::Silenced => "silenced",
            Self::Stopped => "stopped",
            Self::Absent => "absent",
            Self::AtRisk => "findings",
            Self::Healthy => "healthy",
        }
    }

    /// Returns the condition with this word.
    #[must_use]
    pub fn parse(label: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|condition| condition.label() == label)
    }

    /// Reports whether a person should look at the target.
    #[must_use]
    pub const fn needs_attention(self) -> bool {
        match self {
            Self::Critical
            | Self::Warning
            | Self::Misconfigured
            | Self::Unprotected
            | Self::Held
            | Self::NotManaged => true,
            Self::Recovering
            | Self::Changing
            | Self::Paused
            | Self::Observed
            | Self::Silenced
            | Self::Stopped
            | Self::Absent
            | Self::AtRisk
            | Self::Healthy => false,
        }
    }
}
