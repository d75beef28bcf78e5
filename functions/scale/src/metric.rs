//! The metrics that measure the load of a service.

/// A metric that measures the load of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    Cpu,
    Memory,
    Requests,
}

impl Metric {
    /// Returns the name for people. It is also part of the deduplication keys.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "CPU",
            Self::Memory => "memory",
            Self::Requests => "request",
        }
    }

    /// Returns the metric of an alarm that `enroll` created, from the last part of the alarm's
    /// name; `None` if the alarm does not measure load.
    #[must_use]
    pub fn from_alarm_kind(kind: &str) -> Option<Self> {
        match kind {
            "cpu-peak" => Some(Self::Cpu),
            "memory-peak" => Some(Self::Memory),
            "requests" => Some(Self::Requests),
            _ => None,
        }
    }
}
