//! The progress of a rollout.

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::{ExistingAlarm, Service};
use lamplighter::state::ActiveRollout;
use serde::Serialize;

/// How long DescribeServices may return stale state after an update.
pub(crate) const CONSISTENCY_DELAY: SignedDuration = SignedDuration::from_mins(2);

/// The progress of a rollout.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub enum RolloutStage {
    /// In progress, and within its deadline.
    #[default]
    InProgress,
    /// Waiting for an approval before traffic shifts to it.
    Paused,
    /// No task is desired, so that nothing shows whether it works.
    Idle,
    /// Completed: all tasks run it.
    Live,
    /// Not completed by the deadline.
    TimedOut,
    /// Completed, but its probes failed, or were inconclusive under `inconclusive=rollback`.
    ProbesFailed,
    /// Completed, but an alarm has fired since it began.
    AlarmFiring,
    /// ECS or CodeDeploy reports a failure without rolling it back.
    Failed,
    /// The service runs its previous revision again.
    RolledBack,
    /// The service runs something newer, or rollouts are no longer tracked.
    Superseded,
}

impl RolloutStage {
    /// Reports whether the stage is a failure, for which evidence is collected.
    #[must_use]
    pub fn is_failure(self) -> bool {
        match self {
            Self::TimedOut
            | Self::Failed
            | Self::RolledBack
            | Self::ProbesFailed
            | Self::AlarmFiring => true,
            Self::InProgress | Self::Paused | Self::Idle | Self::Live | Self::Superseded => false,
        }
    }

    /// Reports whether Lamplighter has to roll the service back.
    #[must_use]
    pub fn needs_rollback(self) -> bool {
        match self {
            Self::TimedOut | Self::Failed | Self::ProbesFailed | Self::AlarmFiring => true,
            Self::InProgress
            | Self::Paused
            | Self::Idle
            | Self::Live
            | Self::RolledBack
            | Self::Superseded => false,
        }
    }

    /// Reports whether a deployment in this stage may be waiting at a pause hook.
    #[must_use]
    pub fn may_be_paused(self) -> bool {
        match self {
            Self::InProgress | Self::TimedOut => true,
            Self::Paused
            | Self::Idle
            | Self::Live
            | Self::Failed
            | Self::ProbesFailed
            | Self::AlarmFiring
            | Self::RolledBack
            | Self::Superseded => false,
        }
    }
}

/// Returns the progress of an ECS rollout. `runs_it`: the newest deployment has its image.
/// `failed`: ECS reported a failed deployment since the rollout began. `deadline` is in seconds, from the last progress.
#[must_use]
pub fn derive_stage(
    service: &Service,
    active: &ActiveRollout,
    runs_it: bool,
    failed: bool,
    deadline: Option<u64>,
    now: Timestamp,
) -> RolloutStage {
    let age = now.duration_since(active.at);
    let Some(deadline) = deadline else {
        return RolloutStage::Superseded;
    };
    let Some(primary) = service.primary_deployment() else {
        return RolloutStage::InProgress;
    };
    if runs_it {
        let stalled = now.duration_since(last_progress(active));
        let is_late = u64::try_from(stalled.as_secs()).is_ok_and(|stalled| stalled >= deadline);
        if service.desired_count == 0 {
            return RolloutStage::Idle;
        }
        return match primary.rollout_state.as_str() {
            "COMPLETED" => RolloutStage::Live,
            "FAILED" => RolloutStage::Failed,
            // ECS reports no rollout state for a service behind a Classic Load Balancer.
            "" if age >= CONSISTENCY_DELAY && is_only_deployment(service) => RolloutStage::Live,
            _ if is_late => RolloutStage::TimedOut,
            _ => RolloutStage::InProgress,
        };
    }
    let is_older = primary
        .created_at
        .is_some_and(|created| created < active.at);
    if primary.task_definition != active.base && !is_older {
        RolloutStage::Superseded
    } else if age < CONSISTENCY_DELAY && !failed {
        RolloutStage::InProgress
    } else {
        RolloutStage::RolledBack
    }
}

/// Returns when the rollout last made progress, or began.
fn last_progress(active: &ActiveRollout) -> Timestamp {
    active
        .progress
        .map_or(active.at, |progress| progress.at.max(active.at))
}

/// Reports whether all tasks belong to the newest deployment.
fn is_only_deployment(service: &Service) -> bool {
    service.deployments.len() == 1 && service.running_count >= service.desired_count
}

/// Reports whether an alarm counts against the release: only if it fired after the rollout began.
#[must_use]
pub fn blames_release(alarm: &ExistingAlarm, active: &ActiveRollout) -> bool {
    // AWS may report the time in whole seconds.
    alarm
        .state_since
        .is_some_and(|since| since + SignedDuration::from_secs(1) >= active.at)
}
