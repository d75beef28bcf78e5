//! The input of a decision: what AWS reports about one rollout.

use jiff::Timestamp;
use lamplighter::model::{CodeDeployment, Digest, ExistingAlarm, Request, Service};
use lamplighter::release::evidence::Evidence;
use lamplighter::release::rollback::RollbackTarget;
use lamplighter::state::{ActiveRollout, ProbeStreak, RolloutProgress};
use serde::Serialize;

use crate::stage::RolloutStage;

/// The input of [`crate::decide`].
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Observed {
    /// `None` if the service does not exist.
    pub service: Option<Service>,
    /// The CodeDeploy deployment, if CodeDeploy deploys the service.
    pub code_deployment: Option<CodeDeployment>,
    /// The progress of the active rollout.
    pub stage: RolloutStage,
    /// The revision to roll back to; read only if a rollback is needed.
    pub rollback_target: Option<RollbackTarget>,
    /// How far ECS has replaced the tasks.
    pub progress: Option<RolloutProgress>,
    /// The released digest that the service runs, if it is another one.
    pub runs_instead: Option<Digest>,
    /// The probe results so far, if the tag gives addresses to probe.
    pub probe_streak: Option<ProbeStreak>,
    /// Firing error alarms; read only after completion, if there is a bake time.
    pub alarms: Vec<ExistingAlarm>,
    /// Alarms that the tag names and CloudWatch does not know; read with the others.
    pub missing_alarms: Vec<String>,
    /// Dependencies of the application that are down; read only for a failed release.
    pub down: Vec<String>,
    /// Service events since the rollout began, newest first, after any CodeDeploy error. Read only
    /// for a failed release.
    pub service_events: Vec<String>,
    /// Stopped tasks, log lines and other evidence; read only for a failed release.
    pub evidence: Evidence,
    /// The ARN of the deployment that waits for approval, and the identifier of its pause hook.
    pub pause: Option<(String, String)>,
    /// The time of this observation if the deadline starts again from it.
    pub deadline_restarts_at: Option<Timestamp>,
    /// Whether the active rollback has finished.
    pub rollback_finished: bool,
    /// The rollback that a person requested.
    pub requested: Option<RequestedRollback>,
    /// The identifier of the request to reject or to roll back that needs nothing more.
    pub closed_request: Option<String>,
    /// The deployment that can be reverted to the rollback target: its ECS ARN or CodeDeploy
    /// identifier.
    pub revertible_deployment: Option<String>,
}

/// A rollback that a person requested, or why it has no effect.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RequestedRollback {
    pub request: Request,
    pub found: Result<Found, String>,
}

/// The release to leave, and the revision to roll back to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Found {
    pub leaving: ActiveRollout,
    pub target: RollbackTarget,
}

impl Observed {
    /// Reports whether the service was deleted: ECS lists one as INACTIVE for a while.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.service
            .as_ref()
            .is_none_or(|service| service.status == "INACTIVE")
    }
}
