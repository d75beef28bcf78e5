//! The names of Lamplighter's alarms.

use lamplighter::model::Arn;

/// Name prefix of all Lamplighter alarms.
pub const ALARM_PREFIX: &str = "lamplighter/";

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

/// Returns the kind of an alarm, which is the last part of its name: `cpu-peak`. For people.
pub fn alarm_kind(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or_default()
}
