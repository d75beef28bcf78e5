//! The kinds of Lamplighter's alarms.

use serde::{Deserialize, Serialize};

/// The kind of an alarm, which is the last part of its name: `lamplighter/shop/web/cpu-peak`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum AlarmKind {
    /// Average CPU utilization, in percent.
    Cpu,
    /// Average memory utilization, in percent.
    Memory,
    /// CPU utilization of the busiest task, in percent.
    BusiestTask,
    /// Requests per target and minute.
    Requests,
    UnhealthyTargets,
    /// Healthy targets.
    NoHealthyTarget,
    /// Requests that the service answers with HTTP 5xx, in percent.
    Errors,
    /// Requests that the load balancer itself answers with HTTP 5xx, in percent.
    BalancerErrors,
    /// 99th percentile of the response time, in seconds.
    Latency,
    /// Free bytes.
    FreeStorage,
    Connections,
    /// Seconds or milliseconds, as AWS measures the engine.
    ReplicaLag,
    /// Seconds since the newest recovery point.
    RecoveryPoint,
    /// Bytes.
    FreeMemory,
    /// CPU credits that are left.
    CpuCredits,
    /// Used share of the maximum Aurora capacity units, in percent.
    Capacity,
    /// Burst credits of the storage that are left, in percent.
    BurstBalance,
    /// I/O credits of the instance that are left, in percent.
    IoBalance,
    /// Average time of a read, in seconds.
    ReadLatency,
    /// Average time of a write, in seconds.
    WriteLatency,
    /// Evicted keys per minute.
    Evictions,
    /// Not a kind that Lamplighter creates.
    Other,
}

impl AlarmKind {
    /// Every kind that Lamplighter creates.
    pub const ALL: [Self; 21] = [
        Self::Cpu,
        Self::Memory,
        Self::BusiestTask,
        Self::Requests,
        Self::UnhealthyTargets,
        Self::NoHealthyTarget,
        Self::Errors,
        Self::BalancerErrors,
        Self::Latency,
        Self::FreeStorage,
        Self::Connections,
        Self::ReplicaLag,
        Self::RecoveryPoint,
        Self::FreeMemory,
        Self::CpuCredits,
        Self::Capacity,
        Self::BurstBalance,
        Self::IoBalance,
        Self::ReadLatency,
        Self::WriteLatency,
        Self::Evictions,
    ];

    /// Returns the last part of the names of these alarms.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu-peak",
            Self::Memory => "memory-peak",
            Self::BusiestTask => "busiest-task",
            Self::Requests => "requests",
            Self::UnhealthyTargets => "unhealthy-targets",
            Self::NoHealthyTarget => "no-healthy-target",
            Self::Errors => "errors-5xx",
            Self::BalancerErrors => "balancer-5xx",
            Self::Latency => "latency-p99",
            Self::FreeStorage => "free-storage",
            Self::Connections => "connections",
            Self::ReplicaLag => "replica-lag",
            Self::RecoveryPoint => "recovery-point",
            Self::FreeMemory => "free-memory",
            Self::CpuCredits => "cpu-credits",
            Self::Capacity => "acu-peak",
            Self::BurstBalance => "burst-balance",
            Self::IoBalance => "io-balance",
            Self::ReadLatency => "read-latency",
            Self::WriteLatency => "write-latency",
            Self::Evictions => "evictions",
            Self::Other => "",
        }
    }

    /// Returns the kind of the alarm with this name, or with this last part of a name.
    #[must_use]
    pub fn of_alarm(name: &str) -> Self {
        let last = name.rsplit('/').next().unwrap_or_default();
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == last)
            .unwrap_or(Self::Other)
    }

    /// Reports whether a release can cause such an alarm, so that one that begins after it rejects it. Tasks that replace the
    /// only one have no healthy target for a while, which is no fault of theirs.
    #[must_use]
    pub const fn blames_release(self) -> bool {
        matches!(
            self,
            Self::UnhealthyTargets | Self::Errors | Self::BalancerErrors | Self::Latency
        )
    }
}
