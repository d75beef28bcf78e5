//! Plans: what should happen, as data. A plan is complete and absolute, and each step has a
//! reason.

mod backups;
mod healing;
mod logs;
mod releases;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{Alarm, Arn, pluralize};
use crate::notify::Message;

pub use backups::{
    CopySnapshot, CreateSnapshot, DeleteRestoredDatabase, DeleteSnapshot, DrillResult,
    MarkVerified, RestoreForDrill, RestorePart, RunCheckTask, StopCheckTask,
};
pub use healing::{
    CloseIncident, DrainInstance, IncreaseMemory, ParkService, ReplaceTask, SwitchCapacityProvider,
};
pub use logs::{ExportLogs, SetRetention, WriteManifest};
pub use releases::{
    AnswerCodeDeployHook, ContinueDeployment, HookStatus, RecordVerdict, RestartTasks, Rollback,
    Rollout, TrafficShiftSettings, Verdict,
};

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

/// All changes that Lamplighter can make, on AWS or in the target state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Action {
    Rollout(Rollout),
    RestartTasks(RestartTasks),
    Rollback(Rollback),
    ContinueDeployment(ContinueDeployment),
    RecordVerdict(RecordVerdict),
    AnswerCodeDeployHook(AnswerCodeDeployHook),
    SetDesiredCount(SetDesiredCount),
    SetMinCapacity(SetMinCapacity),
    ApplyAlarms(ApplyAlarms),
    ApplyDashboard(ApplyDashboard),
    CreateSnapshot(CreateSnapshot),
    CopySnapshot(CopySnapshot),
    DeleteSnapshot(DeleteSnapshot),
    RestoreForDrill(RestoreForDrill),
    DeleteRestoredDatabase(DeleteRestoredDatabase),
    MarkVerified(MarkVerified),
    RunCheckTask(RunCheckTask),
    StopCheckTask(StopCheckTask),
    ExportLogs(ExportLogs),
    WriteManifest(WriteManifest),
    SetRetention(SetRetention),
    ReplaceTask(ReplaceTask),
    ParkService(ParkService),
    IncreaseMemory(IncreaseMemory),
    SwitchCapacityProvider(SwitchCapacityProvider),
    DrainInstance(DrainInstance),
    CloseIncident(CloseIncident),
}

/// Sets the desired count of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetDesiredCount {
    pub service: Arn,
    pub from: u32,
    pub to: u32,
    /// The count without extra load. A count above it is a surge.
    pub base: u32,
}

/// Sets the minimum capacity of a service in Application Auto Scaling. AWS raises the desired
/// count to it at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetMinCapacity {
    pub service: Arn,
    pub from: u32,
    pub to: u32,
    /// This restores the minimum from before Lamplighter first raised it.
    pub restores: bool,
}

/// Creates or updates alarms, and deletes alarms of ours that are obsolete.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApplyAlarms {
    pub target: Arn,
    pub put: Vec<Alarm>,
    /// The tags of every alarm that is created.
    pub tags: BTreeMap<String, String>,
    pub delete: Vec<String>,
}

/// Creates, updates or deletes a dashboard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplyDashboard {
    pub name: String,
    /// The body as CloudWatch JSON; `None` deletes the dashboard.
    pub body: Option<String>,
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
        }
    }

    /// Returns a plan without steps that sends one notification.
    #[must_use]
    pub fn notify(message: Message) -> Self {
        Self {
            reason: message.title.clone(),
            steps: Vec::new(),
            messages: vec![message],
            findings: None,
            waits_for: None,
            hook: None,
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
            reason,
            steps: vec![step],
            messages: Vec::new(),
            findings: None,
            waits_for: None,
            hook: None,
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

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

impl Action {
    /// Describes the action for people: `roll out RC_1.4.2 (sha256:ab12cd34)`.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Rollout(rollout) => {
                format!(
                    "roll out {} ({})",
                    rollout.tag,
                    rollout.digest.short_digest()
                )
            }
            Self::RestartTasks(_) => "restart the tasks".to_owned(),
            Self::Rollback(Rollback { to, .. }) => {
                format!("go back to {}", to.rsplit('/').next().unwrap_or_default())
            }
            Self::ContinueDeployment(ContinueDeployment { tag, .. }) => format!("let {tag} go on"),
            Self::RecordVerdict(RecordVerdict { tag, verdict, .. }) => match verdict {
                Verdict::Passed { .. } => format!("remember {tag} as good"),
                Verdict::Failed { .. } => format!("roll {tag} out no more"),
                Verdict::Superseded => format!("follow {tag} no more"),
            },
            Self::AnswerCodeDeployHook(AnswerCodeDeployHook {
                deployment,
                passed: true,
                ..
            }) => format!("let {deployment} go on"),
            Self::AnswerCodeDeployHook(AnswerCodeDeployHook { deployment, .. }) => {
                format!("fail {deployment}")
            }
            Self::SetDesiredCount(SetDesiredCount { from, to, .. }) => {
                format!("scale from {from} to {to} tasks")
            }
            Self::SetMinCapacity(SetMinCapacity { from, to, .. }) => {
                format!("set Auto Scaling's minimum from {from} to {to} tasks")
            }
            Self::ApplyAlarms(ApplyAlarms { put, delete, .. }) => match (put.len(), delete.len()) {
                (put, 0) => format!("set {}", pluralize(put, "alarm")),
                (0, delete) => format!("delete {}", pluralize(delete, "alarm")),
                (put, delete) => format!("set {} and delete {delete}", pluralize(put, "alarm")),
            },
            Self::ApplyDashboard(ApplyDashboard {
                name,
                body: Some(_),
            }) => format!("set the dashboard {name}"),
            Self::ApplyDashboard(ApplyDashboard { name, body: None }) => {
                format!("delete the dashboard {name}")
            }
            Self::CreateSnapshot(CreateSnapshot { identifier, .. }) => {
                format!("take the snapshot {identifier}")
            }
            Self::RestoreForDrill(RestoreForDrill {
                snapshot,
                into,
                part,
                ..
            }) => match part {
                RestorePart::Member => format!("add an instance to the restored cluster {into}"),
                _ => format!("restore {} to {into}", snapshot.display_name()),
            },
            Self::DeleteRestoredDatabase(DeleteRestoredDatabase { database, .. }) => {
                format!("delete the throwaway database {}", database.display_name())
            }
            Self::MarkVerified(MarkVerified { snapshot, .. }) => {
                format!("mark {} as verified", snapshot.display_name())
            }
            Self::RunCheckTask(RunCheckTask {
                task_definition, ..
            }) => format!("run the check {task_definition}"),
            Self::StopCheckTask(_) => "stop the check".to_owned(),
            Self::ExportLogs(ExportLogs { of, .. }) => format!("export the logs of {}", of.day),
            Self::WriteManifest(WriteManifest { of, .. }) => {
                format!("write the manifest of {}", of.day)
            }
            Self::SetRetention(SetRetention { days, .. }) => {
                format!("keep logs for {}", pluralize(*days as usize, "day"))
            }
            Self::ReplaceTask(ReplaceTask { task, .. }) => {
                format!(
                    "replace the task {}",
                    task.rsplit('/').next().unwrap_or_default()
                )
            }
            Self::ParkService(ParkService {
                to,
                restores: false,
                ..
            }) => format!("park at {}", pluralize(*to as usize, "task")),
            Self::ParkService(ParkService { to, .. }) => {
                format!("run {} again", pluralize(*to as usize, "task"))
            }
            Self::IncreaseMemory(IncreaseMemory { sizes, .. }) => {
                format!("give it more memory: {sizes}")
            }
            Self::SwitchCapacityProvider(SwitchCapacityProvider { to, .. }) => {
                let providers: Vec<&str> = to.iter().map(|share| share.provider.as_str()).collect();
                format!("place its tasks on {}", providers.join(" and "))
            }
            Self::DrainInstance(DrainInstance { ec2, .. }) => format!("drain the instance {ec2}"),
            Self::CloseIncident(_) => "note that it is well".to_owned(),
            Self::CopySnapshot(CopySnapshot { snapshot, to, .. }) => {
                format!("copy {} to {to}", snapshot.display_name())
            }
            Self::DeleteSnapshot(DeleteSnapshot { snapshot }) => {
                format!("delete the snapshot {}", snapshot.display_name())
            }
        }
    }

    /// Reports whether the action does not touch the target itself, so that an hour of delay does
    /// no harm.
    #[must_use]
    pub fn is_deferrable(&self) -> bool {
        matches!(
            self,
            Self::ApplyAlarms(_)
                | Self::ApplyDashboard(_)
                | Self::DeleteSnapshot(_)
                | Self::MarkVerified(_)
                | Self::CopySnapshot(_)
                | Self::ExportLogs(_)
                | Self::WriteManifest(_)
                | Self::SetRetention(_)
                | Self::RecordVerdict(_)
                | Self::AnswerCodeDeployHook(_)
                | Self::CloseIncident(_)
        )
    }

    /// Reports whether a transient state of AWS may block the action
    /// ([`crate::AwsError::is_transient_state`]). It is then retried later.
    #[must_use]
    pub fn is_retriable_later(&self) -> bool {
        match self {
            Self::Rollout(rollout) => rollout.code_deploy.is_some(),
            Self::Rollback(back) => back.code_deploy.is_some(),
            other => matches!(other, Self::CreateSnapshot(_) | Self::ExportLogs(_)),
        }
    }

    /// Reports whether the action shifts traffic step by step, and may pause on the way.
    #[must_use]
    pub fn shifts_traffic(&self) -> bool {
        match self {
            Self::RestartTasks(redeploy) => redeploy.shifts,
            Self::IncreaseMemory(enlarge) => enlarge.shifts,
            Self::SwitchCapacityProvider(moving) => moving.shifts,
            _ => false,
        }
    }

    /// Reports whether the action is a step towards a healthy service.
    #[must_use]
    pub fn is_healing(&self) -> bool {
        match self {
            Self::RestartTasks(redeploy) => redeploy.heals,
            other => {
                matches!(
                    other,
                    Self::Rollback(_)
                        | Self::ReplaceTask(_)
                        | Self::ParkService(_)
                        | Self::IncreaseMemory(_)
                        | Self::SwitchCapacityProvider(_)
                )
            }
        }
    }

    /// Reports whether the action runs regardless of the tags. It deletes a temporary resource,
    /// answers a waiting hook, or only updates the target state.
    #[must_use]
    pub fn is_cleanup(&self) -> bool {
        matches!(
            self,
            Self::DeleteRestoredDatabase(_)
                | Self::StopCheckTask(_)
                | Self::AnswerCodeDeployHook(_)
                | Self::CloseIncident(_)
        )
    }

    /// Returns a key that identifies the action among others of its kind, independent of time.
    #[must_use]
    pub fn stable_key(&self) -> String {
        match self {
            Self::Rollout(rollout) => format!("roll out {}", rollout.digest),
            Self::RestartTasks(redeploy) if redeploy.heals => "restart the tasks".to_owned(),
            Self::RestartTasks(redeploy) => format!("redeploy since {}", redeploy.since),
            // An error for one slot or snapshot is an error for the next, and one notification is
            // enough.
            Self::ReplaceTask(_) => "replace a task".to_owned(),
            Self::CreateSnapshot(_) => "take a snapshot".to_owned(),
            Self::DeleteSnapshot(_) => "delete snapshots".to_owned(),
            Self::CopySnapshot(copy) => format!("copy to {}", copy.to),
            Self::RestoreForDrill(_) => "restore for a drill".to_owned(),
            Self::ExportLogs(_) => "export logs".to_owned(),
            Self::WriteManifest(_) => "write manifests".to_owned(),
            _ => self.describe(),
        }
    }
}
