//! Events about releases, which Lamplighter puts on the default event bus for pipelines.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::model::{Arn, Digest};

/// An event about a release of one service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseEvent {
    pub kind: ReleaseEventKind,
    pub at: Timestamp,
    /// The time at which the rollout began, or at which the image was first held.
    pub since: Timestamp,
    /// The ARN of the service.
    pub service: Arn,
    pub tag: String,
    pub digest: Digest,
    /// The commit that the image was built from, if its manifest names one.
    pub commit: Option<String>,
    /// Why, in one sentence; empty if there is nothing to explain.
    pub reason: String,
}

/// What happened to a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReleaseEventKind {
    Started,
    Held,
    Verified,
    Rejected,
    RolledBack,
    Superseded,
}

impl ReleaseEventKind {
    pub const ALL: [Self; 6] = [
        Self::Started,
        Self::Held,
        Self::Verified,
        Self::Rejected,
        Self::RolledBack,
        Self::Superseded,
    ];

    /// Returns the `detail-type` of the event.
    #[must_use]
    pub fn detail_type(self) -> &'static str {
        match self {
            Self::Started => "Release Started",
            Self::Held => "Release Held",
            Self::Verified => "Release Verified",
            Self::Rejected => "Release Rejected",
            Self::RolledBack => "Release Rolled Back",
            Self::Superseded => "Release Superseded",
        }
    }

    /// Returns the kind with this `detail-type`.
    #[must_use]
    pub fn from_detail_type(detail_type: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.detail_type() == detail_type)
    }

    /// Returns the verdict on the release; `None` while there is none, or if it was not judged.
    fn verdict(self) -> Option<&'static str> {
        match self {
            Self::Verified => Some("healthy"),
            Self::Rejected | Self::RolledBack => Some("unhealthy"),
            Self::Started | Self::Held | Self::Superseded => None,
        }
    }
}

impl ReleaseEvent {
    /// Returns the `detail` of the event. A repeated delivery has the same `id`.
    #[must_use]
    pub fn detail(&self) -> Value {
        let service = self.service.display_name();
        json!({
            "id": format!("{:?}/{service}/{}/{}", self.kind, self.digest.short_digest(), self.since),
            "service": service,
            "tag": self.tag,
            "digest": self.digest,
            "commit": self.commit,
            "verdict": self.kind.verdict(),
            "reason": self.reason,
            "time": self.at,
        })
    }
}
