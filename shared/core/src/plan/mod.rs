//! Plans: what should happen, as data. A plan is complete and absolute, and each step has a
//! reason.

mod action;
mod backups;
mod drills;
mod healing;
mod hold;
mod logs;
mod monitoring;
mod pre_deployment;
mod properties;
mod release_properties;
mod releases;
mod requests;
mod restores;
mod scaling;
#[cfg(test)]
mod stable_key_tests;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::notify::Message;

pub use action::Action;
pub use backups::{BackupAction, CopySnapshot, CreateSnapshot, DeleteSnapshot};
pub use drills::{
    DeleteRestoredDatabase, DrillAction, DrillResult, MarkVerified, RestoreForDrill, RunCheckTask,
    StopCheckTask,
};
pub use healing::{
    CloseIncident, DrainInstance, HealingAction, IncreaseMemory, ParkService, ReplaceTask,
    SwitchCapacityProvider,
};
pub use hold::{HeldImage, Hold, HoldKind};
pub use logs::{ExportLogs, LogAction, SetRetention, WriteManifest};
pub use monitoring::{ApplyAlarms, ApplyDashboard, MonitoringAction};
pub use pre_deployment::{RunPreDeploymentTask, StopPreDeploymentTask};
pub use properties::{ActionProperties, ArbiterRule, LimitRule, Repair};
pub use releases::{
    AnswerCodeDeployHook, ContinueDeployment, HookStatus, PinRevision, RecordResult, ReleaseAction,
    ReleaseResult, RestartTasks, RestoreStrategy, Rollback, Rollout, TrafficShiftSettings,
};
pub use requests::RequestAction;
pub use restores::{
    CreateMember, CreateReplicationGroup, CreateServerlessCache, Network, RestoreCall,
    RestoreCluster, RestoreInstance, Temporary,
};
pub use scaling::{ScalingAction, SetDesiredCount, SetMinCapacity};

/// A decision about one target. An empty plan has a reason too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub reason: String,
    pub steps: Vec<Step>,
    /// Notifications to send regardless of the steps.
    pub messages: Vec<Message>,
    /// All current findings about the configuration of the target; `None` if it was not checked. A
    /// new finding is notified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub findings: Option<Vec<Finding>>,
    /// The condition that the plan waits for. The target state records since when, while it stays
    /// the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<String>,
    /// The response to a deployment lifecycle hook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hook: Option<HookStatus>,
    /// What keeps the operation from doing more now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// The plan refuses what a caller asked for. The reason says why.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_refusal: bool,
}

/// A risk in the configuration of a target that has not caused harm yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The key that identifies the finding: `no-health-check`.
    pub key: String,
    pub message: Message,
}

/// One action with its reason, and the notification to send once it is done, if any. Steps are
/// independent of each other; work that must happen in order is one action.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    pub action: Action,
    pub reason: String,
    pub message: Option<Message>,
}

/// The outcome of an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// The action succeeded, with the answer of AWS.
    Done(String),
    /// The action failed, or its outcome is unknown.
    Failed(String),
    /// The action was not tried: the arbiter or a limit withheld it.
    Withheld(String),
}

impl Plan {
    /// Returns an empty plan with this reason.
    pub fn nothing(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            steps: Vec::new(),
            messages: Vec::new(),
            findings: None,
            waits_for: None,
            hook: None,
            hold: None,
            is_refusal: false,
        }
    }

    /// Returns an empty plan that refuses what a caller asked for, with this reason.
    pub fn refuse(reason: impl Into<String>) -> Self {
        Self {
            is_refusal: true,
            ..Self::nothing(reason)
        }
    }

    /// Returns a plan without steps that sends one notification.
    #[must_use]
    pub fn notify(message: Message) -> Self {
        Self {
            messages: vec![message.clone()],
            ..Self::nothing(message.title)
        }
    }

    /// Returns a plan with one step. Without a message nobody is notified.
    pub fn single_step(
        action: Action,
        reason: impl Into<String>,
        message: impl Into<Option<Message>>,
    ) -> Self {
        let reason = reason.into();
        let step = Step {
            action,
            reason: reason.clone(),
            message: message.into(),
        };
        Self {
            steps: vec![step],
            ..Self::nothing(reason)
        }
    }

    /// Returns the plan with a response to a deployment lifecycle hook.
    #[must_use]
    pub fn with_hook_status(self, status: HookStatus) -> Self {
        Self {
            hook: Some(status),
            ..self
        }
    }

    /// Returns the plan with the log group in all its messages, if it is known.
    #[must_use]
    pub fn with_log_group(mut self, group: Option<&str>) -> Self {
        let of_steps = self
            .steps
            .iter_mut()
            .filter_map(|step| step.message.as_mut());
        for message in self.messages.iter_mut().chain(of_steps) {
            message.log_group = group.map(str::to_owned);
        }
        self
    }

    /// Returns the plan as one that something holds, for its reason.
    #[must_use]
    pub fn with_hold(self, kind: HoldKind) -> Self {
        Self {
            hold: Some(Hold::new(kind, self.reason.clone())),
            ..self
        }
    }

    /// Returns the plan with the time at which its hold ends by itself.
    #[must_use]
    pub fn with_hold_end(mut self, until: Timestamp) -> Self {
        if let Some(hold) = &mut self.hold {
            hold.until = Some(until);
        }
        self
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}
