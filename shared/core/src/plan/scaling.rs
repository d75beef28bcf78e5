//! Actions on the number of tasks.

use serde::{Deserialize, Serialize};

use crate::model::Arn;
use crate::plan::properties::{ActionProperties, ArbiterRule, LimitRule, Repair};

/// An action on the number of tasks of a service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ScalingAction {
    SetDesiredCount(SetDesiredCount),
    SetMinCapacity(SetMinCapacity),
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

impl ActionProperties for ScalingAction {
    fn describe(&self) -> String {
        match self {
            Self::SetDesiredCount(SetDesiredCount { from, to, .. }) => {
                format!("scale from {from} to {to} tasks")
            }
            Self::SetMinCapacity(SetMinCapacity { from, to, .. }) => {
                format!("set Auto Scaling's minimum from {from} to {to} tasks")
            }
        }
    }

    fn stable_key(&self) -> String {
        match self {
            Self::SetDesiredCount(SetDesiredCount { from, to, .. }) => {
                format!("desired-count:{from}:{to}")
            }
            Self::SetMinCapacity(SetMinCapacity { from, to, .. }) => {
                format!("min-capacity:{from}:{to}")
            }
        }
    }

    fn is_deferrable(&self) -> bool {
        match self {
            Self::SetDesiredCount(_) | Self::SetMinCapacity(_) => false,
        }
    }

    fn is_retriable_later(&self) -> bool {
        match self {
            Self::SetDesiredCount(_) | Self::SetMinCapacity(_) => false,
        }
    }

    fn shifts_traffic(&self) -> bool {
        match self {
            Self::SetDesiredCount(_) | Self::SetMinCapacity(_) => false,
        }
    }

    fn is_healing(&self) -> bool {
        match self {
            Self::SetDesiredCount(_) | Self::SetMinCapacity(_) => false,
        }
    }

    fn is_cleanup(&self) -> bool {
        match self {
            Self::SetDesiredCount(_) | Self::SetMinCapacity(_) => false,
        }
    }

    fn arbiter_rule(&self) -> ArbiterRule {
        match self {
            Self::SetDesiredCount(scale) => ArbiterRule::TaskCount {
                scales_in: scale.to < scale.from,
            },
            Self::SetMinCapacity(bound) => ArbiterRule::TaskCount {
                scales_in: bound.to < bound.from,
            },
        }
    }

    fn limit_rule(&self) -> LimitRule {
        match self {
            Self::SetDesiredCount(_) | Self::SetMinCapacity(_) => LimitRule::Scalings,
        }
    }

    fn repair(&self) -> Repair {
        match self {
            Self::SetDesiredCount(_) | Self::SetMinCapacity(_) => Repair::No,
        }
    }
}
