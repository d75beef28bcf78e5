//! What messages say about a kind of alarm: its value with a unit, the incident it belongs to, and what people can do.

use lamplighter::model::{AlarmKind, Cause, ExistingAlarm, Measure};

use crate::alarm_spec::{GIB, MIB};

const SECONDS_PER_MINUTE: f64 = 60.0;
const SECONDS_PER_HOUR: f64 = 3_600.0;
/// Numbers below this one have a digit after the point.
const SMALL: f64 = 10.0;
/// Numbers below this one have two.
const TINY: f64 = 0.1;

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Percent,
    Count,
    /// A count per minute, written per second.
    PerSecond,
    Bytes,
    /// Seconds, written in milliseconds if there are few.
    Time,
    /// Seconds, written in hours.
    Hours,
    /// Seconds or milliseconds, as AWS measures the engine.
    Lag,
}

/// Returns the unit of a kind, and the words before and after its value.
fn words(kind: AlarmKind) -> (Unit, &'static str, &'static str) {
    match kind {
        AlarmKind::Cpu => (Unit::Percent, "CPU ", ""),
        AlarmKind::Memory => (Unit::Percent, "memory ", ""),
        AlarmKind::BusiestTask => (Unit::Percent, "busiest task: CPU ", ""),
        AlarmKind::Requests => (Unit::PerSecond, "", " requests per second and task"),
        AlarmKind::UnhealthyTargets => (Unit::Count, "unhealthy targets: ", ""),
        AlarmKind::NoHealthyTarget => (Unit::Count, "healthy targets: ", ""),
        AlarmKind::Errors => (Unit::Percent, "", " of requests fail with HTTP 5xx"),
        AlarmKind::BalancerErrors => (
            Unit::Percent,
            "",
            " of requests fail with HTTP 5xx of the load balancer",
        ),
        AlarmKind::Latency => (Unit::Time, "response time ", " (p99)"),
        AlarmKind::FreeStorage => (Unit::Bytes, "", " of storage free"),
        AlarmKind::Connections => (Unit::Count, "", " connections"),
        AlarmKind::ReplicaLag => (Unit::Lag, "replica ", " behind"),
        AlarmKind::RecoveryPoint => (Unit::Hours, "newest recovery point ", " old"),
        AlarmKind::FreeMemory => (Unit::Bytes, "", " of memory free"),
        AlarmKind::CpuCredits => (Unit::Count, "", " CPU credits left"),
        AlarmKind::Capacity => (Unit::Percent, "", " of the maximum capacity units used"),
        AlarmKind::BurstBalance => (Unit::Percent, "", " of the storage's burst credits left"),
        AlarmKind::IoBalance => (Unit::Percent, "", " of the instance's I/O credits left"),
        AlarmKind::ReadLatency => (Unit::Time, "a read takes ", ""),
        AlarmKind::WriteLatency => (Unit::Time, "a write takes ", ""),
        AlarmKind::Evictions => (Unit::Count, "", " evicted keys a minute"),
        AlarmKind::Other => (Unit::Count, "value ", ""),
    }
}

/// Returns the incident that an alarm belongs to.
pub fn find_cause(kind: AlarmKind) -> Cause {
    match kind {
        AlarmKind::Cpu
        | AlarmKind::Memory
        | AlarmKind::BusiestTask
        | AlarmKind::Requests
        | AlarmKind::Capacity => Cause::Load,
        AlarmKind::RecoveryPoint => Cause::Backup,
        AlarmKind::UnhealthyTargets
        | AlarmKind::NoHealthyTarget
        | AlarmKind::Errors
        | AlarmKind::BalancerErrors
        | AlarmKind::Latency
        | AlarmKind::FreeStorage
        | AlarmKind::Connections
        | AlarmKind::ReplicaLag
        | AlarmKind::FreeMemory
        | AlarmKind::CpuCredits
        | AlarmKind::BurstBalance
        | AlarmKind::IoBalance
        | AlarmKind::ReadLatency
        | AlarmKind::WriteLatency
        | AlarmKind::Evictions
        | AlarmKind::Other => Cause::Health,
    }
}

/// Describes the measured value as the subject of a title: `CPU 97 %`.
pub fn describe_value(kind: AlarmKind, value: Option<f64>, alarm: &ExistingAlarm) -> String {
    let Some(value) = value else {
        return format!("alarm {}", last_part(&alarm.name));
    };
    let (_, before, after) = words(kind);
    format!("{before}{}{after}", format_value(kind, value, alarm))
}

/// Returns the last part of an alarm's name: `cpu-peak`.
pub fn last_part(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or_default()
}

/// Formats a value or bound with its unit: `80 %`, `9.5 GiB`.
pub fn format_value(kind: AlarmKind, value: f64, alarm: &ExistingAlarm) -> String {
    let (number, unit) = split_value(kind, value, alarm);
    if unit.is_empty() {
        number
    } else {
        format!("{number} {unit}")
    }
}

/// Formats a range with its unit once, if both ends have the same: `20 to 97 %`.
pub fn format_range(kind: AlarmKind, least: f64, greatest: f64, alarm: &ExistingAlarm) -> String {
    let (number, unit) = split_value(kind, least, alarm);
    let (_, other) = split_value(kind, greatest, alarm);
    let greatest = format_value(kind, greatest, alarm);
    if unit == other || unit.is_empty() {
        format!("{number} to {greatest}")
    } else {
        format!("{number} {unit} to {greatest}")
    }
}

fn split_value(kind: AlarmKind, value: f64, alarm: &ExistingAlarm) -> (String, &'static str) {
    match words(kind).0 {
        Unit::Percent => (format_small(value), "%"),
        Unit::Count => (format!("{value:.0}"), ""),
        Unit::PerSecond => (format_tenths(value / SECONDS_PER_MINUTE), ""),
        Unit::Bytes if value < GIB => (format!("{:.0}", value / MIB), "MiB"),
        Unit::Bytes => (format_tenths(value / GIB), "GiB"),
        Unit::Time if value < 1.0 => (format!("{:.0}", value * 1_000.0), "ms"),
        Unit::Time => (format_tenths(value), "s"),
        Unit::Hours => (format!("{:.0}", value / SECONDS_PER_HOUR), "h"),
        Unit::Lag => (format!("{value:.0}"), lag_unit(alarm)),
    }
}

/// Formats a number without digits after the point, unless it is small.
fn format_small(value: f64) -> String {
    if value > 0.0 && value < TINY {
        format!("{value:.2}")
    } else if value < SMALL {
        format_tenths(value)
    } else {
        format!("{value:.0}")
    }
}

/// Formats a number with one digit after the point, unless it is whole.
fn format_tenths(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

/// Returns the unit of a replica lag: Aurora and DocumentDB measure milliseconds, RDS and ElastiCache seconds.
fn lag_unit(alarm: &ExistingAlarm) -> &'static str {
    let is_in_milliseconds = alarm
        .alarm
        .as_ref()
        .is_some_and(|settings| is_in_milliseconds(&settings.measure));
    if is_in_milliseconds { "ms" } else { "s" }
}

/// Reports whether a replica lag is measured in milliseconds.
pub fn is_in_milliseconds(measure: &Measure) -> bool {
    measure
        .metrics()
        .iter()
        .any(|metric| metric.name.ends_with("ReplicaLagMaximum"))
}

/// Advises what a person can do. `is_scaled`: whether Lamplighter scales the service by this measure.
pub fn advise(kind: AlarmKind, is_service: bool, is_scaled: bool) -> &'static str {
    match (is_service, kind) {
        (true, AlarmKind::Cpu) if is_scaled => {
            "Raise max= in lamplighter:scale, or give the tasks more CPU."
        }
        (true, _) => advise_on_service(kind),
        (false, _) => advise_on_data(kind),
    }
}

fn advise_on_service(kind: AlarmKind) -> &'static str {
    match kind {
        AlarmKind::Cpu => {
            "To have it scaled, add the tag lamplighter:scale = min=2 max=8. Or give the tasks more CPU."
        }
        AlarmKind::BusiestTask => {
            "One task does more than the others. Look for work that isn't spread: connections that stay open, one large tenant, a \
             scheduled job."
        }
        AlarmKind::Memory => {
            "Give the tasks more memory, or look for a leak: does the line above only rise? A release before it is the \
             first suspect."
        }
        AlarmKind::Requests => "Raise max= in lamplighter:scale, or find the source of the load.",
        AlarmKind::NoHealthyTarget => {
            "Look at the target group: are targets registered, and why do their health checks fail? The load balancer answers all \
             requests with errors."
        }
        AlarmKind::UnhealthyTargets => {
            "Request the target group's health check path by hand. The tag says lamplighter:heal = off, so nothing else \
             is done."
        }
        AlarmKind::Errors => {
            "Read the errors in the logs of the service. If a release came before them, roll it back."
        }
        AlarmKind::BalancerErrors => {
            "502: a task closed the connection. 503: no target is registered. 504: a task took longer than the idle timeout. \
             The load balancer's access logs name the target."
        }
        AlarmKind::Latency => {
            "Look at what the service waits for: its database, other services, its own CPU. If a release came before it, roll \
             it back."
        }
        _ => "Look at the alarm in CloudWatch.",
    }
}

fn advise_on_data(kind: AlarmKind) -> &'static str {
    match kind {
        AlarmKind::Cpu => {
            "Look at the costliest statements or commands, in Performance Insights for RDS, or choose a larger class."
        }
        AlarmKind::Memory => "Choose a larger node type, add shards, or let keys expire earlier.",
        AlarmKind::FreeStorage => {
            "Raise the allocated storage or turn on storage autoscaling. A full database stops."
        }
        AlarmKind::Connections => {
            "Look for clients that don't return connections, add RDS Proxy, or choose a larger class. More tasks mean \
             more connections."
        }
        AlarmKind::ReplicaLag => {
            "Look for long transactions and heavy writes on the writer. Reads from the replica are stale meanwhile."
        }
        AlarmKind::RecoveryPoint => {
            "Look at the notifications of `backup` about this database: its last snapshot is missing or failed."
        }
        AlarmKind::FreeMemory => {
            "Look for many connections or large sorts, lower the engine's buffers, or choose a larger class. Without memory, \
             the database swaps or restarts."
        }
        AlarmKind::CpuCredits => {
            "Look for what uses the CPU, or choose an m or r class. Without credits, the database is throttled, or each hour of \
             CPU is billed in unlimited mode."
        }
        AlarmKind::Capacity => {
            "Raise the maximum capacity of the cluster, or look for the costliest statements."
        }
        AlarmKind::BurstBalance => {
            "Change the storage to gp3, whose rate is constant. Without credits, gp2 falls to 3 I/O operations a second per GiB."
        }
        AlarmKind::IoBalance => {
            "Choose a larger class: small ones sustain their highest I/O rate for half an hour a day only."
        }
        AlarmKind::ReadLatency | AlarmKind::WriteLatency => {
            "Look at the queue depth and the I/O rate: the storage may be at its limit."
        }
        AlarmKind::Evictions => {
            "Choose a larger node type or let keys expire earlier, if the application misses what is evicted."
        }
        _ => "Look at the alarm in CloudWatch.",
    }
}
