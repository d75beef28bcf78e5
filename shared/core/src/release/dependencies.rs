//! Dependencies of an application: the databases and caches that carry its `lamplighter:app` tag.

use crate::AwsError;
use crate::model::{Arn, Database};
use crate::policy::{self, APP};
use crate::ports::{Caches, Databases, ResourceKind, TaggedResources};

/// States in which an existing database or cache is unavailable, fully or in part. Every other
/// state counts as available.
/// Sources: <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/accessing-monitoring.html>,
/// <https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/accessing-monitoring.html>,
/// <https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_ReplicationGroup.html>
const UNAVAILABLE_STATES: [&str; 19] = [
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

/// Lists the unavailable dependencies of an application, for messages: `the database orders
/// (storage-full)`.
///
/// # Errors
/// [`AwsError`] if a call fails.
pub async fn find_unavailable<C: TaggedResources + Databases + Caches>(
    app: Option<&str>,
    cloud: &C,
) -> Result<Vec<String>, AwsError> {
    let Some(app) = app else {
        return Ok(Vec::new());
    };
    let tagged = cloud
        .list_tagged(ResourceKind::DatabaseOrCache, APP)
        .await?;
    let own = tagged
        .into_iter()
        .filter(|found| policy::app_name(&found.tags) == Some(app))
        .map(|found| found.arn);
    let (caches, databases): (Vec<Arn>, Vec<Arn>) = own.partition(Arn::is_cache);
    let mut found = if databases.is_empty() {
        Vec::new()
    } else {
        cloud.describe_databases(&databases).await?
    };
    if !caches.is_empty() {
        found.extend(cloud.describe_caches(&caches).await?);
    }
    Ok(found
        .iter()
        .filter(|database| is_unavailable(database))
        .map(describe_database)
        .collect())
}

fn is_unavailable(database: &Database) -> bool {
    // A replica is not a dependency of its own: its primary is checked.
    let status = database.status.as_str();
    !database.is_replica
        && (UNAVAILABLE_STATES.contains(&status) || status.starts_with("incompatible-"))
}

fn describe_database(database: &Database) -> String {
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
    #[case("a-future-state", false)]
    fn unavailable_states_count_as_an_outage(#[case] status: &str, #[case] down: bool) {
        let database = Database {
            status: status.to_owned(),
            ..Database::default()
        };
        assert_eq!(is_unavailable(&database), down);
        assert!(!is_unavailable(&Database {
            is_replica: true,
            ..database
        }));
    }
}
