//! The sum of the actions of all domains.

use serde::{Deserialize, Serialize};

use crate::plan::backups::BackupAction;
use crate::plan::drills::DrillAction;
use crate::plan::healing::HealingAction;
use crate::plan::logs::LogAction;
use crate::plan::monitoring::MonitoringAction;
use crate::plan::properties::{ActionProperties, ArbiterRule, LimitRule, Repair};
use crate::plan::releases::ReleaseAction;
use crate::plan::requests::RequestAction;
use crate::plan::scaling::ScalingAction;

/// All changes that Lamplighter can make, on AWS or in the target state, by domain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Action {
    Release(ReleaseAction),
    Scaling(ScalingAction),
    Monitoring(MonitoringAction),
    Backup(BackupAction),
    Drill(DrillAction),
    Log(LogAction),
    Healing(HealingAction),
    Request(RequestAction),
}

impl Action {
    /// Returns the properties of the action of whichever domain.
    fn properties(&self) -> &dyn ActionProperties {
        match self {
            Self::Release(action) => action,
            Self::Scaling(action) => action,
            Self::Monitoring(action) => action,
            Self::Backup(action) => action,
            Self::Drill(action) => action,
            Self::Log(action) => action,
            Self::Healing(action) => action,
            Self::Request(action) => action,
        }
    }
}

impl Action {
    /// Describes the action for people: `roll out RC_1.4.2 (sha256:ab12cd34)`. Nothing is decided by it.
    #[must_use]
    pub fn describe(&self) -> String {
        self.properties().describe()
    }

    /// Reports whether the later steps of its plan need what the action makes.
    #[must_use]
    pub fn is_needed_by_later_steps(&self) -> bool {
        if let Self::Release(ReleaseAction::PinRevision(_)) = self {
            return true;
        }
        false
    }

    /// Returns the key that identifies this action among actions of its kind, at any time.
    /// Notifications about it are deduplicated by this key.
    #[must_use]
    pub fn stable_key(&self) -> String {
        self.properties().stable_key()
    }

    /// Reports whether a delay of an hour is harmless, because the action does not change the target itself.
    #[must_use]
    pub fn is_deferrable(&self) -> bool {
        self.properties().is_deferrable()
    }

    /// Reports whether a later reconciliation retries the action if AWS rejects it as too early.
    #[must_use]
    pub fn is_retriable_later(&self) -> bool {
        self.properties().is_retriable_later()
    }

    /// Reports whether the deployment that the action starts shifts traffic step by step and may pause.
    #[must_use]
    pub fn shifts_traffic(&self) -> bool {
        self.properties().shifts_traffic()
    }

    /// Reports whether the action is a step of healing a service.
    #[must_use]
    pub fn is_healing(&self) -> bool {
        self.properties().is_healing()
    }

    /// Reports whether the action deletes temporary resources, answers a waiting caller or only updates
    /// the target state. Such an action runs whatever the tags of the target say.
    #[must_use]
    pub fn is_cleanup(&self) -> bool {
        self.properties().is_cleanup()
    }

    /// Returns the rule by which the arbiter allows or vetoes the action.
    #[must_use]
    pub fn arbiter_rule(&self) -> ArbiterRule {
        self.properties().arbiter_rule()
    }

    /// Returns the limit that the action counts against.
    #[must_use]
    pub fn limit_rule(&self) -> LimitRule {
        self.properties().limit_rule()
    }

    /// Returns how the action repairs an unhealthy service, if it does.
    #[must_use]
    pub fn repair(&self) -> Repair {
        self.properties().repair()
    }
}
