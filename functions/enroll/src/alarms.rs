//! The alarms that a target should have. Their bounds come from its tags, from the API, or from the stack.

use std::collections::BTreeMap;

use lamplighter::model::{
    Alarm, AlarmActions, AlarmMetric, Arn, Database, Measure, Service, Statistic, TargetGroup,
};

use lamplighter::engine::telemetry::{NAMESPACE, RECOVERY_POINT};

use crate::Policy;

/// What the names of all our alarms begin with.
pub const OURS: &str = "lamplighter/";

const AT_LEAST: &str = "GreaterThanOrEqualToThreshold";
const MORE: &str = "GreaterThanThreshold";
const LESS: &str = "LessThanThreshold";
/// In per cent; there is no tag for a memory peak where the service is not scaled by memory.
const MEMORY_PEAK: u32 = 90;
/// Minutes that a peak lasts before it is one.
const PEAK: u32 = 3;
/// Answers with status 5xx in a minute.
const ERRORS: f64 = 10.0;
/// Of the storage of an instance.
const FREE_STORAGE: f64 = 0.1;
/// Of the connections that an engine allows by default.
const CONNECTIONS: f64 = 0.8;
const GIB: f64 = 1_073_741_824.0;

/// `lamplighter/shop/web/` for a service, `lamplighter/db:orders/` for a database; `None` for anything else. A
/// cluster's name can have no colon.
pub fn prefix(target: &Arn) -> Option<String> {
    match target.ecs_service() {
        Some((cluster, name)) => Some(format!("{OURS}{cluster}/{name}/")),
        None => target
            .database()
            .is_some()
            .then(|| format!("{OURS}{}/", target.resource())),
    }
}

/// One alarm, in the order in which a person would say it.
struct Wanted<'a> {
    kind: &'a str,
    about: String,
    measure: Measure,
    comparison: &'a str,
    threshold: f64,
    minutes: u32,
    /// Minutes of one period.
    period: u32,
    missing: &'a str,
}

impl Wanted<'_> {
    fn alarm(self, target: &Arn) -> Alarm {
        let prefix = prefix(target).unwrap_or_default();
        Alarm {
            name: format!("{prefix}{}", self.kind),
            description: format!(
                "{}: {}. Kept by Lamplighter from the tags.",
                target.name(),
                self.about
            ),
            measure: self.measure,
            comparison: self.comparison.to_owned(),
            threshold: self.threshold,
            minutes: self.minutes,
            period: self.period,
            missing_data: self.missing.to_owned(),
            actions: AlarmActions::default(),
        }
    }
}

pub fn of_service(policy: &Policy, service: &Service, groups: &[TargetGroup]) -> Vec<Alarm> {
    let (cluster, name) = service.arn.ecs_service().unwrap_or_default();
    let used = |metric: &str| {
        let dimensions = [("ClusterName", cluster), ("ServiceName", name)];
        Measure::One(measured("AWS/ECS", metric, &dimensions, Statistic::Average))
    };
    let cpu = policy
        .scale
        .as_ref()
        .map_or(policy.cpu_peak, |scale| scale.cpu);
    let memory = policy
        .scale
        .as_ref()
        .and_then(|scale| scale.memory)
        .unwrap_or(MEMORY_PEAK);
    let mut wanted = vec![peak(
        "cpu-peak",
        "CPU",
        cpu,
        used("CPUUtilization"),
        "missing",
    )];
    wanted.push(peak(
        "memory-peak",
        "memory",
        memory,
        used("MemoryUtilization"),
        "missing",
    ));
    wanted.extend(behind_balancers(policy, groups));
    wanted
        .into_iter()
        .map(|wanted| wanted.alarm(&service.arn))
        .collect()
}

fn peak<'a>(
    kind: &'a str,
    what: &str,
    bound: u32,
    measure: Measure,
    missing: &'a str,
) -> Wanted<'a> {
    Wanted {
        kind,
        about: format!("{what} of at least {bound} % for {PEAK} minutes"),
        measure,
        comparison: AT_LEAST,
        threshold: f64::from(bound),
        minutes: PEAK,
        period: 1,
        missing,
    }
}

/// Requests are counted per target, because CloudWatch then divides by the tasks that are there: the bound
/// need not be changed whenever the count is.
fn behind_balancers(policy: &Policy, groups: &[TargetGroup]) -> Vec<Wanted<'static>> {
    let pairs = || {
        groups.iter().flat_map(|group| {
            group
                .balancer_dimensions()
                .map(move |name| (group.dimension(), name))
        })
    };
    let each = |metric: &str, statistic| -> Option<Measure> {
        let of_pair = |(group, balancer)| {
            let dimensions = [("TargetGroup", group), ("LoadBalancer", balancer)];
            measured("AWS/ApplicationELB", metric, &dimensions, statistic)
        };
        several(pairs().map(of_pair).collect())
    };
    let requests = policy.scale.as_ref().and_then(|scale| {
        Some(Wanted {
            kind: "requests",
            about: format!("more than {} requests a second per task", scale.rps),
            measure: each("RequestCountPerTarget", Statistic::Sum)?,
            comparison: MORE,
            threshold: f64::from(scale.rps) * 60.0,
            minutes: 1,
            period: 1,
            missing: "notBreaching",
        })
    });
    let unhealthy = each("UnHealthyHostCount", Statistic::Minimum).map(|measure| Wanted {
        kind: "unhealthy-targets",
        about: format!("an unhealthy target for {PEAK} minutes"),
        measure,
        comparison: AT_LEAST,
        threshold: 1.0,
        minutes: PEAK,
        period: 1,
        missing: "notBreaching",
    });
    let errors = each("HTTPCode_Target_5XX_Count", Statistic::Sum).map(|measure| Wanted {
        kind: "errors-5xx",
        about: format!("at least {ERRORS:.0} answers with status 5xx a minute for {PEAK} minutes"),
        measure,
        comparison: AT_LEAST,
        threshold: ERRORS,
        minutes: PEAK,
        period: 1,
        missing: "notBreaching",
    });
    [requests, unhealthy, errors]
        .into_iter()
        .flatten()
        .collect()
}

pub fn of_database(policy: &Policy, database: &Database) -> Vec<Alarm> {
    if database.arn.is_cache() {
        // Its nodes have metrics of their own, and it has only its backups.
        return recovery_point(policy, database)
            .into_iter()
            .map(|wanted| wanted.alarm(&database.arn))
            .collect();
    }
    let dimension = if database.is_cluster {
        "DBClusterIdentifier"
    } else {
        "DBInstanceIdentifier"
    };
    let of = |metric: &str, statistic| {
        Measure::One(measured(
            database.namespace(),
            metric,
            &[(dimension, &database.identifier)],
            statistic,
        ))
    };
    let cpu = peak(
        "cpu-peak",
        "CPU",
        policy.cpu_peak,
        of("CPUUtilization", Statistic::Average),
        "missing",
    );
    let storage = database.allocated_gib.map(|gib| Wanted {
        kind: "free-storage",
        about: format!("less than a tenth of {gib} GiB free"),
        measure: of("FreeStorageSpace", Statistic::Minimum),
        comparison: LESS,
        threshold: (f64::from(gib) * GIB * FREE_STORAGE).floor(),
        minutes: PEAK,
        period: 1,
        missing: "missing",
    });
    let connections = max_connections(database).map(|most| Wanted {
        kind: "connections",
        about: format!(
            "four fifths of about {most:.0} connections that {} allows by default",
            database.class
        ),
        measure: of("DatabaseConnections", Statistic::Maximum),
        comparison: AT_LEAST,
        threshold: (most * CONNECTIONS).floor(),
        minutes: PEAK,
        period: 1,
        missing: "missing",
    });
    let lag = lag(database).map(|(metric, bound, unit)| Wanted {
        kind: "replica-lag",
        about: format!("a replica at least {bound:.0} {unit} behind for {PEAK} minutes"),
        measure: of(metric, Statistic::Maximum),
        comparison: AT_LEAST,
        threshold: bound,
        minutes: PEAK,
        period: 1,
        missing: "notBreaching",
    });
    let wanted = [
        Some(cpu),
        storage,
        connections,
        lag,
        recovery_point(policy, database),
    ]
    .into_iter()
    .flatten();
    wanted.map(|wanted| wanted.alarm(&database.arn)).collect()
}

/// `backup` measures it four times an hour. When it has not for two hours, nobody watches, which is as bad.
fn recovery_point<'a>(policy: &Policy, database: &Database) -> Option<Wanted<'a>> {
    let allowed = policy.backup.as_ref()?.recovery_point();
    let dimensions = [
        ("Stack", policy.stack.as_str()),
        ("Target", database.arn.resource()),
    ];
    Some(Wanted {
        kind: "recovery-point",
        about: format!("a recovery point more than {} h old", allowed.as_hours()),
        measure: Measure::One(measured(
            NAMESPACE,
            RECOVERY_POINT,
            &dimensions,
            Statistic::Maximum,
        )),
        comparison: MORE,
        threshold: allowed.as_secs_f64(),
        minutes: 2,
        period: 60,
        missing: "breaching",
    })
}

/// What tells how far replicas are behind, from when on, and in what.
fn lag(database: &Database) -> Option<(&'static str, f64, &'static str)> {
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

/// About how many connections the engine's default parameters allow, rather too few than too many; `None` where
/// they or the memory of the class are not known, and for a cluster, whose instances have them.
/// Sources: <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html#RDS_Limits.MaxConnections>,
/// <https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraMySQL.Managing.Performance.html>
fn max_connections(database: &Database) -> Option<f64> {
    let nominal = memory_gib(&database.class)?;
    // The rest is for the system and RDS's own processes.
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

/// Memory of an instance class by its family and size.
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

fn measured(
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

/// One metric as it is, several as their sum: the same tasks may stand behind several load balancers.
fn several(mut metrics: Vec<AlarmMetric>) -> Option<Measure> {
    match metrics.len() {
        0 => None,
        1 => metrics.pop().map(Measure::One),
        _ => Some(Measure::Sum(metrics)),
    }
}
