//! What should happen, as data: complete, absolute, and with a reason for everything.

mod backups;
mod healing;
mod logs;
mod releases;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{Alarm, Arn, counted};
use crate::notify::Message;

pub use backups::{
    Backup, Copy, Drilled, Expire, Halt, Remove, Restore, RestorePart, RunProbe, Verify,
};
pub use healing::{Drain, Enlarge, Move, Park, Recover, Replace};
pub use logs::{Complete, Export, Retain};
pub use releases::{
    Continue, GoBack, HookStatus, Judge, Redeploy, Report, Rollout, Shift, Verdict,
};

/// A decision about one target. An empty plan has a reason too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub reason: String,
    pub steps: Vec<Step>,
    /// What people are told whether or not anything is done.
    pub messages: Vec<Message>,
    /// All that was found wrong with how the target is set up; `None` where nobody looked. Each is told when it
    /// is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub findings: Option<Vec<Finding>>,
    /// What the plan waits for. Since when it does is remembered, as long as it is the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<String>,
    /// What the deployment that asks is answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hook: Option<HookStatus>,
}

/// Something about a target that will hurt one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What makes it this finding and not another: `no-health-check`.
    pub key: String,
    pub message: Message,
}

/// One action, why, and what people are told once it is done, if anything. Steps are independent of each
/// other; what must happen in order is one action.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    pub action: Action,
    pub reason: String,
    pub message: Option<Message>,
}

/// All that this system may do to AWS.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Action {
    Rollout(Rollout),
    Redeploy(Redeploy),
    GoBack(GoBack),
    Continue(Continue),
    Judge(Judge),
    Report(Report),
    Scale(Scale),
    Floor(Floor),
    Alarms(Alarms),
    Dashboard(Dashboard),
    Backup(Backup),
    Copy(Copy),
    Expire(Expire),
    Restore(Restore),
    Remove(Remove),
    Verify(Verify),
    RunProbe(RunProbe),
    Halt(Halt),
    Export(Export),
    Complete(Complete),
    Retain(Retain),
    Replace(Replace),
    Park(Park),
    Enlarge(Enlarge),
    Move(Move),
    Drain(Drain),
    Recover(Recover),
}

/// Set a service's desired count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scale {
    pub service: Arn,
    pub from: u32,
    pub to: u32,
    /// What the count is when nothing asks for more; above it a surge is counted.
    pub base: u32,
}

/// Set the minimum capacity of a service's target in Application Auto Scaling. AWS raises the desired count to
/// it at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Floor {
    pub service: Arn,
    pub from: u32,
    pub to: u32,
    /// It is what the minimum was before it was first raised here.
    pub restores: bool,
}

/// Make alarms what they should be, and delete those of ours that should not be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alarms {
    pub target: Arn,
    pub put: Vec<Alarm>,
    /// Tags of every alarm that is made.
    pub tags: BTreeMap<String, String>,
    pub delete: Vec<String>,
}

/// Make a dashboard what it should be, or delete it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dashboard {
    pub name: String,
    /// JSON as CloudWatch takes it; `None` to delete it.
    pub body: Option<String>,
}

/// How an action ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// Done; says what AWS answered.
    Done(String),
    /// Not done, or not known to be.
    Failed(String),
    /// Not tried: the arbiter or a limit stood against it.
    Withheld(String),
}

impl Plan {
    /// Nothing to do, for this reason.
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

    /// Nothing to do, and people are told why.
    #[must_use]
    pub fn tell(message: Message) -> Self {
        Self {
            reason: message.title.clone(),
            steps: Vec::new(),
            messages: vec![message],
            findings: None,
            waits_for: None,
            hook: None,
        }
    }

    /// One action, and nobody is told where there is no message.
    pub fn act(
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

    /// The same, and a deployment that asks is answered so.
    #[must_use]
    pub fn answering(self, status: HookStatus) -> Self {
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
    /// What it is, for people: `roll out RC_1.4.2 (sha256:ab12cd34)`.
    #[must_use]
    pub fn in_words(&self) -> String {
        match self {
            Self::Rollout(rollout) => {
                format!("roll out {} ({})", rollout.tag, rollout.digest.short())
            }
            Self::Redeploy(_) => "restart the tasks".to_owned(),
            Self::GoBack(GoBack { to, .. }) => {
                format!("go back to {}", to.rsplit('/').next().unwrap_or_default())
            }
            Self::Continue(Continue { tag, .. }) => format!("let {tag} go on"),
            Self::Judge(Judge { tag, verdict, .. }) => match verdict {
                Verdict::Passed { .. } => format!("remember {tag} as good"),
                Verdict::Failed { .. } => format!("roll {tag} out no more"),
                Verdict::Superseded => format!("follow {tag} no more"),
            },
            Self::Report(Report {
                deployment,
                passed: true,
                ..
            }) => format!("let {deployment} go on"),
            Self::Report(Report { deployment, .. }) => format!("fail {deployment}"),
            Self::Scale(Scale { from, to, .. }) => format!("scale from {from} to {to} tasks"),
            Self::Floor(Floor { from, to, .. }) => {
                format!("set Auto Scaling's minimum from {from} to {to} tasks")
            }
            Self::Alarms(Alarms { put, delete, .. }) => match (put.len(), delete.len()) {
                (put, 0) => format!("set {}", counted(put, "alarm")),
                (0, delete) => format!("delete {}", counted(delete, "alarm")),
                (put, delete) => format!("set {} and delete {delete}", counted(put, "alarm")),
            },
            Self::Dashboard(Dashboard {
                name,
                body: Some(_),
            }) => format!("set the dashboard {name}"),
            Self::Dashboard(Dashboard { name, body: None }) => {
                format!("delete the dashboard {name}")
            }
            Self::Backup(Backup { identifier, .. }) => format!("take the snapshot {identifier}"),
            Self::Restore(Restore {
                snapshot,
                into,
                part,
                ..
            }) => match part {
                RestorePart::Member => format!("add an instance to the restored cluster {into}"),
                _ => format!("restore {} to {into}", snapshot.name()),
            },
            Self::Remove(Remove { database, .. }) => {
                format!("delete the throwaway database {}", database.name())
            }
            Self::Verify(Verify { snapshot, .. }) => {
                format!("mark {} as verified", snapshot.name())
            }
            Self::RunProbe(RunProbe {
                task_definition, ..
            }) => format!("run the check {task_definition}"),
            Self::Halt(_) => "stop the check".to_owned(),
            Self::Export(Export { of, .. }) => format!("export the logs of {}", of.day),
            Self::Complete(Complete { of, .. }) => format!("write the manifest of {}", of.day),
            Self::Retain(Retain { days, .. }) => {
                format!("keep logs for {}", counted(*days as usize, "day"))
            }
            Self::Replace(Replace { task, .. }) => {
                format!(
                    "replace the task {}",
                    task.rsplit('/').next().unwrap_or_default()
                )
            }
            Self::Park(Park {
                to,
                restores: false,
                ..
            }) => format!("park at {}", counted(*to as usize, "task")),
            Self::Park(Park { to, .. }) => format!("run {} again", counted(*to as usize, "task")),
            Self::Enlarge(Enlarge { sizes, .. }) => format!("give it more memory: {sizes}"),
            Self::Move(Move { to, .. }) => {
                let providers: Vec<&str> = to.iter().map(|share| share.provider.as_str()).collect();
                format!("place its tasks on {}", providers.join(" and "))
            }
            Self::Drain(Drain { ec2, .. }) => format!("drain the instance {ec2}"),
            Self::Recover(_) => "note that it is well".to_owned(),
            Self::Copy(Copy { snapshot, to, .. }) => format!("copy {} to {to}", snapshot.name()),
            Self::Expire(Expire { snapshot }) => format!("delete the snapshot {}", snapshot.name()),
        }
    }

    /// It does nothing to the target itself, so that nobody misses it for an hour.
    #[must_use]
    pub fn can_wait(&self) -> bool {
        matches!(
            self,
            Self::Alarms(_)
                | Self::Dashboard(_)
                | Self::Expire(_)
                | Self::Verify(_)
                | Self::Copy(_)
                | Self::Export(_)
                | Self::Complete(_)
                | Self::Retain(_)
                | Self::Judge(_)
                | Self::Report(_)
                | Self::Recover(_)
        )
    }

    /// AWS may say that it is too early for it ([`crate::AwsError::is_not_now`]): then it waits for a later look.
    #[must_use]
    pub fn has_its_time(&self) -> bool {
        match self {
            Self::Rollout(rollout) => rollout.code_deploy.is_some(),
            Self::GoBack(back) => back.code_deploy.is_some(),
            other => matches!(other, Self::Backup(_) | Self::Export(_)),
        }
    }

    /// What it starts gets its traffic step by step, and may pause on the way.
    #[must_use]
    pub fn shifts(&self) -> bool {
        match self {
            Self::Redeploy(redeploy) => redeploy.shifts,
            Self::Enlarge(enlarge) => enlarge.shifts,
            Self::Move(moving) => moving.shifts,
            _ => false,
        }
    }

    /// It is a step by which a service is to get well.
    #[must_use]
    pub fn heals(&self) -> bool {
        match self {
            Self::Redeploy(redeploy) => redeploy.heals,
            other => {
                matches!(
                    other,
                    Self::GoBack(_)
                        | Self::Replace(_)
                        | Self::Park(_)
                        | Self::Enlarge(_)
                        | Self::Move(_)
                )
            }
        }
    }

    /// It takes away what this system made for a while, answers who waits for it, or only remembers: whatever the tags say
    /// by now.
    #[must_use]
    pub fn is_teardown(&self) -> bool {
        matches!(
            self,
            Self::Remove(_) | Self::Halt(_) | Self::Report(_) | Self::Recover(_)
        )
    }

    /// What makes it this action and not another of its kind, whatever the hour.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Rollout(rollout) => format!("roll out {}", rollout.digest),
            Self::Redeploy(redeploy) if redeploy.heals => "restart the tasks".to_owned(),
            Self::Redeploy(redeploy) => format!("redeploy since {}", redeploy.since),
            // What is refused for one slot or snapshot is refused for the next: one message.
            Self::Replace(_) => "replace a task".to_owned(),
            Self::Backup(_) => "take a snapshot".to_owned(),
            Self::Expire(_) => "delete snapshots".to_owned(),
            Self::Copy(copy) => format!("copy to {}", copy.to),
            Self::Restore(_) => "restore for a drill".to_owned(),
            Self::Export(_) => "export logs".to_owned(),
            Self::Complete(_) => "write manifests".to_owned(),
            _ => self.in_words(),
        }
    }
}
