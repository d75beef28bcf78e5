//! The observed state of one target.

use jiff::Timestamp;
use lamplighter::model::{
    Alarm, Database, ExistingAlarm, InactiveSubscription, ScalableTarget, Service, TargetGroup,
    TaskDefinition,
};
use serde::Serialize;

use crate::alarm_details::AlarmDetails;
use crate::dashboard::Member;
use crate::stray_tags::StrayTag;

/// The observed state of a target, as the input of [`crate::decide`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Observed {
    /// The time of the observation.
    pub at: Timestamp,
    pub subject: Subject,
    /// The alarms under the target's alarm names, whoever owns them.
    pub alarms: Vec<OwnAlarm>,
    /// What messages about these alarms say; read only if one is due.
    pub details: Vec<AlarmDetails>,
    /// The body of the existing dashboard.
    pub dashboard: Option<String>,
}

/// The resource behind a target.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(clippy::large_enum_variant, reason = "there is one for each target")]
pub enum Subject {
    Service {
        service: Box<Service>,
        groups: Vec<TargetGroup>,
        definition: Option<TaskDefinition>,
        /// The newest revision of the family; read only if releases are built on the one that runs.
        newest: Option<TaskDefinition>,
        scalable: Option<ScalableTarget>,
    },
    Database(Box<Database>),
    /// The members of an application that one of its dashboards shows.
    Application {
        members: Vec<Member>,
    },
    /// The stack's topic, with the subscribed addresses that receive no messages; and the tags of the account and region
    /// that have no effect, which belong to no target.
    Topic {
        inactive: Vec<InactiveSubscription>,
        stray_tags: Vec<StrayTag>,
    },
    Gone,
}

/// An existing alarm with one of Lamplighter's alarm names.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OwnAlarm {
    pub existing: ExistingAlarm,
    /// Whether this stack created it for this target.
    pub is_ours: bool,
}

impl Observed {
    /// Reports whether the target is a service that runs nothing, because people stopped it.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        match &self.subject {
            Subject::Service { service, .. } => {
                service.status != "ACTIVE" || service.desired_count == 0
            }
            Subject::Database(_)
            | Subject::Application { .. }
            | Subject::Topic { .. }
            | Subject::Gone => false,
        }
    }

    /// Returns what was read about an alarm; nothing if no message about it is due.
    #[must_use]
    pub fn find_details(&self, name: &str) -> AlarmDetails {
        self.details
            .iter()
            .find(|details| details.name == name)
            .cloned()
            .unwrap_or_default()
    }

    /// Returns the alarm of this name.
    #[must_use]
    pub fn find_alarm(&self, name: &str) -> Option<&OwnAlarm> {
        self.alarms.iter().find(|own| own.existing.name == name)
    }

    /// Reports whether an alarm exists with exactly these settings.
    #[must_use]
    pub fn has_alarm(&self, alarm: &Alarm) -> bool {
        self.find_alarm(&alarm.name)
            .is_some_and(|own| own.existing.alarm.as_ref() == Some(alarm))
    }
}
