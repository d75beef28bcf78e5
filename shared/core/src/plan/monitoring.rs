//! Actions on alarms and dashboards.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{Alarm, Arn, pluralize};
use crate::plan::properties::{ActionProperties, ArbiterRule, LimitRule, Repair};

/// An action on alarms or dashboards.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum MonitoringAction {
    ApplyAlarms(ApplyAlarms),
    ApplyDashboard(ApplyDashboard),
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

impl ActionProperties for MonitoringAction {
    fn describe(&self) -> String {
        match self {
            Self::ApplyAlarms(ApplyAlarms { put, delete, .. }) => match (put.len(), delete.len()) {
                (put, 0) => format!("set {}", pluralize(put, "alarm")),
                (0, delete) => format!("delete {}", pluralize(delete, "alarm")),
                (put, delete) => format!("set {} and delete {delete}", pluralize(put, "alarm")),
            },
            Self::ApplyDashboard(ApplyDashboard {
                name,
                body: Some(_),
            }) => {
                format!("set the dashboard {name}")
            }
            Self::ApplyDashboard(ApplyDashboard { name, body: None }) => {
                format!("delete the dashboard {name}")
            }
        }
    }

    fn stable_key(&self) -> String {
        match self {
            Self::ApplyAlarms(ApplyAlarms { put, delete, .. }) => {
                format!("alarms:{}:{}", put.len(), delete.len())
            }
            Self::ApplyDashboard(ApplyDashboard { name, body }) => {
                format!("dashboard:{name}:{}", body.is_some())
            }
        }
    }

    fn is_deferrable(&self) -> bool {
        match self {
            Self::ApplyAlarms(_) | Self::ApplyDashboard(_) => true,
        }
    }

    fn is_retriable_later(&self) -> bool {
        match self {
            Self::ApplyAlarms(_) | Self::ApplyDashboard(_) => false,
        }
    }

    fn shifts_traffic(&self) -> bool {
        match self {
            Self::ApplyAlarms(_) | Self::ApplyDashboard(_) => false,
        }
    }

    fn is_healing(&self) -> bool {
        match self {
            Self::ApplyAlarms(_) | Self::ApplyDashboard(_) => false,
        }
    }

    fn is_cleanup(&self) -> bool {
        match self {
            Self::ApplyAlarms(_) | Self::ApplyDashboard(_) => false,
        }
    }

    fn arbiter_rule(&self) -> ArbiterRule {
        match self {
            Self::ApplyAlarms(_) | Self::ApplyDashboard(_) => ArbiterRule::Always,
        }
    }

    fn limit_rule(&self) -> LimitRule {
        match self {
            Self::ApplyAlarms(_) | Self::ApplyDashboard(_) => LimitRule::Unlimited,
        }
    }

    fn repair(&self) -> Repair {
        match self {
            Self::ApplyAlarms(_) | Self::ApplyDashboard(_) => Repair::No,
        }
    }
}
