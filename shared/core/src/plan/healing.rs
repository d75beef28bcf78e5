//! Actions on services that are not well, and on what they run on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{Arn, CapacityShare, Sizes};

/// Stop one task, in place of which ECS starts another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replace {
    pub service: Arn,
    /// The ARN of the task.
    pub task: String,
    /// As ECS tells it where the task is looked at.
    pub reason: String,
}

/// Let a service that crashes run as few tasks as it may, or as many as before again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Park {
    pub service: Arn,
    pub from: u32,
    pub to: u32,
    /// The ARN of the revision that crashes.
    pub revision: String,
    pub restores: bool,
}

/// Register a revision with more memory, and update the service to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enlarge {
    pub service: Arn,
    /// The ARN of the revision that everything else is taken from.
    pub base: String,
    pub sizes: Sizes,
    /// Tags of the new revision, beside those of the base.
    pub tags: BTreeMap<String, String>,
    /// It gets its traffic step by step, and may pause on the way.
    pub shifts: bool,
}

/// Place a service's tasks elsewhere, and start them anew there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    pub service: Arn,
    pub from: Vec<CapacityShare>,
    pub to: Vec<CapacityShare>,
    /// It is where they were before they were first moved.
    pub restores: bool,
    /// How long they stay there.
    pub hours: u32,
    pub shifts: bool,
}

/// Place no more tasks on an instance, and let its Auto Scaling group replace it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drain {
    pub instance: Arn,
    /// `i-…`
    pub ec2: String,
    /// It is of an Auto Scaling group.
    pub has_group: bool,
}

/// Remember that a service is well again. Nothing on AWS is changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recover {
    pub service: Arn,
}
