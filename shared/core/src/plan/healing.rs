//! Actions that repair unhealthy services and container instances.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{Arn, CapacityShare, TaskSizes, pluralize};
use crate::plan::properties::{ActionProperties, ArbiterRule, LimitRule, Repair};

/// A step that repairs a service or the host of its tasks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum HealingAction {
    ReplaceTask(ReplaceTask),
    ParkService(ParkService),
    IncreaseMemory(IncreaseMemory),
    SwitchCapacityProvider(SwitchCapacityProvider),
    DrainInstance(DrainInstance),
    CloseIncident(CloseIncident),
}

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

/// Returns the MiB of the task and its containers as a key: `2048:web=1024`.
fn sizes_key(sizes: &TaskSizes) -> String {
    let task = sizes.memory.map(|mib| mib.to_string());
    let containers = sizes
        .containers
        .iter()
        .map(|(name, mib)| format!("{name}={mib}"));
    task.into_iter()
        .chain(containers)
        .collect::<Vec<_>>()
        .join(":")
}

impl ActionProperties for HealingAction {
    fn describe(&self) -> String {
        match self {
            Self::ReplaceTask(replace) => {
                let task = replace.task.rsplit('/').next().unwrap_or_default();
                format!("replace the task {task}")
            }
            Self::ParkService(ParkService {
                to,
                restores: false,
                ..
            }) => {
                format!("park at {}", pluralize(*to as usize, "task"))
            }
            Self::ParkService(ParkService { to, .. }) => {
                format!("restore {}", pluralize(*to as usize, "task"))
            }
            Self::IncreaseMemory(increase) => format!("increase the memory: {}", increase.sizes),
            Self::SwitchCapacityProvider(SwitchCapacityProvider { to, .. }) => {
                let providers: Vec<&str> = to.iter().map(|share| share.provider.as_str()).collect();
                format!("move the tasks to {}", providers.join(" and "))
            }
            Self::DrainInstance(drain) => format!("drain the instance {}", drain.ec2),
            Self::CloseIncident(_) => "close the incident".to_owned(),
        }
    }

    fn stable_key(&self) -> String {
        match self {
            Self::ReplaceTask(_) => "replace-task".to_owned(),
            Self::ParkService(park) => format!("park:{}:{}", park.to, park.restores),
            Self::IncreaseMemory(increase) => {
                format!("increase-memory:{}", sizes_key(&increase.sizes))
            }
            Self::SwitchCapacityProvider(SwitchCapacityProvider { to, .. }) => {
                let providers: Vec<&str> = to.iter().map(|share| share.provider.as_str()).collect();
                format!("switch-capacity:{}", providers.join("+"))
            }
            Self::DrainInstance(drain) => format!("drain:{}", drain.ec2),
            Self::CloseIncident(_) => "close-incident".to_owned(),
        }
    }

    fn is_deferrable(&self) -> bool {
        match self {
            Self::CloseIncident(_) => true,
            Self::ReplaceTask(_)
            | Self::ParkService(_)
            | Self::IncreaseMemory(_)
            | Self::SwitchCapacityProvider(_)
            | Self::DrainInstance(_) => false,
        }
    }

    fn is_retriable_later(&self) -> bool {
        match self {
            Self::ReplaceTask(_)
            | Self::ParkService(_)
            | Self::IncreaseMemory(_)
            | Self::SwitchCapacityProvider(_)
            | Self::DrainInstance(_)
            | Self::CloseIncident(_) => false,
        }
    }

    fn shifts_traffic(&self) -> bool {
        match self {
            Self::IncreaseMemory(increase) => increase.shifts,
            Self::SwitchCapacityProvider(switch) => switch.shifts,
            Self::ReplaceTask(_)
            | Self::ParkService(_)
            | Self::DrainInstance(_)
            | Self::CloseIncident(_) => false,
        }
    }

    fn is_healing(&self) -> bool {
        match self {
            Self::ReplaceTask(_)
            | Self::ParkService(_)
            | Self::IncreaseMemory(_)
            | Self::SwitchCapacityProvider(_) => true,
            Self::DrainInstance(_) | Self::CloseIncident(_) => false,
        }
    }

    fn is_cleanup(&self) -> bool {
        match self {
            Self::CloseIncident(_) => true,
            Self::ReplaceTask(_)
            | Self::ParkService(_)
            | Self::IncreaseMemory(_)
            | Self::SwitchCapacityProvider(_)
            | Self::DrainInstance(_) => false,
        }
    }

    fn arbiter_rule(&self) -> ArbiterRule {
        match self {
            Self::IncreaseMemory(_) | Self::SwitchCapacityProvider(_) => ArbiterRule::Deployment {
                through_code_deploy: false,
            },
            Self::ReplaceTask(_) | Self::ParkService(_) | Self::DrainInstance(_) => {
                ArbiterRule::ActiveTarget
            }
            Self::CloseIncident(_) => ArbiterRule::Always,
        }
    }

    fn limit_rule(&self) -> LimitRule {
        match self {
            Self::ReplaceTask(_)
            | Self::ParkService(_)
            | Self::DrainInstance(_)
            | Self::CloseIncident(_) => LimitRule::PerRun,
            Self::IncreaseMemory(_) | Self::SwitchCapacityProvider(_) => LimitRule::Restarts,
        }
    }

    fn repair(&self) -> Repair {
        match self {
            Self::ParkService(park) if park.restores => Repair::No,
            Self::SwitchCapacityProvider(switch) if switch.restores => Repair::No,
            Self::ReplaceTask(_)
            | Self::ParkService(_)
            | Self::IncreaseMemory(_)
            | Self::SwitchCapacityProvider(_) => Repair::Step,
            Self::DrainInstance(_) | Self::CloseIncident(_) => Repair::No,
        }
    }
}
