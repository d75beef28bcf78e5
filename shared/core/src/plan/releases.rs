//! Actions on the revisions that services run.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{Arn, CodeDeployGroup, Digest, EnvironmentCause, StrategySettings};
use crate::plan::pre_deployment::{RunPreDeploymentTask, StopPreDeploymentTask};
use crate::policy::{LifecycleHook, Strategy};

/// An action of a release.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ReleaseAction {
    Rollout(Rollout),
    RestartTasks(RestartTasks),
    Rollback(Rollback),
    ContinueDeployment(ContinueDeployment),
    RecordResult(RecordResult),
    AnswerCodeDeployHook(AnswerCodeDeployHook),
    PinRevision(PinRevision),
    RestoreStrategy(RestoreStrategy),
    RunPreDeploymentTask(RunPreDeploymentTask),
    StopPreDeploymentTask(StopPreDeploymentTask),
}

/// The response to a deployment lifecycle hook, in the form that ECS expects.
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-lifecycle-hooks.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "hookStatus", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum HookStatus {
    /// The deployment continues.
    Succeeded,
    /// ECS rolls the deployment back.
    Failed,
    /// The result is not known yet. ECS calls again after this many seconds.
    InProgress {
        #[serde(rename = "callBackDelay")]
        call_back_delay: u32,
    },
}

/// Registers a revision of a service's task definition with new images, and updates the service to
/// it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollout {
    pub service: Arn,
    /// The ARN of the task definition from which everything but the images is copied.
    pub base: String,
    /// The image as `repository:tag@digest`, by container name.
    pub images: BTreeMap<String, String>,
    /// Tags of the new revision, in addition to those of the base.
    pub tags: BTreeMap<String, String>,
    /// The ARN of a revision that an interrupted attempt already registered.
    pub registered: Option<String>,
    /// Enables the ECS deployment circuit breaker, with rollback.
    pub enable_circuit_breaker: bool,
    /// The strategy for shifting traffic from now on.
    #[serde(default)]
    pub shift: Option<TrafficShiftSettings>,
    /// Where it goes through, if CodeDeploy deploys the service.
    #[serde(default)]
    pub code_deploy: Option<CodeDeployGroup>,
    /// The ARN of the function that CodeDeploy calls as a lifecycle hook.
    #[serde(default)]
    pub ask: Option<String>,
    pub tag: String,
    pub digest: Digest,
    /// The commit that the image was built from, if its manifest names one.
    #[serde(default)]
    pub commit: Option<String>,
    /// A person approved the digest in `lamplighter:approve`.
    pub approved: bool,
    /// The ARN of the revision that runs before; empty if it is the base.
    #[serde(default)]
    pub runs: String,
    /// The image of the base, if Lamplighter did not register the base.
    #[serde(default)]
    pub template_image: Option<String>,
    /// The version that ran stably before the first release of the service.
    #[serde(default)]
    pub adopts: Option<String>,
    /// Images that were pushed before are no candidates any more, because a person approved an older version than theirs.
    #[serde(default)]
    pub candidates_after: Option<Timestamp>,
    /// It is the first rollout of the service, and nobody pushed or requested it: it waits for those of other services.
    #[serde(default)]
    pub is_adoption: bool,
}

/// Registers a revision that names the digest which the tasks run, as the first rollback target of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinRevision {
    pub service: Arn,
    /// The ARN of the revision that runs, from which everything but the images is copied.
    pub base: String,
    /// The image as `repository:tag@digest`, by container name.
    pub images: BTreeMap<String, String>,
    /// Tags of the new revision, in addition to those of the base.
    pub tags: BTreeMap<String, String>,
    /// The version for messages.
    pub version: String,
    pub digest: Digest,
}

/// The way in which a service shifts traffic to a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrafficShiftSettings {
    pub strategy: Strategy,
    /// The lifecycle hook that ECS calls during the deployment.
    pub hook: LifecycleHook,
    /// The deployment waits for approval before production traffic shifts.
    pub pauses: bool,
    /// Seconds for which both revisions run at the end. ECS counts in minutes.
    pub bake: u64,
}

/// Continues a deployment that waits for approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContinueDeployment {
    pub service: Arn,
    /// The ARN of the service deployment.
    pub deployment: String,
    /// The identifier of the hook at which the deployment waits.
    pub hook: String,
    /// The approved digest; `None` for a rollback, which needs no approval.
    pub digest: Option<Digest>,
    /// The image tag, for messages.
    pub tag: String,
}

/// Restarts the tasks of a service with its current revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestartTasks {
    pub service: Arn,
    /// Tasks that started since then need no restart.
    pub since: Timestamp,
    /// The deployment shifts traffic step by step, and may pause on the way.
    #[serde(default)]
    pub shifts: bool,
    /// The restart repairs an unhealthy service, and is not due otherwise.
    #[serde(default)]
    pub heals: bool,
}

/// Rolls a service back to an earlier revision, and quarantines the rejected digest unless its environment is to
/// blame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollback {
    pub service: Arn,
    /// The ARN of the revision to roll back to.
    pub to: String,
    /// The digest that the revision runs, if it is known.
    #[serde(default)]
    pub to_digest: Option<Digest>,
    /// The ARN of the ECS service deployment, or the identifier of the CodeDeploy deployment, to
    /// stop and roll back. If `None`, the service is updated instead.
    #[serde(default)]
    pub stop: Option<String>,
    /// Where it goes through, if CodeDeploy deploys the service.
    #[serde(default)]
    pub code_deploy: Option<CodeDeployGroup>,
    /// The rejected digest.
    pub digest: Digest,
    pub tag: String,
    /// The reason, which is repeated when the digest is pushed again.
    pub reason: String,
    /// The cause if the image is not to blame: its digest is then tried again, and not quarantined.
    #[serde(default)]
    pub environment: Option<EnvironmentCause>,
    /// Images that were pushed before are no candidates any more, unless approved.
    #[serde(default)]
    pub candidates_after: Option<Timestamp>,
    /// The identifier of the request for it, if a person requested it.
    #[serde(default)]
    pub request: Option<String>,
    /// The strategy that it does without: all traffic shifts at once, and the strategy is restored afterwards.
    #[serde(default)]
    pub skips: Option<StrategySettings>,
}

/// Restores the strategy that a rollback did without.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreStrategy {
    pub service: Arn,
    pub settings: StrategySettings,
}

/// Answers a lifecycle hook of a CodeDeploy deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerCodeDeployHook {
    pub service: Arn,
    /// The CodeDeploy deployment: `d-…`
    pub deployment: String,
    pub execution: String,
    pub passed: bool,
}

/// Records the result of a release. Changes nothing on AWS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordResult {
    pub service: Arn,
    pub digest: Digest,
    pub tag: String,
    /// Images that were pushed before are no candidates any more, unless approved.
    #[serde(default)]
    pub candidates_after: Option<Timestamp>,
    /// The released digest that the service runs instead, after a release that was rolled back by others.
    #[serde(default)]
    pub runs_instead: Option<Digest>,
    /// The identifier of the request for it, if a person requested it.
    #[serde(default)]
    pub request: Option<String>,
    /// No healing step made the release healthy. Its image is not quarantined.
    #[serde(default)]
    pub is_escalation: bool,
    pub result: ReleaseResult,
}

impl RecordResult {
    /// Returns the record of a result that nobody requested, and that closes no candidates.
    #[must_use]
    pub fn new(service: &Arn, digest: &Digest, tag: &str, result: ReleaseResult) -> Self {
        Self {
            service: service.clone(),
            digest: digest.clone(),
            tag: tag.to_owned(),
            candidates_after: None,
            runs_instead: None,
            request: None,
            is_escalation: false,
            result,
        }
    }
}

/// The result of a release. Each release ends in exactly one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReleaseResult {
    /// The service runs this revision, given by its ARN, and no check failed.
    Verified { revision: String },
    /// A check, ECS, CodeDeploy or a person rejected it. The digest is quarantined.
    Rejected { reason: String },
    /// Something else was rolled out meanwhile.
    Superseded,
    /// It failed because of its environment. The digest is tried again later.
    NotBlamed { cause: EnvironmentCause },
}
