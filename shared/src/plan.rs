//! What should happen, as data: complete, absolute, and with a reason for everything.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{Alarm, Arn, CodeGroup, Digest, LogDay, Place, counted};
use crate::notice::Message;
use crate::policy::{Hook, Strategy};

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

/// The answer of a deployment lifecycle hook, in the form that ECS reads.
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-lifecycle-hooks.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "hookStatus", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum HookStatus {
    /// It goes on.
    Succeeded,
    /// ECS takes it back.
    Failed,
    /// Not known yet; to be asked again after so many seconds.
    InProgress {
        #[serde(rename = "callBackDelay")]
        call_back_delay: u32,
    },
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
}

/// Register a revision of a service's task definition with other images, and update the service to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollout {
    pub service: Arn,
    /// The ARN of the task definition that everything but the images is taken from.
    pub base: String,
    /// Container name → image, as `repository:tag@digest`.
    pub images: BTreeMap<String, String>,
    /// Tags of the new revision, beside those of the base.
    pub tags: BTreeMap<String, String>,
    /// The ARN of a revision that an attempt which died already registered.
    pub registered: Option<String>,
    /// Switch ECS's deployment circuit breaker on, with rollback.
    pub enable_circuit_breaker: bool,
    /// Shift traffic in this way from now on.
    #[serde(default)]
    pub shift: Option<Shift>,
    /// Where it goes through, if CodeDeploy deploys the service.
    #[serde(default)]
    pub code_deploy: Option<CodeGroup>,
    /// The ARN of the function that CodeDeploy asks on the way.
    #[serde(default)]
    pub ask: Option<String>,
    pub tag: String,
    pub digest: Digest,
    /// A person had named the digest in `lamplighter:approve`.
    pub approved: bool,
}

/// How a service is to shift traffic to a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shift {
    pub strategy: Strategy,
    /// What is asked on the way.
    pub hook: Hook,
    /// Waits for a person before production traffic moves.
    pub pauses: bool,
    /// Seconds that both revisions run on in the end; ECS counts minutes.
    pub bake: u64,
}

/// Let a deployment go on that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Continue {
    pub service: Arn,
    /// The ARN of the service deployment.
    pub deployment: String,
    /// The identifier of the hook that it waits at.
    pub hook: String,
    /// What a person approved; `None` for a way back, which needs nobody's approval.
    pub digest: Option<Digest>,
    /// What goes on, for people.
    pub tag: String,
}

/// Start a service's tasks anew with what they run now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redeploy {
    pub service: Arn,
    /// Tasks that were started since need no restart.
    pub since: Timestamp,
}

/// Bring a service back to an earlier revision, and roll the digest that it leaves out no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoBack {
    pub service: Arn,
    /// The ARN of the revision that it goes back to.
    pub to: String,
    /// The service deployment, by its ARN, or the deployment of CodeDeploy that is to be taken back to get there; else
    /// the service is updated.
    #[serde(default)]
    pub stop: Option<String>,
    /// Where it goes through, if CodeDeploy deploys the service.
    #[serde(default)]
    pub code_deploy: Option<CodeGroup>,
    /// What is left.
    pub digest: Digest,
    pub tag: String,
    /// Why, as it is told when the digest is pushed again.
    pub reason: String,
}

/// Answer a hook of a CodeDeploy deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub service: Arn,
    /// `d-…`
    pub deployment: String,
    pub execution: String,
    pub passed: bool,
}

/// Remember how a rollout ended. Nothing on AWS is changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judge {
    pub service: Arn,
    pub digest: Digest,
    pub tag: String,
    pub verdict: Verdict,
}

/// How a rollout ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// Well: the service runs this revision, by its ARN.
    Passed { revision: String },
    /// The service went back without us. The digest is not rolled out again.
    Failed { reason: String },
    /// Somebody rolled out something else meanwhile.
    Superseded,
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

/// Take a manual snapshot of a database. Its name says of what and for when, so that it can't be taken twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backup {
    /// The instance or cluster.
    pub database: Arn,
    pub identifier: String,
    pub tags: BTreeMap<String, String>,
}

/// Copy a snapshot to another region, or to the vault after sharing it with that account, under its own name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copy {
    pub snapshot: Arn,
    pub to: Place,
    /// A key there, where the snapshot is encrypted.
    pub key: Option<String>,
    /// A copy has no tags but these.
    pub tags: BTreeMap<String, String>,
}

/// Delete a snapshot that this stack took, in the region that its ARN names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expire {
    pub snapshot: Arn,
}

/// Restore a snapshot to a throwaway database, to prove it. A cluster gets an instance by a second one of these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restore {
    /// The database that the snapshot is of.
    pub source: Arn,
    pub snapshot: Arn,
    /// What it is called.
    pub into: String,
    /// The engine, which only a cluster and its instance must be told.
    pub engine: String,
    /// That of the snapshot: a cluster would get the newest one otherwise.
    pub engine_version: Option<String>,
    pub part: RestorePart,
    /// Of an instance, a member or a Multi-AZ DB cluster; empty for another cluster.
    pub class: String,
    /// Of a Multi-AZ DB cluster.
    pub storage_type: Option<String>,
    pub iops: Option<i32>,
    pub subnet_group: Option<String>,
    /// Of a serverless cache, which has no group of them.
    pub subnets: Vec<String>,
    /// At rest; only a cache must be told.
    pub encrypted: bool,
    pub parameter_group: Option<String>,
    pub security_group: String,
    pub tags: BTreeMap<String, String>,
}

/// What of a database is restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RestorePart {
    /// Or a cache, of the kind that its source is of.
    Instance,
    Cluster,
    /// The instance of a cluster that was restored.
    Member,
}

/// Delete a throwaway database, or one part of it: the instance of a cluster goes first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remove {
    /// The database that it was restored from.
    pub source: Arn,
    pub database: Arn,
    /// What becomes known by it; `None` where the check is still to come or was made before.
    pub outcome: Option<Drilled>,
}

/// How a drill ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drilled {
    pub snapshot: Arn,
    pub began: Timestamp,
    /// Seconds until the restored database was available.
    pub took: i64,
    /// Seconds until its check had ended, if there was one.
    #[serde(default)]
    pub checked: Option<i64>,
    pub passed: bool,
}

/// Mark a snapshot as one that was restored and checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verify {
    pub snapshot: Arn,
    pub at: Timestamp,
}

/// Run a task that looks into a restored database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunProbe {
    /// The database that the restored one comes from.
    pub source: Arn,
    pub cluster: String,
    /// Family, or family and revision.
    pub task_definition: String,
    pub subnets: Vec<String>,
    pub security_group: String,
    /// Of every container, beside its own. It names a secret, and has none.
    pub environment: BTreeMap<String, String>,
    pub tags: BTreeMap<String, String>,
    /// What makes it this drill's; AWS starts one task for it.
    pub token: String,
}

/// Stop a task that looks into a restored database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Halt {
    pub cluster: String,
    pub task: String,
}

/// Export a day of a log group. AWS answers the identifier of the task that does it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Export {
    pub of: LogDay,
    /// From this on,
    pub from: Timestamp,
    /// and before this.
    pub to: Timestamp,
}

/// Write the manifest of a day that was exported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Complete {
    pub of: LogDay,
    /// The identifier of the task, which AWS also puts the objects under.
    pub task: String,
}

/// Let a log group keep its events for so many days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retain {
    pub group: Arn,
    pub days: u32,
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
    pub fn act(action: Action, reason: impl Into<String>, message: impl Into<Option<Message>>) -> Self {
        let reason = reason.into();
        let step = Step { action, reason: reason.clone(), message: message.into() };
        Self { reason, steps: vec![step], messages: Vec::new(), findings: None, waits_for: None, hook: None }
    }

    /// The same, and a deployment that asks is answered so.
    #[must_use]
    pub fn answering(self, status: HookStatus) -> Self {
        Self { hook: Some(status), ..self }
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
            Self::Rollout(rollout) => format!("roll out {} ({})", rollout.tag, rollout.digest.short()),
            Self::Redeploy(_) => "restart the tasks".to_owned(),
            Self::GoBack(GoBack { to, .. }) => format!("go back to {}", to.rsplit('/').next().unwrap_or_default()),
            Self::Continue(Continue { tag, .. }) => format!("let {tag} go on"),
            Self::Judge(Judge { tag, verdict, .. }) => match verdict {
                Verdict::Passed { .. } => format!("remember {tag} as good"),
                Verdict::Failed { .. } => format!("roll {tag} out no more"),
                Verdict::Superseded => format!("follow {tag} no more"),
            },
            Self::Report(Report { deployment, passed: true, .. }) => format!("let {deployment} go on"),
            Self::Report(Report { deployment, .. }) => format!("fail {deployment}"),
            Self::Scale(Scale { from, to, .. }) => format!("scale from {from} to {to} tasks"),
            Self::Floor(Floor { from, to, .. }) => format!("set Auto Scaling's minimum from {from} to {to} tasks"),
            Self::Alarms(Alarms { put, delete, .. }) => match (put.len(), delete.len()) {
                (put, 0) => format!("set {}", counted(put, "alarm")),
                (0, delete) => format!("delete {}", counted(delete, "alarm")),
                (put, delete) => format!("set {} and delete {delete}", counted(put, "alarm")),
            },
            Self::Dashboard(Dashboard { name, body: Some(_) }) => format!("set the dashboard {name}"),
            Self::Dashboard(Dashboard { name, body: None }) => format!("delete the dashboard {name}"),
            Self::Backup(Backup { identifier, .. }) => format!("take the snapshot {identifier}"),
            Self::Restore(Restore { snapshot, into, part, .. }) => match part {
                RestorePart::Member => format!("add an instance to the restored cluster {into}"),
                _ => format!("restore {} to {into}", snapshot.name()),
            },
            Self::Remove(Remove { database, .. }) => format!("delete the throwaway database {}", database.name()),
            Self::Verify(Verify { snapshot, .. }) => format!("mark {} as verified", snapshot.name()),
            Self::RunProbe(RunProbe { task_definition, .. }) => format!("run the check {task_definition}"),
            Self::Halt(_) => "stop the check".to_owned(),
            Self::Export(Export { of, .. }) => format!("export the logs of {}", of.day),
            Self::Complete(Complete { of, .. }) => format!("write the manifest of {}", of.day),
            Self::Retain(Retain { days, .. }) => format!("keep logs for {}", counted(*days as usize, "day")),
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

    /// It takes away what this system made for a while, or answers who waits for it: whatever the tags say by now.
    #[must_use]
    pub fn is_teardown(&self) -> bool {
        matches!(self, Self::Remove(_) | Self::Halt(_) | Self::Report(_))
    }

    /// What makes it this action and not another of its kind, whatever the hour.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Rollout(rollout) => format!("roll out {}", rollout.digest),
            Self::Redeploy(redeploy) => format!("redeploy since {}", redeploy.since),
            // What is refused for one slot or snapshot is refused for the next: one message.
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
