//! The alarms that a database should have. Their thresholds come from its tags, from the AWS API, or from the stack
//! parameters.

use jiff::SignedDuration;
use lamplighter::engine::telemetry::{NAMESPACE, RECOVERY_POINT};
use lamplighter::model::{Alarm, AlarmKind, Database, Measure, Statistic};
use lamplighter::policy::AlarmPolicy;

use crate::alarm_spec::{
    AlarmSpec, GIB, MIB, MORE_THAN, PEAK_MINUTES, alarm_metric, format_time, peak_alarm,
};
use crate::cache_alarms::cache_alarms;
use crate::instance_class::{is_burstable, max_connections, memory_gib};
use crate::policy::Policy;

/// The most alarms that a database has without a tag.
const DEFAULT_ALARMS: usize = 5;
/// Threshold of free storage, in percent of an instance's allocated storage.
const FREE_STORAGE_PERCENT: f64 = 10.0;
/// Threshold of connections, as a share of the engine's default maximum.
const CONNECTIONS_SHARE: f64 = 0.8;
/// Threshold of free memory, as a share of the memory of the class.
const FREE_MEMORY_SHARE: f64 = 0.05;
/// Minutes between two values of CPU credits.
const CREDIT_MINUTES: u32 = 5;
/// Threshold of the used share of the maximum capacity units, in percent.
const CAPACITY_PERCENT: f64 = 90.0;

/// Returns the alarms of a database or cache: the first five that apply to it, and those that its tag gives a bound.
pub fn database_alarms(policy: &Policy, database: &Database) -> Vec<Alarm> {
    let candidates = if database.arn.is_cache() {
        cache_alarms(policy, database)
    } else {
        DatabaseAlarms { policy, database }.list()
    };
    let recovery_point = recovery_point_alarm(policy, database);
    let mut count = 0;
    recovery_point
        .into_iter()
        .chain(candidates)
        .filter(|spec| !policy.alarms.is_off(spec.kind))
        .filter(|spec| {
            count += 1;
            count <= DEFAULT_ALARMS || policy.alarms.bound(spec.kind).is_some()
        })
        .map(|spec| spec.into_alarm(&database.arn))
        .collect()
}

/// A database and what its alarms depend on.
struct DatabaseAlarms<'a> {
    policy: &'a Policy,
    database: &'a Database,
}

impl DatabaseAlarms<'_> {
    /// Lists the alarms that apply to the database, the most important first.
    fn list(&self) -> Vec<AlarmSpec> {
        let has_gp2 = self.database.storage_type.as_deref() == Some("gp2");
        let chosen = [
            self.balance(AlarmKind::BurstBalance, "BurstBalance", "burst credits")
                .filter(|_| has_gp2),
            self.balance(AlarmKind::IoBalance, "EBSIOBalance%", "I/O credits")
                .filter(|_| !self.database.is_cluster),
            self.latency(AlarmKind::ReadLatency, "ReadLatency", "read"),
            self.latency(AlarmKind::WriteLatency, "WriteLatency", "write"),
        ];
        [
            self.storage(),
            self.connections(),
            Some(self.cpu()),
            self.capacity(),
            self.replica_lag(),
            self.cpu_credits(),
            self.free_memory(),
        ]
        .into_iter()
        .chain(chosen)
        .flatten()
        .collect()
    }

    fn alarms(&self) -> &AlarmPolicy {
        &self.policy.alarms
    }

    fn measure(&self, metric: &str, statistic: Statistic) -> Measure {
        let dimension = if self.database.is_cluster {
            "DBClusterIdentifier"
        } else {
            "DBInstanceIdentifier"
        };
        Measure::One(alarm_metric(
            self.database.metric_namespace(),
            metric,
            &[(dimension, &self.database.identifier)],
            statistic,
        ))
    }

    fn cpu(&self) -> AlarmSpec {
        let percent = self.alarms().bound(AlarmKind::Cpu);
        let percent = percent.unwrap_or_else(|| f64::from(self.policy.cpu_peak));
        let used = self.measure("CPUUtilization", Statistic::Average);
        peak_alarm(AlarmKind::Cpu, "CPU", percent, used)
    }

    fn storage(&self) -> Option<AlarmSpec> {
        let allocated = f64::from(self.database.allocated_gib?);
        let percent = self.alarms().bound(AlarmKind::FreeStorage);
        let percent = percent.unwrap_or(FREE_STORAGE_PERCENT);
        Some(AlarmSpec::less_than(
            AlarmKind::FreeStorage,
            &format!("less than {percent} % of {allocated:.0} GiB free"),
            self.measure("FreeStorageSpace", Statistic::Minimum),
            (allocated * GIB * percent / 100.0).floor(),
        ))
    }

    fn connections(&self) -> Option<AlarmSpec> {
        let (about, threshold) = if let Some(count) = self.alarms().bound(AlarmKind::Connections) {
            (format!("at least {count} connections"), count)
        } else {
            let maximum = max_connections(self.database)?;
            let about = format!(
                "{:.0} % of about {maximum:.0} connections, the default maximum of {},",
                CONNECTIONS_SHARE * 100.0,
                self.database.class
            );
            (about, (maximum * CONNECTIONS_SHARE).floor())
        };
        let measure = self.measure("DatabaseConnections", Statistic::Maximum);
        let kind = AlarmKind::Connections;
        Some(AlarmSpec::at_least(kind, &about, measure, threshold))
    }

    /// Builds the alarm on the used capacity units of Aurora Serverless v2.
    fn capacity(&self) -> Option<AlarmSpec> {
        let percent = self.alarms().bound(AlarmKind::Capacity);
        self.database.is_serverless.then(|| {
            let measure = self.measure("ACUUtilization", Statistic::Average);
            let metric = "used share of the maximum capacity units";
            let percent = percent.unwrap_or(CAPACITY_PERCENT);
            peak_alarm(AlarmKind::Capacity, metric, percent, measure)
        })
    }

    fn replica_lag(&self) -> Option<AlarmSpec> {
        let lag = ReplicaLag::of_database(self.database)?;
        let seconds = self.alarms().bound(AlarmKind::ReplicaLag);
        let seconds = seconds.unwrap_or(lag.seconds);
        let about = format!("a replica at least {} behind", format_time(seconds));
        let measure = self.measure(lag.metric, Statistic::Maximum);
        let threshold = seconds * lag.units_per_second;
        let spec = AlarmSpec::at_least(AlarmKind::ReplicaLag, &about, measure, threshold);
        Some(spec.quiet_without_data())
    }

    /// Builds the alarm on CPU credits, if the tag has a bound: a new instance of a T class has none.
    fn cpu_credits(&self) -> Option<AlarmSpec> {
        let credits = self.alarms().bound(AlarmKind::CpuCredits)?;
        let measure = self.measure("CPUCreditBalance", Statistic::Minimum);
        let minutes = PEAK_MINUTES * CREDIT_MINUTES;
        is_burstable(&self.database.class).then(|| AlarmSpec {
            about: format!("fewer than {credits} CPU credits for {minutes} minutes"),
            period: CREDIT_MINUTES,
            ..AlarmSpec::less_than(AlarmKind::CpuCredits, "", measure, credits)
        })
    }

    fn free_memory(&self) -> Option<AlarmSpec> {
        let mebibytes = self.alarms().bound(AlarmKind::FreeMemory);
        let bytes = match mebibytes {
            Some(mebibytes) => mebibytes * MIB,
            None => (memory_gib(&self.database.class)? * GIB * FREE_MEMORY_SHARE).floor(),
        };
        let about = format!("less than {:.0} MiB of memory free", bytes / MIB);
        let measure = self.measure("FreeableMemory", Statistic::Minimum);
        let kind = AlarmKind::FreeMemory;
        Some(AlarmSpec::less_than(kind, &about, measure, bytes))
    }

    /// Builds the alarm on credits of the storage or of the instance, if the tag has a bound.
    fn balance(&self, kind: AlarmKind, metric: &str, name: &str) -> Option<AlarmSpec> {
        let percent = self.alarms().bound(kind)?;
        let measure = self.measure(metric, Statistic::Minimum);
        let about = format!("less than {percent} % of the {name} left");
        Some(AlarmSpec::less_than(kind, &about, measure, percent))
    }

    fn latency(&self, kind: AlarmKind, metric: &str, what: &str) -> Option<AlarmSpec> {
        let seconds = self.alarms().bound(kind)?;
        let measure = self.measure(metric, Statistic::Average);
        let about = format!(
            "average time of a {what} at or above {}",
            format_time(seconds)
        );
        Some(AlarmSpec::at_least(kind, &about, measure, seconds))
    }
}

/// Builds the alarm on the age of the newest recovery point. `backup` publishes the metric four
/// times an hour, so two hours without data also fire the alarm.
fn recovery_point_alarm(policy: &Policy, database: &Database) -> Option<AlarmSpec> {
    let allowed = policy.backup.as_ref()?.max_recovery_point_age(database);
    let dimensions = [
        ("Stack", policy.stack.as_str()),
        ("Target", database.arn.resource()),
    ];
    Some(AlarmSpec {
        kind: AlarmKind::RecoveryPoint,
        about: format!("a recovery point more than {} old", format_age(allowed)),
        measure: Measure::One(alarm_metric(
            NAMESPACE,
            RECOVERY_POINT,
            &dimensions,
            Statistic::Maximum,
        )),
        comparison: MORE_THAN,
        threshold: allowed.as_secs_f64(),
        minutes: 2,
        period: 60,
        missing: "breaching",
    })
}

/// Writes a time in hours, or in minutes if it isn't whole hours.
pub fn format_age(age: SignedDuration) -> String {
    if age.as_mins() % 60 == 0 {
        format!("{} h", age.as_hours())
    } else {
        format!("{} min", age.as_mins())
    }
}

/// The replica lag of a database, as AWS measures it.
struct ReplicaLag {
    metric: &'static str,
    /// The default bound.
    seconds: f64,
    units_per_second: f64,
}

impl ReplicaLag {
    /// Returns the lag to monitor; `None` for a database without replicas of its own kind.
    fn of_database(database: &Database) -> Option<Self> {
        let in_cluster = |metric| Self {
            metric,
            seconds: 1.0,
            units_per_second: 1_000.0,
        };
        match (database.is_cluster, database.engine.as_str()) {
            (true, "docdb") if database.members > 1 => {
                Some(in_cluster("DBClusterReplicaLagMaximum"))
            }
            (true, engine) if engine.starts_with("aurora") && database.members > 1 => {
                Some(in_cluster("AuroraReplicaLagMaximum"))
            }
            (false, _) if database.is_replica => Some(Self {
                metric: "ReplicaLag",
                seconds: 60.0,
                units_per_second: 1.0,
            }),
            _ => None,
        }
    }
}
