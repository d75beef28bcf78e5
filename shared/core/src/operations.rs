//! The one table of the functions of the stack. The template, the tests, the bench, the dashboard and
//! the notifications are held to it.

use serde::{Deserialize, Serialize};

use crate::model::Cause;
use crate::model::tag_keys;

/// A Lambda function of the stack. All but `alert`, `acknowledge`, `interact` and `digest` run an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Function {
    Deploy,
    Rollout,
    Verify,
    Scale,
    Heal,
    Enroll,
    Backup,
    Drill,
    Archive,
    Certificates,
    Request,
    Alert,
    Acknowledge,
    Interact,
    Digest,
}

impl Function {
    /// All functions, in the order in which docs and figures list them.
    pub const ALL: [Self; 15] = [
        Self::Deploy,
        Self::Rollout,
        Self::Verify,
        Self::Scale,
        Self::Heal,
        Self::Enroll,
        Self::Backup,
        Self::Drill,
        Self::Archive,
        Self::Certificates,
        Self::Request,
        Self::Alert,
        Self::Acknowledge,
        Self::Interact,
        Self::Digest,
    ];

    /// Returns the name, which is also the name of the binary.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::Rollout => "rollout",
            Self::Verify => "verify",
            Self::Scale => "scale",
            Self::Heal => "heal",
            Self::Enroll => "enroll",
            Self::Backup => "backup",
            Self::Drill => "drill",
            Self::Archive => "archive",
            Self::Certificates => "certificates",
            Self::Request => "request",
            Self::Alert => "alert",
            Self::Acknowledge => "acknowledge",
            Self::Interact => "interact",
            Self::Digest => "digest",
        }
    }

    /// Returns the function's logical identifier in the template, which is also the prefix of its rules.
    #[must_use]
    pub const fn logical_id(self) -> &'static str {
        match self {
            Self::Deploy => "Deploy",
            Self::Rollout => "Rollout",
            Self::Verify => "Verify",
            Self::Scale => "Scale",
            Self::Heal => "Heal",
            Self::Enroll => "Enroll",
            Self::Backup => "Backup",
            Self::Drill => "Drill",
            Self::Archive => "Archive",
            Self::Certificates => "Certificates",
            Self::Request => "Request",
            Self::Alert => "Alert",
            Self::Acknowledge => "Acknowledge",
            Self::Interact => "Interact",
            Self::Digest => "Digest",
        }
    }

    /// Returns the name of the Cargo package. A crate named `digest` exists, so that package has a prefix.
    #[must_use]
    pub const fn package(self) -> &'static str {
        match self {
            Self::Digest => "lamplighter-digest",
            Self::Deploy
            | Self::Rollout
            | Self::Verify
            | Self::Scale
            | Self::Heal
            | Self::Enroll
            | Self::Backup
            | Self::Drill
            | Self::Archive
            | Self::Certificates
            | Self::Request
            | Self::Alert
            | Self::Acknowledge
            | Self::Interact => self.name(),
        }
    }

    /// Returns the tag that configures the function; `None` if another function's tag or the stack does.
    #[must_use]
    pub const fn tag(self) -> Option<&'static str> {
        match self {
            Self::Deploy => Some(tag_keys::DEPLOY),
            Self::Scale => Some(tag_keys::SCALE),
            Self::Heal => Some(tag_keys::HEAL),
            Self::Backup => Some(tag_keys::BACKUP),
            Self::Archive => Some(tag_keys::LOGS),
            Self::Rollout
            | Self::Verify
            | Self::Enroll
            | Self::Drill
            | Self::Certificates
            | Self::Request
            | Self::Alert
            | Self::Acknowledge
            | Self::Interact
            | Self::Digest => None,
        }
    }

    /// Returns the schedule of the periodic pass, as EventBridge spells it; `None` if the function runs on demand.
    #[must_use]
    pub const fn schedule(self) -> Option<&'static str> {
        match self {
            Self::Rollout | Self::Verify | Self::Scale | Self::Heal | Self::Alert => {
                Some("rate(1 minute)")
            }
            Self::Deploy | Self::Archive | Self::Request => Some("rate(5 minutes)"),
            Self::Enroll => Some("rate(1 hour)"),
            Self::Backup => Some("cron(0/15 * * * ? *)"),
            Self::Drill => Some("cron(5/15 * * * ? *)"),
            Self::Certificates => Some("cron(20 5 * * ? *)"),
            Self::Digest => Some("cron(0 * * * ? *)"),
            Self::Acknowledge | Self::Interact => None,
        }
    }

    /// Returns the schedule of a second sweep, over the watched targets only; `None` if the function has none.
    #[must_use]
    pub const fn watched_schedule(self) -> Option<&'static str> {
        match self {
            Self::Enroll => Some("rate(5 minutes)"),
            Self::Deploy
            | Self::Rollout
            | Self::Verify
            | Self::Scale
            | Self::Heal
            | Self::Backup
            | Self::Drill
            | Self::Archive
            | Self::Certificates
            | Self::Request
            | Self::Alert
            | Self::Acknowledge
            | Self::Interact
            | Self::Digest => None,
        }
    }

    /// Reports whether the function runs an operation of the engine, on the targets of the account.
    #[must_use]
    pub const fn is_operation(self) -> bool {
        match self {
            Self::Deploy
            | Self::Rollout
            | Self::Verify
            | Self::Scale
            | Self::Heal
            | Self::Enroll
            | Self::Backup
            | Self::Drill
            | Self::Archive
            | Self::Certificates
            | Self::Request => true,
            Self::Alert | Self::Acknowledge | Self::Interact | Self::Digest => false,
        }
    }

    /// Returns the cause of the incidents that the function reports.
    #[must_use]
    pub const fn cause(self) -> Cause {
        match self {
            Self::Deploy | Self::Rollout | Self::Verify => Cause::Release,
            Self::Heal => Cause::Health,
            Self::Scale => Cause::Load,
            Self::Backup | Self::Drill => Cause::Backup,
            Self::Archive => Cause::Logs,
            Self::Certificates => Cause::Certificates,
            Self::Request => Cause::Requests,
            Self::Enroll => Cause::Setup,
            Self::Alert | Self::Acknowledge | Self::Interact | Self::Digest => Cause::Stack,
        }
    }
}
