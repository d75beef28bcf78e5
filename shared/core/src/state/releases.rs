//! The state of releases: the active rollout, verified revisions and quarantined digests.

use crate::notify::Message;
use crate::plan::RestartTasks;
use crate::state::attempt::Attempt;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::model::Digest;
use crate::state::probe_streak::ProbeStreak;

/// The state of releases.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReleaseState {
    /// Rollouts and restarts, oldest first.
    pub attempts: Vec<Attempt>,
    /// The rollout that is tracked until its result is known.
    pub active_rollout: Option<ActiveRollout>,
    /// The rollback or restart that has not completed.
    pub active_rollback: Option<ActiveRollback>,
    /// The deployment that waits for a verdict of its lifecycle hook.
    pub pending_verdict: Option<PendingVerdict>,
    /// The revisions of verified rollouts, oldest first.
    pub verified: Vec<Verified>,
    /// The quarantined image digests, and why.
    pub quarantined: BTreeMap<Digest, String>,
    /// A restart that no sweep would discover again. Kept until the restart has completed.
    pub pending_restart: Option<PendingRestart>,
}

/// A rollout that AWS accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActiveRollout {
    pub digest: Digest,
    pub tag: String,
    /// The ARN of the revision that ran before.
    pub base: String,
    pub at: Timestamp,
    /// The identifier of the CodeDeploy deployment, if CodeDeploy deploys the service and its
    /// answer arrived.
    #[serde(default)]
    pub deployment: Option<String>,
    /// The results of probes since the rollout completed.
    #[serde(default)]
    pub probe_streak: ProbeStreak,
}

/// A deployment whose hook waits for a verdict, and the results so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingVerdict {
    /// The ARN of the ECS service deployment, or the identifier of the CodeDeploy deployment.
    pub deployment: String,
    /// The execution identifier of the CodeDeploy hook that waits for an answer.
    #[serde(default)]
    pub execution: Option<String>,
    /// The time since which the hook asks about production traffic; `None` before it shifts.
    pub since: Option<Timestamp>,
    /// The stage that the hook asks about, and in production the share of traffic.
    pub step: String,
    pub step_since: Timestamp,
    /// The verdict was a failure, and is the answer to any further call of the hook.
    #[serde(default)]
    pub failed: bool,
    /// The results of probes in this step.
    pub probe_streak: ProbeStreak,
}

/// A rollback or restart in progress. It is not a release, so it needs no verdict and no approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActiveRollback {
    /// The ARN of the revision to roll back to; `None` for a restart.
    pub to: Option<String>,
    pub at: Timestamp,
}

/// A revision whose rollout was verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    pub digest: Digest,
    pub tag: String,
    /// The ARN of the revision.
    pub revision: String,
    pub at: Timestamp,
}

/// A restart that is due, because something that the tasks read has changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingRestart {
    pub restart: RestartTasks,
    pub message: Message,
}
