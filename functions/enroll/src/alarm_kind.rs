//! The kinds of Lamplighter's alarms: what they measure, and what people can do.

use lamplighter::model::{Cause, ExistingAlarm};

use crate::alarm_names::alarm_kind;

const GIB: f64 = 1_073_741_824.0;
const SECONDS_PER_MINUTE: f64 = 60.0;
const SECONDS_PER_HOUR: f64 = 3_600.0;

/// The kind of an alarm, by the last part of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlarmKind {
    Cpu,
    Memory,
    /// Requests per target and minute.
    Requests,
    UnhealthyTargets,
    /// HTTP 5xx responses per minute.
    Errors,
    /// Free bytes.
    FreeStorage,
    Connections,
    ReplicaLag,
    /// Seconds since the newest recovery point.
    RecoveryPoint,
    Other,
}

impl AlarmKind {
    /// Returns the kind of the alarm with this name.
    #[must_use]
    pub fn of_alarm(name: &str) -> Self {
        match alarm_kind(name) {
            "cpu-peak" => Self::Cpu,
            "memory-peak" => Self::Memory,
            "requests" => Self::Requests,
            "unhealthy-targets" => Self::UnhealthyTargets,
            "errors-5xx" => Self::Errors,
            "free-storage" => Self::FreeStorage,
            "connections" => Self::Connections,
            "replica-lag" => Self::ReplicaLag,
            "recovery-point" => Self::RecoveryPoint,
            _ => Self::Other,
        }
    }

    /// Returns the incident that the alarm belongs to.
    #[must_use]
    pub fn cause(self) -> Cause {
        match self {
            Self::Cpu | Self::Memory | Self::Requests => Cause::Load,
            Self::RecoveryPoint => Cause::Backup,
            Self::UnhealthyTargets
            | Self::Errors
            | Self::FreeStorage
            | Self::Connections
            | Self::ReplicaLag
            | Self::Other => Cause::Health,
        }
    }

    /// Describes the measured value as the subject of a title: `CPU 97 %`.
    #[must_use]
    pub fn describe_value(self, value: Option<f64>, alarm: &ExistingAlarm) -> String {
        let Some(value) = value else {
            return format!("alarm {}", alarm_kind(&alarm.name));
        };
        let amount = self.format_limit(value, alarm);
        match self {
            Self::Cpu => format!("CPU {amount}"),
            Self::Memory => format!("memory {amount}"),
            Self::Requests => format!("{amount} requests per second and task"),
            Self::UnhealthyTargets => format!("unhealthy targets: {amount}"),
            Self::Errors => format!("{amount} HTTP 5xx responses a minute"),
            Self::FreeStorage => format!("{amount} of storage free"),
            Self::Connections => format!("{amount} connections"),
            Self::ReplicaLag => format!("replica {amount} behind"),
            Self::RecoveryPoint => format!("newest recovery point {amount} old"),
            Self::Other => format!("{} {amount}", alarm_kind(&alarm.name)),
        }
    }

    /// Formats a number with its unit: `80 %`, `9.5 GiB`.
    #[must_use]
    pub fn format_limit(self, value: f64, alarm: &ExistingAlarm) -> String {
        let number = self.format_number(value);
        match self {
            Self::Cpu | Self::Memory => format!("{number} %"),
            Self::FreeStorage => format!("{number} GiB"),
            Self::RecoveryPoint => format!("{number} h"),
            Self::ReplicaLag => format!("{number} {}", lag_unit(alarm)),
            Self::Requests
            | Self::UnhealthyTargets
            | Self::Errors
            | Self::Connections
            | Self::Other => number,
        }
    }

    /// Formats a number without its unit.
    #[must_use]
    pub fn format_number(self, value: f64) -> String {
        match self {
            Self::Requests => format_tenths(value / SECONDS_PER_MINUTE),
            Self::FreeStorage => format_tenths(value / GIB),
            Self::RecoveryPoint => format!("{:.0}", value / SECONDS_PER_HOUR),
            Self::Cpu
            | Self::Memory
            | Self::UnhealthyTargets
            | Self::Errors
            | Self::Connections
            | Self::ReplicaLag
            | Self::Other => format!("{value:.0}"),
        }
    }

    /// Advises what a person can do. `is_scaled`: whether Lamplighter scales the service by this measure.
    #[must_use]
    pub fn advise(self, is_service: bool, is_scaled: bool) -> &'static str {
        match self {
            Self::Cpu if is_service && is_scaled => {
                "Raise max= in lamplighter:scale, or give the tasks more CPU."
            }
            Self::Cpu if is_service => {
                "To have it scaled, add the tag lamplighter:scale = min=2 max=8. Or give the tasks more CPU."
            }
            Self::Cpu => {
                "Look at Performance Insights for the costliest statements, or choose a larger class."
            }
            Self::Memory => {
                "Give the tasks more memory, or look for a leak: does the line above only rise? A release before it is the \
                 first suspect."
            }
            Self::Requests => "Raise max= in lamplighter:scale, or find the source of the load.",
            Self::UnhealthyTargets => {
                "Request the target group's health check path by hand. The tag says lamplighter:heal = off, so nothing else \
                 is done."
            }
            Self::Errors => {
                "Read the errors in the logs of the service. If a release came before them, roll it back."
            }
            Self::FreeStorage => {
                "Raise the allocated storage or turn on storage autoscaling. A full database stops."
            }
            Self::Connections => {
                "Look for clients that don't return connections, add RDS Proxy, or choose a larger class. More tasks mean \
                 more connections."
            }
            Self::ReplicaLag => {
                "Look for long transactions and heavy writes on the writer. Reads from the replica are stale meanwhile."
            }
            Self::RecoveryPoint => {
                "Look at the notifications of `backup` about this database: its last snapshot is missing or failed."
            }
            Self::Other => "Look at the alarm in CloudWatch.",
        }
    }
}

/// Formats a number with one digit after the point, unless it is whole.
fn format_tenths(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

/// Returns the unit of a replica lag: RDS measures seconds, Aurora and DocumentDB milliseconds.
fn lag_unit(alarm: &ExistingAlarm) -> &'static str {
    let is_in_seconds = alarm.alarm.as_ref().is_some_and(|settings| {
        settings
            .measure
            .metrics()
            .iter()
            .any(|metric| metric.name == "ReplicaLag")
    });
    if is_in_seconds { "s" } else { "ms" }
}
