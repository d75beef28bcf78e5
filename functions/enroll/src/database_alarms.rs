//! The alarms that a database or cache should have. Their thresholds come from its tags, from the
//! AWS API, or from the stack parameters.

use lamplighter::engine::telemetry::{NAMESPACE, RECOVERY_POINT};
use lamplighter::model::{Alarm, Database, Measure, Statistic};

use crate::alarm_spec::{
    AT_LEAST, AlarmSpec, LESS_THAN, MORE_THAN, PEAK_MINUTES, alarm_metric, peak_alarm,
};
use crate::connection_limit::max_connections;
use crate::policy::Policy;

/// Threshold of free storage, as a share of an instance's allocated storage.
const FREE_STORAGE_SHARE: f64 = 0.1;
/// Threshold of connections, as a share of the engine's default maximum.
pub const CONNECTIONS_SHARE: f64 = 0.8;
const GIB: f64 = 1_073_741_824.0;

pub fn database_alarms(policy: &Policy, database: &Database) -> Vec<Alarm> {
    let recovery_point = recovery_point_alarm(policy, database);
    // A cache has no metrics of its own (its nodes do), so only its backups are monitored.
    let own = if database.arn.is_cache() {
        Vec::new()
    } else {
        performance_alarms(policy, database)
    };
    own.into_iter()
        .chain(recovery_point)
        .map(|spec| spec.into_alarm(&database.arn))
        .collect()
}

fn performance_alarms(policy: &Policy, database: &Database) -> Vec<AlarmSpec<'static>> {
    let cpu_used = measure_database(database, "CPUUtilization", Statistic::Average);
    let cpu = peak_alarm("cpu-peak", "CPU", policy.cpu_peak, cpu_used);
    let storage = database
        .allocated_gib
        .map(|gib| storage_alarm(database, f64::from(gib)));
    let connections = max_connections(database).map(|maximum| connections_alarm(database, maximum));
    let lag = ReplicaLag::of_database(database).map(|lag| lag.into_alarm(database));
    [Some(cpu), storage, connections, lag]
        .into_iter()
        .flatten()
        .collect()
}

fn measure_database(database: &Database, metric: &str, statistic: Statistic) -> Measure {
    let dimension = if database.is_cluster {
        "DBClusterIdentifier"
    } else {
        "DBInstanceIdentifier"
    };
    Measure::One(alarm_metric(
        database.metric_namespace(),
        metric,
        &[(dimension, &database.identifier)],
        statistic,
    ))
}

fn storage_alarm(database: &Database, allocated_gib: f64) -> AlarmSpec<'static> {
    AlarmSpec {
        kind: "free-storage",
        about: format!(
            "less than {:.0} % of {allocated_gib:.0} GiB free",
            FREE_STORAGE_SHARE * 100.0
        ),
        measure: measure_database(database, "FreeStorageSpace", Statistic::Minimum),
        comparison: LESS_THAN,
        threshold: (allocated_gib * GIB * FREE_STORAGE_SHARE).floor(),
        minutes: PEAK_MINUTES,
        period: 1,
        missing: "missing",
    }
}

fn connections_alarm(database: &Database, maximum: f64) -> AlarmSpec<'static> {
    AlarmSpec {
        kind: "connections",
        about: format!(
            "{:.0} % of about {maximum:.0} connections, the default maximum of {}",
            CONNECTIONS_SHARE * 100.0,
            database.class
        ),
        measure: measure_database(database, "DatabaseConnections", Statistic::Maximum),
        comparison: AT_LEAST,
        threshold: (maximum * CONNECTIONS_SHARE).floor(),
        minutes: PEAK_MINUTES,
        period: 1,
        missing: "missing",
    }
}

/// Builds the alarm on the age of the newest recovery point. `backup` publishes the metric four
/// times an hour, so two hours without data also fire the alarm.
fn recovery_point_alarm(policy: &Policy, database: &Database) -> Option<AlarmSpec<'static>> {
    let allowed = policy.backup.as_ref()?.max_recovery_point_age();
    let dimensions = [
        ("Stack", policy.stack.as_str()),
        ("Target", database.arn.resource()),
    ];
    Some(AlarmSpec {
        kind: "recovery-point",
        about: format!("a recovery point more than {} h old", allowed.as_hours()),
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

/// The replica lag of a database, as AWS measures it.
struct ReplicaLag {
    metric: &'static str,
    threshold: f64,
    unit: &'static str,
}

impl ReplicaLag {
    /// Returns the lag to monitor; `None` for a database without replicas of its own kind.
    fn of_database(database: &Database) -> Option<Self> {
        match (database.is_cluster, database.engine.as_str()) {
            (true, "docdb") if database.members > 1 => Some(Self {
                metric: "DBClusterReplicaLagMaximum",
                threshold: 1_000.0,
                unit: "ms",
            }),
            (true, engine) if engine.starts_with("aurora") && database.members > 1 => Some(Self {
                metric: "AuroraReplicaLagMaximum",
                threshold: 1_000.0,
                unit: "ms",
            }),
            (false, _) if database.is_replica => Some(Self {
                metric: "ReplicaLag",
                threshold: 60.0,
                unit: "s",
            }),
            _ => None,
        }
    }

    fn into_alarm(self, database: &Database) -> AlarmSpec<'static> {
        AlarmSpec {
            kind: "replica-lag",
            about: format!(
                "a replica at least {:.0} {} behind for {PEAK_MINUTES} minutes",
                self.threshold, self.unit
            ),
            measure: measure_database(database, self.metric, Statistic::Maximum),
            comparison: AT_LEAST,
            threshold: self.threshold,
            minutes: PEAK_MINUTES,
            period: 1,
            missing: "notBreaching",
        }
    }
}
