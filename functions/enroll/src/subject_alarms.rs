//! The alarms that the resource behind a target should have.

use lamplighter::model::Alarm;

use crate::database_alarms::database_alarms;
use crate::observed::Subject;
use crate::policy::Policy;
use crate::service_alarms::service_alarms;

/// Returns the alarms that a target should have; none for what is no service or database.
#[must_use]
pub fn subject_alarms(policy: &Policy, subject: &Subject) -> Vec<Alarm> {
    match subject {
        Subject::Service {
            service, groups, ..
        } => service_alarms(policy, service, groups),
        Subject::Database(database) => database_alarms(policy, database),
        Subject::Application { .. } | Subject::Topic { .. } | Subject::Gone => Vec::new(),
    }
}
