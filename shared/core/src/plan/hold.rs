//! Holds: what keeps an operation from doing now what it would do otherwise.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::Digest;

/// What keeps an operation from acting on a target, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    pub kind: HoldKind,
    /// The reason, as the journal states it.
    pub reason: String,
    /// The time at which it ends by itself; `None` if that is unknown.
    pub until: Option<Timestamp>,
    /// The image that is held, if it is a new one.
    pub image: Option<HeldImage>,
}

/// An image that is not deployed now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldImage {
    pub tag: String,
    pub digest: Digest,
    pub commit: Option<String>,
}

/// What holds an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HoldKind {
    /// A tag and AWS don't fit together: no such repository, container or deployment group.
    Configuration,
    /// The repository has no tag that the pattern matches.
    NoMatch,
    /// The image has no platform of the service.
    Platform,
    /// It is not verified yet where it must be first.
    Promotion,
    Freeze,
    Scan,
    Approval,
    Snapshot,
    /// The task that runs before it has not passed.
    PreDeploymentTask,
    /// Every image that could be deployed is quarantined or superseded.
    Quarantine,
    /// The newer pushes are older by version than what runs.
    OlderVersion,
    /// The image failed because of its environment, and is tried again later.
    Retry,
    /// A person deployed another image.
    Hotfix,
    /// A deployment or a rollback is in progress that the image must wait for.
    ActiveDeployment,
    /// It is not known what the tasks of a service run that was never released.
    Unsettled,
    /// Too many first rollouts of other services are in progress.
    Adoptions,
    /// AWS refuses a call that the operation needs.
    Failure,
    /// A limit of the stack is reached.
    Limit,
    /// The arbiter vetoed every step.
    Veto,
}

impl Hold {
    #[must_use]
    pub fn new(kind: HoldKind, reason: impl Into<String>) -> Self {
        Self {
            kind,
            reason: reason.into(),
            until: None,
            image: None,
        }
    }
}

impl HoldKind {
    pub const ALL: [Self; 19] = [
        Self::Configuration,
        Self::NoMatch,
        Self::Platform,
        Self::Promotion,
        Self::Freeze,
        Self::Scan,
        Self::Approval,
        Self::Snapshot,
        Self::PreDeploymentTask,
        Self::Quarantine,
        Self::OlderVersion,
        Self::Retry,
        Self::Hotfix,
        Self::ActiveDeployment,
        Self::Unsettled,
        Self::Adoptions,
        Self::Failure,
        Self::Limit,
        Self::Veto,
    ];

    /// Returns what ends the hold, as it completes "ends with": `an approval`.
    #[must_use]
    pub const fn end(self) -> &'static str {
        match self {
            Self::Configuration => "a corrected tag",
            Self::NoMatch => "a push of such a tag, or a corrected tag",
            Self::Platform => "an image for this platform under the same tag",
            Self::Promotion => "its verification there",
            Self::Freeze => "the end of the freeze",
            Self::Scan => "a finished scan without such findings",
            Self::Approval => "an approval",
            Self::Snapshot => "a usable snapshot",
            Self::PreDeploymentTask => "a task that passes",
            Self::Quarantine => "a newer push, or an approval",
            Self::OlderVersion => "a newer version, or an approval",
            Self::Retry => "the next attempt",
            Self::Hotfix => "the next push, or an approval",
            Self::ActiveDeployment => "the end of the deployment",
            Self::Unsettled => "stable tasks",
            Self::Adoptions => "the first rollouts of other services",
            Self::Failure => "a call that AWS accepts",
            Self::Limit => "the limit's period",
            Self::Veto => "the end of what vetoes it",
        }
    }

    /// Reports whether the hold is a mistake in the configuration.
    #[must_use]
    pub const fn is_of_configuration(self) -> bool {
        matches!(self, Self::Configuration)
    }

    /// Reports whether people should hear of a hold. A veto lasts as long as what vetoes it, and that shows by itself.
    #[must_use]
    pub const fn is_reported(self) -> bool {
        match self {
            Self::Veto => false,
            Self::Configuration
            | Self::NoMatch
            | Self::Platform
            | Self::Promotion
            | Self::Freeze
            | Self::Scan
            | Self::Approval
            | Self::Snapshot
            | Self::PreDeploymentTask
            | Self::Quarantine
            | Self::OlderVersion
            | Self::Retry
            | Self::Hotfix
            | Self::ActiveDeployment
            | Self::Unsettled
            | Self::Adoptions
            | Self::Failure
            | Self::Limit => true,
        }
    }
}
