//! What should happen, as data: complete, absolute, and with a reason for everything.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{Arn, Digest};
use crate::notice::Message;

/// A decision about one target. An empty plan has a reason too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    pub reason: String,
    pub steps: Vec<Step>,
    /// What people are told whether or not anything is done.
    pub messages: Vec<Message>,
}

/// One action, why, and what people are told once it is done. Steps are independent of each other;
/// what must happen in order is one action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    pub action: Action,
    pub reason: String,
    pub message: Message,
}

/// All that this system may do to AWS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    Rollout(Rollout),
    Redeploy(Redeploy),
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
    pub tag: String,
    pub digest: Digest,
    /// A person had named the digest in `lamplighter:approve`.
    pub approved: bool,
}

/// Start a service's tasks anew with what they run now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redeploy {
    pub service: Arn,
    /// Tasks that were started since need no restart.
    pub since: Timestamp,
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
        Self { reason: reason.into(), steps: Vec::new(), messages: Vec::new() }
    }

    /// Nothing to do, and people are told why.
    #[must_use]
    pub fn tell(message: Message) -> Self {
        Self { reason: message.title.clone(), steps: Vec::new(), messages: vec![message] }
    }

    /// One action.
    pub fn act(action: Action, reason: impl Into<String>, message: Message) -> Self {
        let reason = reason.into();
        let step = Step { action, reason: reason.clone(), message };
        Self { reason, steps: vec![step], messages: Vec::new() }
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
        }
    }

    /// What makes it this action and not another of its kind, whatever the hour.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Rollout(rollout) => format!("roll out {}", rollout.digest),
            Self::Redeploy(redeploy) => format!("redeploy since {}", redeploy.since),
        }
    }
}
