//! Actions on what services run.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{Arn, CodeGroup, Digest};
use crate::policy::{Hook, Strategy};

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
    /// It gets its traffic step by step, and may pause on the way.
    #[serde(default)]
    pub shifts: bool,
    /// It is a step towards a service that is well, and not due by itself.
    #[serde(default)]
    pub heals: bool,
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
