//! What an instance class says about a database: its memory, and how many connections it allows by default.

use lamplighter::model::Database;

use crate::alarm_spec::GIB;

/// Estimates, on the low side, how many connections the engine's default parameters allow. Returns
/// `None` if the engine or the memory of the class is unknown, and for a cluster, whose instances
/// have the limit.
/// Sources:
/// <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html#RDS_Limits.MaxConnections>,
/// <https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraMySQL.Managing.Performance.html>
pub fn max_connections(database: &Database) -> Option<f64> {
    let nominal = memory_gib(&database.class)?;
    // The operating system and the processes of RDS use the rest.
    let memory = nominal * GIB * if nominal > 2.0 { 0.9 } else { 0.65 };
    match database.engine.as_str() {
        "postgres" | "aurora-postgresql" => Some((memory / 9_531_392.0).min(5_000.0).floor()),
        "mysql" => Some((memory / 12_582_880.0).floor()),
        "aurora-mysql" => {
            let small = (memory / 805_306_368.0).log2() * 45.0;
            let large = (memory / 8_187_281_408.0).log2() * 1_000.0;
            Some(small.max(large).floor())
        }
        "mariadb" => Some((memory / 25_165_760.0).min(12_000.0).floor()),
        _ => None,
    }
}

/// Reports whether an instance class spends CPU credits: `db.t4g.medium`.
pub fn is_burstable(class: &str) -> bool {
    class.starts_with("db.t") || class.starts_with("cache.t")
}

/// Returns the memory of an instance class in GiB, derived from its family and size.
/// Source: <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.DBInstanceClass.Summary.html>
pub fn memory_gib(class: &str) -> Option<f64> {
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
