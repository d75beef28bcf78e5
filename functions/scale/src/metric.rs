//! The metrics that measure the load of a service.

use lamplighter::model::AlarmKind;

/// A metric that measures the load of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    Cpu,
    Memory,
    Requests,
    /// The messages of a queue.
    Queue,
}

impl Metric {
    /// Returns the name for people. It is also part of the deduplication keys.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "CPU",
            Self::Memory => "memory",
            Self::Requests => "request",
            Self::Queue => "queue",
        }
    }

    /// Returns the metric of an alarm that `enroll` created, from its name or its last part; `None` if the alarm does not
    /// measure load.
    #[must_use]
    pub fn of_alarm(name: &str) -> Option<Self> {
        match AlarmKind::of_alarm(name) {
            AlarmKind::Cpu => Some(Self::Cpu),
            AlarmKind::Memory => Some(Self::Memory),
            AlarmKind::Requests => Some(Self::Requests),
            _ => None,
        }
    }
}
