//! Actions that repair unhealthy services and container instances.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{Arn, CapacityShare, TaskSizes};

/// Stops one task, which ECS then replaces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplaceTask {
    pub service: Arn,
    /// The ARN of the task.
    pub task: String,
    /// The stop reason, which ECS shows with the task.
    pub reason: String,
}

/// Parks a service in a crash loop at as few tasks as possible, or restores its former count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParkService {
    pub service: Arn,
    pub from: u32,
    pub to: u32,
    /// The ARN of the revision in the crash loop.
    pub revision: String,
    pub restores: bool,
}

/// Registers a revision with more memory, and updates the service to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncreaseMemory {
    pub service: Arn,
    /// The ARN of the revision from which everything else is copied.
    pub base: String,
    pub sizes: TaskSizes,
    /// Tags of the new revision, in addition to those of the base.
    pub tags: BTreeMap<String, String>,
    /// The deployment shifts traffic step by step, and may pause on the way.
    pub shifts: bool,
}

/// Places the tasks of a service on other capacity, and restarts them there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwitchCapacityProvider {
    pub service: Arn,
    pub from: Vec<CapacityShare>,
    pub to: Vec<CapacityShare>,
    /// This restores the capacity from before the first switch.
    pub restores: bool,
    /// The number of hours on the new capacity.
    pub hours: u32,
    pub shifts: bool,
}

/// Drains a container instance, and lets its Auto Scaling group replace it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrainInstance {
    pub instance: Arn,
    /// The EC2 instance identifier: `i-…`
    pub ec2: String,
    /// The instance belongs to an Auto Scaling group.
    pub has_group: bool,
}

/// Records that a service is healthy again. Changes nothing on AWS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloseIncident {
    pub service: Arn,
}
