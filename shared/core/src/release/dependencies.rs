//! What an application depends on: databases and caches with its name.

use crate::AwsError;
use crate::model::{Arn, Database};
use crate::policy::{self, APP};
use crate::ports::cloud::{Cloud, Kind};

/// States in which a database or cache that served serves nobody, or not all; every other one is taken to be well.
/// Sources: <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/accessing-monitoring.html>,
/// <https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/accessing-monitoring.html>,
/// <https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_ReplicationGroup.html>
const DOWN: [&str; 19] = [
    "cloning-failed",
    "create-failed",
    "failed",
    "failing-over",
    "inaccessible-encryption-credentials",
    "inaccessible-encryption-credentials-recoverable",
    "insufficient-capacity",
    "maintenance",
    "migration-failed",
    "promoting",
    "rebooting",
    "resetting-master-credentials",
    "restore-error",
    "restore-failed",
    "starting",
    "stopped",
    "stopping",
    "storage-full",
    "upgrading",
];

/// What an application depends on and serves nobody now, in words: `the database orders (storage-full)`.
///
/// # Errors
/// [`AwsError`] where AWS can't be asked.
pub async fn down<C: Cloud>(app: Option<&str>, cloud: &C) -> Result<Vec<String>, AwsError> {
    let Some(app) = app else {
        return Ok(Vec::new());
    };
    let tagged = cloud.tagged(Kind::DatabaseOrCache, APP).await?;
    let own = tagged
        .into_iter()
        .filter(|found| policy::app(&found.tags) == Some(app))
        .map(|found| found.arn);
    let (caches, databases): (Vec<Arn>, Vec<Arn>) = own.partition(Arn::is_cache);
    let mut found = if databases.is_empty() {
        Vec::new()
    } else {
        cloud.databases(&databases).await?
    };
    if !caches.is_empty() {
        found.extend(cloud.caches(&caches).await?);
    }
    Ok(found
        .iter()
        .filter(|database| is_down(database))
        .map(in_words)
        .collect())
}

fn is_down(database: &Database) -> bool {
    // Others answer for a replica.
    let status = database.status.as_str();
    !database.is_replica && (DOWN.contains(&status) || status.starts_with("incompatible-"))
}

fn in_words(database: &Database) -> String {
    let what = if database.arn.is_cache() {
        "cache"
    } else {
        "database"
    };
    format!("the {what} {} ({})", database.identifier, database.status)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("available", false)]
    #[case("backing-up", false)]
    #[case("storage-optimization", false)]
    #[case("incompatible-parameters", true)]
    #[case("storage-full", true)]
    #[case("a-word-of-next-year", false)]
    fn knows_which_states_serve_nobody(#[case] status: &str, #[case] down: bool) {
        let database = Database {
            status: status.to_owned(),
            ..Database::default()
        };
        assert_eq!(is_down(&database), down);
        assert!(!is_down(&Database {
            is_replica: true,
            ..database
        }));
    }
}
