//! Configuration risks of a database.

use lamplighter::model::Database;
use lamplighter::plan::Finding;
use lamplighter::policy::BackupPolicy;

use crate::database_alarms::format_age;
use crate::finding::build_finding;

/// One check of a database, with the finding if the risk is there.
struct Check {
    is_risk: bool,
    key: &'static str,
    title: &'static str,
    why: &'static str,
    next: &'static str,
}

pub fn check_database(database: &Database) -> Vec<Finding> {
    list_checks(database)
        .into_iter()
        .filter(|check| check.is_risk)
        .map(|check| build_finding(check.key, check.title, check.why, check.next))
        .collect()
}

/// Says that the RPO of the backup tag can't be kept.
pub fn describe_unkept_rpo(backup: &BackupPolicy, database: &Database) -> Option<Finding> {
    let rpo = backup.find_unkept_rpo(database)?;
    let (rpo, interval) = (format_age(rpo), format_age(backup.slot_interval()));
    let (why, next) = if database.arn.is_cache() {
        (
            "ElastiCache has no point-in-time recovery.",
            "Set every= to less than rpo=, or a longer rpo=.",
        )
    } else {
        (
            "The database has no automated backups, so that nothing reaches closer to now than its newest snapshot.",
            "Set a backup retention of at least 1 day: point-in-time recovery then reaches to within 5 minutes. Or set a shorter every=, or a longer rpo=.",
        )
    };
    Some(build_finding(
        "unkept-rpo",
        format!("rpo={rpo} can't be kept - a snapshot every {interval}"),
        format!(
            "{why} Until then, you are told of recovery points that are older than {}.",
            format_age(backup.max_recovery_point_age(database))
        ),
        next,
    ))
}

/// Lists the checks. Settings of a cluster are checked on the cluster, not on its instances.
fn list_checks(database: &Database) -> [Check; 5] {
    let is_own = database.cluster.is_none();
    [
        Check {
            is_risk: is_own && database.backup_retention_days == 0,
            key: "no-automated-backups",
            title: "no automated backups",
            why: "Point-in-time recovery is not possible.",
            next: "Set a backup retention of at least 7 days. A change from 0 restarts an instance, so choose the hour.",
        },
        Check {
            is_risk: is_own && !database.multi_az && !database.is_replica,
            key: "single-az",
            title: "only 1 Availability Zone - no failover",
            why: "If the zone fails, the database is down.",
            next: "Enable Multi-AZ, or add a cluster instance in a second zone.",
        },
        Check {
            is_risk: database.publicly_accessible,
            key: "public",
            title: "publicly accessible",
            why: "Its endpoint resolves to a public IP address.",
            next: "Disable public access, and connect from inside the VPC.",
        },
        Check {
            is_risk: is_own && !database.encrypted,
            key: "unencrypted",
            title: "not encrypted",
            why: "Anyone who obtains its storage or a snapshot can read it.",
            next: "Copy a snapshot with a KMS key and restore it. Encryption can't be enabled later.",
        },
        Check {
            is_risk: is_own && !database.deletion_protection,
            key: "no-deletion-protection",
            title: "deletion protection is off",
            why: "A single API call deletes the database.",
            next: "Enable deletion protection. It takes effect at once.",
        },
    ]
}
