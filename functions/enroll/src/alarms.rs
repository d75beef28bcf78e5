//! The alarms that a target should have. Their thresholds come from its tags, from the AWS API, or
//! from the stack parameters.

use std::collections::BTreeMap;

use lamplighter::model::{
    Alarm, AlarmMetric, AlarmTopics, Arn, Database, Measure, Service, Statistic, TargetGroup,
};

use lamplighter::engine::telemetry::{NAMESPACE, RECOVERY_POINT};

use crate::Policy;

/// Name prefix of all Lamplighter alarms.
pub const ALARM_PREFIX: &str = "lamplighter/";

const AT_LEAST: &str = "GreaterThanOrEqualToThreshold";
const MORE_THAN: &str = "GreaterThanThreshold";
const LESS_THAN: &str = "LessThanThreshold";
/// Threshold of the memory alarm, in per cent, for a service that is not scaled by memory.
const MEMORY_PEAK_PERCENT: u32 = 90;
/// Minutes for which a threshold must be breached before the alarm fires.
const PEAK_MINUTES: u32 = 3;
/// Threshold of HTTP 5xx responses per minute.
const ERRORS_PER_MINUTE: f64 = 10.0;
/// Threshold of free storage, as a share of an instance's allocated storage.
const FREE_STORAGE_SHARE: f64 = 0.1;
/// Threshold of connections, as a share of the engine's default maximum.
const CONNECTIONS_SHARE: f64 = 0.8;
const GIB: f64 = 1_073_741_824.0;

/// Returns the prefix of a target's alarm names: `lamplighter/shop/web/` for a service,
/// `lamplighter/db:orders/` for a database, `None` for anything else. The two can't collide,
/// because a cluster name has no colon.
pub fn alarm_prefix(target: &Arn) -> Option<String> {
    match target.ecs_cluster_and_name() {
        Some((cluster, name)) => Some(format!("{ALARM_PREFIX}{cluster}/{name}/")),
        None => target
            .database_kind()
            .is_some()
            .then(|| format!("{ALARM_PREFIX}{}/", target.resource())),
    }
}

/// The specification of one alarm.
struct AlarmSpec<'a> {
    kind: &'a str,
    about: String,
    measure: Measure,
    comparison: &'a str,
    threshold: f64,
    minutes: u32,
    /// Length of one evaluation period, in minutes.
    period: u32,
    missing: &'a str,
}

impl AlarmSpec<'_> {
    fn into_alarm(self, target: &Arn) -> Alarm {
        let prefix = alarm_prefix(target).unwrap_or_default();
        Alarm {
            name: format!("{prefix}{}", self.kind),
            description: format!(
                "{}: {}. Kept by Lamplighter from the tags.",
                target.display_name(),
                self.about
            ),
            measure: self.measure,
            comparison: self.comparison.to_owned(),
            threshold: self.threshold,
            minutes: self.minutes,
            period: self.period,
            missing_data: self.missing.to_owned(),
            actions: AlarmTopics::default(),
        }
    }
}

pub fn service_alarms(policy: &Policy, service: &Service, groups: &[TargetGroup]) -> Vec<Alarm> {
    let (cluster, name) = service.arn.ecs_cluster_and_name().unwrap_or_default();
    let used = |metric: &str| {
        let dimensions = [("ClusterName", cluster), ("ServiceName", name)];
        Measure::One(alarm_metric(
            "AWS/ECS",
            metric,
            &dimensions,
            Statistic::Average,
        ))
    };
    let cpu = policy
        .scale
        .as_ref()
        .map_or(policy.cpu_peak, |scale| scale.cpu);
    let memory = policy
        .scale
        .as_ref()
        .and_then(|scale| scale.memory)
        .unwrap_or(MEMORY_PEAK_PERCENT);
    let mut wanted = vec![peak_alarm(
        "cpu-peak",
        "CPU",
        cpu,
        used("CPUUtilization"),
        "missing",
    )];
    wanted.push(peak_alarm(
        "memory-peak",
        "memory",
        memory,
        used("MemoryUtilization"),
        "missing",
    ));
    wanted.extend(load_balancer_alarms(policy, groups));
    wanted
        .into_iter()
        .map(|wanted| wanted.into_alarm(&service.arn))
        .collect()
}

fn peak_alarm<'a>(
    kind: &'a str,
    what: &str,
    bound: u32,
    measure: Measure,
    missing: &'a str,
) -> AlarmSpec<'a> {
    AlarmSpec {
        kind,
        about: format!("{what} of at least {bound} % for {PEAK_MINUTES} minutes"),
        measure,
        comparison: AT_LEAST,
        threshold: f64::from(bound),
        minutes: PEAK_MINUTES,
        period: 1,
        missing,
    }
}

/// Builds the load balancer alarms of a service. Requests are counted per target, so that
/// CloudWatch divides by the current task count and the threshold never changes with it.
fn load_balancer_alarms(policy: &Policy, groups: &[TargetGroup]) -> Vec<AlarmSpec<'static>> {
    let pairs = || {
        groups.iter().flat_map(|group| {
            group
                .load_balancer_dimensions()
                .map(move |name| (group.metric_dimension(), name))
        })
    };
    let each = |metric: &str, statistic| -> Option<Measure> {
        let of_pair = |(group, balancer)| {
            let dimensions = [("TargetGroup", group), ("LoadBalancer", balancer)];
            alarm_metric("AWS/ApplicationELB", metric, &dimensions, statistic)
        };
        combine_metrics(pairs().map(of_pair).collect())
    };
    let requests = policy.scale.as_ref().and_then(|scale| {
        Some(AlarmSpec {
            kind: "requests",
            about: format!("more than {} requests a second per task", scale.rps),
            measure: each("RequestCountPerTarget", Statistic::Sum)?,
            comparison: MORE_THAN,
            threshold: f64::from(scale.rps) * 60.0,
            minutes: 1,
            period: 1,
            missing: "notBreaching",
        })
    });
    let unhealthy = each("UnHealthyHostCount", Statistic::Minimum).map(|measure| AlarmSpec {
        kind: "unhealthy-targets",
        about: format!("an unhealthy target for {PEAK_MINUTES} minutes"),
        measure,
        comparison: AT_LEAST,
        threshold: 1.0,
        minutes: PEAK_MINUTES,
        period: 1,
        missing: "notBreaching",
    });
    let errors = each("HTTPCode_Target_5XX_Count", Statistic::Sum).map(|measure| AlarmSpec {
        kind: "errors-5xx",
        about: format!("at least {ERRORS_PER_MINUTE:.0} answers with status 5xx a minute for {PEAK_MINUTES} minutes"),
        measure,
        comparison: AT_LEAST,
        threshold: ERRORS_PER_MINUTE,
        minutes: PEAK_MINUTES,
        period: 1,
        missing: "notBreaching",
    });
    [requests, unhealthy, errors]
        .into_iter()
        .flatten()
        .collect()
}

pub fn database_alarms(policy: &Policy, database: &Database) -> Vec<Alarm> {
    if database.arn.is_cache() {
        // A cache has no metrics of its own (its nodes do), so only its backups are monitored.
        return recovery_point_alarm(policy, database)
            .into_iter()
            .map(|wanted| wanted.into_alarm(&database.arn))
            .collect();
    }
    let dimension = if database.is_cluster {
        "DBClusterIdentifier"
    } else {
        "DBInstanceIdentifier"
    };
    let of = |metric: &str, statistic| {
        Measure::One(alarm_metric(
            database.metric_namespace(),
            metric,
            &[(dimension, &database.identifier)],
            statistic,
        ))
    };
    let cpu = peak_alarm(
        "cpu-peak",
        "CPU",
        policy.cpu_peak,
        of("CPUUtilization", Statistic::Average),
        "missing",
    );
    let storage = database.allocated_gib.map(|gib| AlarmSpec {
        kind: "free-storage",
        about: format!("less than a tenth of {gib} GiB free"),
        measure: of("FreeStorageSpace", Statistic::Minimum),
        comparison: LESS_THAN,
        threshold: (f64::from(gib) * GIB * FREE_STORAGE_SHARE).floor(),
        minutes: PEAK_MINUTES,
        period: 1,
        missing: "missing",
    });
    let connections = max_connections(database).map(|most| AlarmSpec {
        kind: "connections",
        about: format!(
            "four fifths of about {most:.0} connections that {} allows by default",
            database.class
        ),
        measure: of("DatabaseConnections", Statistic::Maximum),
        comparison: AT_LEAST,
        threshold: (most * CONNECTIONS_SHARE).floor(),
        minutes: PEAK_MINUTES,
        period: 1,
        missing: "missing",
    });
    let lag = replica_lag_metric(database).map(|(metric, bound, unit)| AlarmSpec {
        kind: "replica-lag",
        about: format!("a replica at least {bound:.0} {unit} behind for {PEAK_MINUTES} minutes"),
        measure: of(metric, Statistic::Maximum),
        comparison: AT_LEAST,
        threshold: bound,
        minutes: PEAK_MINUTES,
        period: 1,
        missing: "notBreaching",
    });
    let wanted = [
        Some(cpu),
        storage,
        connections,
        lag,
        recovery_point_alarm(policy, database),
    ]
    .into_iter()
    .flatten();
    wanted
        .map(|wanted| wanted.into_alarm(&database.arn))
        .collect()
}

/// Builds the alarm on the age of the newest recovery point. `backup` publishes the metric four
/// times an hour, so two hours without data also fire the alarm.
fn recovery_point_alarm<'a>(policy: &Policy, database: &Database) -> Option<AlarmSpec<'a>> {
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

/// Returns the replica lag metric of a database with its threshold and unit.
fn replica_lag_metric(database: &Database) -> Option<(&'static str, f64, &'static str)> {
    match (database.is_cluster, database.engine.as_str()) {
        (true, "docdb") if database.members > 1 => {
            Some(("DBClusterReplicaLagMaximum", 1_000.0, "ms"))
        }
        (true, engine) if engine.starts_with("aurora") && database.members > 1 => {
            Some(("AuroraReplicaLagMaximum", 1_000.0, "ms"))
        }
        (false, _) if database.is_replica => Some(("ReplicaLag", 60.0, "s")),
        _ => None,
    }
}

/// Estimates, on the low side, how many connections the engine's default parameters allow. Returns
/// `None` if the engine or the memory of the class is unknown, and for a cluster, whose instances
/// have the limit.
/// Sources:
/// <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html#RDS_Limits.MaxConnections>,
/// <https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraMySQL.Managing.Performance.html>
fn max_connections(database: &Database) -> Option<f64> {
    let nominal = memory_gib(&database.class)?;
    // The operating system and the processes of RDS use the rest.
    let memory = nominal * GIB * if nominal > 2.0 { 0.9 } else { 0.65 };
    match database.engine.as_str() {
        "postgres" | "aurora-postgresql" => Some((memory / 9_531_392.0).min(5_000.0).floor()),
        "mysql" => Some((memory / 12_582_880.0).floor()),
        "aurora-mysql" => {
            let doublings = |from: f64| (memory / from).log2();
            Some(
                (doublings(805_306_368.0) * 45.0)
                    .max(doublings(8_187_281_408.0) * 1_000.0)
                    .floor(),
            )
        }
        "mariadb" => Some((memory / 25_165_760.0).min(12_000.0).floor()),
        _ => None,
    }
}

/// Returns the memory of an instance class in GiB, derived from its family and size.
/// Source: <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.DBInstanceClass.Summary.html>
fn memory_gib(class: &str) -> Option<f64> {
    let (family, size) = class.strip_prefix("db.")?.split_once('.')?;
    let large = match family.chars().next()? {
        't' => match size {
            "micro" => return Some(1.0),
            "small" => return Some(2.0),
            "medium" => return Some(4.0),
            _ => 8.0,
        },
        'm' => 8.0,
        'r' => 16.0,
        _ => return None,
    };
    match size {
        "large" => Some(large),
        "xlarge" => Some(large * 2.0),
        _ => size
            .strip_suffix("xlarge")?
            .parse::<f64>()
            .ok()
            .map(|times| large * 2.0 * times),
    }
}

fn alarm_metric(
    namespace: &str,
    name: &str,
    dimensions: &[(&str, &str)],
    statistic: Statistic,
) -> AlarmMetric {
    let dimensions: BTreeMap<String, String> = dimensions
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    AlarmMetric {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        dimensions,
        statistic,
    }
}

/// Combines metrics into one measure. Several metrics are summed, because one service may be behind
/// several load balancers.
fn combine_metrics(mut metrics: Vec<AlarmMetric>) -> Option<Measure> {
    match metrics.len() {
        0 => None,
        1 => metrics.pop().map(Measure::One),
        _ => Some(Measure::Sum(metrics)),
    }
}
