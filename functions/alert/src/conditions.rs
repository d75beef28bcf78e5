//! The kinds of conditions that can fire, and how long each may go unreported.

use jiff::SignedDuration;
use lamplighter::notify::{ALARM_PREFIX, CERTIFICATE_PREFIX, DATABASE_DOWN_CONDITION};

/// The key prefix of a failed job or deployment that Lamplighter did not start. AWS reports it
/// once.
pub const FAILED_PREFIX: &str = "failed:";
/// The key prefix of an alarm of the stack itself, which fires until CloudWatch reports OK.
pub const STACK_ALARM_PREFIX: &str = "own alarm:";

/// The time without a report after which a firing condition counts as resolved. An operation
/// reports a condition every day, so that one missed report resolves nothing.
pub const REPORT_TIMEOUT: SignedDuration = SignedDuration::from_hours(27);
/// The time after which a condition that AWS reports only once counts as resolved.
///
/// A day more than a week, for jobs that run once a week.
pub const AWS_REPORT_TIMEOUT: SignedDuration = SignedDuration::from_hours(8 * 24);
/// The same for a certificate: ACM asks for an action 30, 15, 3 and 1 days before it expires.
pub const CERTIFICATE_TIMEOUT: SignedDuration = SignedDuration::from_hours(16 * 24);

/// The kind of a condition, by the reporter that resolves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConditionKind {
    /// A database that RDS reported as unavailable.
    DatabaseDown,
    /// A CloudWatch alarm that the user created.
    UserAlarm,
    /// A job or deployment that Lamplighter did not start.
    FailedJob,
    /// A CloudWatch alarm that the stack creates on itself.
    StackAlarm,
    /// A certificate that expires soon, which a sweep reports once a day.
    Certificate,
    /// A condition that an operation, or this function, reports.
    Operation,
}

impl ConditionKind {
    /// Returns the kind of the condition with this key.
    #[must_use]
    pub fn from_key(key: &str) -> Self {
        if key == DATABASE_DOWN_CONDITION {
            Self::DatabaseDown
        } else if key.starts_with(ALARM_PREFIX) {
            Self::UserAlarm
        } else if key.starts_with(FAILED_PREFIX) {
            Self::FailedJob
        } else if key.starts_with(STACK_ALARM_PREFIX) {
            Self::StackAlarm
        } else if key.starts_with(CERTIFICATE_PREFIX) {
            Self::Certificate
        } else {
            Self::Operation
        }
    }

    /// Returns the time without a report after which the condition counts as resolved; `None` if it
    /// never does.
    #[must_use]
    pub fn report_timeout(self) -> Option<SignedDuration> {
        match self {
            Self::DatabaseDown | Self::UserAlarm | Self::FailedJob => Some(AWS_REPORT_TIMEOUT),
            Self::Certificate => Some(CERTIFICATE_TIMEOUT),
            Self::Operation => Some(REPORT_TIMEOUT),
            // CloudWatch always reports OK, however long the alarm fires.
            Self::StackAlarm => None,
        }
    }

    /// Reports whether people need reminders of the condition while it is only a warning. One with a date of its own is
    /// reported again as the date comes nearer.
    #[must_use]
    pub fn needs_reminders(self) -> bool {
        match self {
            Self::DatabaseDown
            | Self::UserAlarm
            | Self::FailedJob
            | Self::StackAlarm
            | Self::Operation => true,
            Self::Certificate => false,
        }
    }
}
