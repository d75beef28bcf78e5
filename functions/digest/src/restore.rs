//! Plans the restore of one database or cache.

use jiff::Timestamp;
use lamplighter::model::{Arn, Database};
use lamplighter::policy::StackDefaults;
use lamplighter::ports::ledger::JournalReader;
use lamplighter::ports::list_snapshots_of;
use lamplighter::restore::{LostDatabase, RestorePlan};
use lamplighter::state::{BackupState, TargetState};
use lamplighter::{AwsError, Error, MalformedEvent};

use crate::reads::Reads;

/// Resource types of databases and caches, as their ARNs have them.
const RESOURCE_TYPES: [(&str, &str); 4] = [
    ("rds", "db"),
    ("rds", "cluster"),
    ("elasticache", "replicationgroup"),
    ("elasticache", "serverlesscache"),
];

/// Maximum name length of caches. AWS refuses to look for a longer one.
const MAX_CACHE_NAME_LENGTH: usize = 40;

/// Plans how to bring back a database or cache, by its name or ARN. It may be gone, if Lamplighter backed it up.
///
/// # Errors
/// [`Error`] if a call fails, if nothing has that name, or if several things have it.
pub async fn plan_restore<C: Reads, L: JournalReader>(
    name: &str,
    (cloud, ledger): (&C, &L),
    defaults: &StackDefaults,
) -> Result<RestorePlan, Error> {
    let mut found = Vec::new();
    for arn in list_candidates(name, defaults) {
        let state = ledger.read_state(&arn).await?;
        found.extend(find_database(&arn, &state, cloud).await?);
    }
    match found.as_slice() {
        [(lost, _)] if lost.database.cluster.is_some() => Err(describe_member(lost).into()),
        [(lost, backups)] => Ok(RestorePlan::new(lost, &defaults.stack, backups)),
        [] => Err(unknown(name).into()),
        several => {
            let arns: Vec<&str> = several
                .iter()
                .map(|(lost, _)| lost.database.arn.as_str())
                .collect();
            let problem = format!(
                "several have the name {name}: restore one of {}",
                arns.join(", ")
            );
            Err(MalformedEvent(problem).into())
        }
    }
}

/// Says that an instance comes back with its cluster.
fn describe_member(lost: &LostDatabase) -> MalformedEvent {
    let cluster = lost.database.cluster.as_deref().unwrap_or_default();
    MalformedEvent(format!(
        "{} is an instance of the cluster {cluster}: restore that",
        lost.database.identifier
    ))
}

fn unknown(name: &str) -> MalformedEvent {
    MalformedEvent(format!(
        "restore: no database or cache is called {name}, and Lamplighter never backed one up. \
         A deleted one that it did not back up is restored by RESTORE.md."
    ))
}

/// Lists the ARNs that a name may stand for.
fn list_candidates(name: &str, defaults: &StackDefaults) -> Vec<Arn> {
    if name.starts_with("arn:") {
        return vec![Arn::new(name)];
    }
    let own = Arn::new(&defaults.topic);
    let candidates = RESOURCE_TYPES
        .iter()
        .filter(|(service, _)| *service == "rds" || name.len() <= MAX_CACHE_NAME_LENGTH);
    let candidates = candidates.map(|(service, kind)| {
        Arn::new(format!(
            "arn:{}:{service}:{}:{}:{kind}:{name}",
            own.partition(),
            own.region(),
            own.account_id()
        ))
    });
    candidates.collect()
}

/// Returns what is known of a database, and of its backups; `None` if it neither exists nor was recorded.
async fn find_database<C: Reads>(
    arn: &Arn,
    state: &TargetState,
    cloud: &C,
) -> Result<Option<(LostDatabase, BackupState)>, AwsError> {
    let arns = std::slice::from_ref(arn);
    let described = if arn.is_cache() {
        cloud.describe_caches(arns).await?
    } else {
        cloud.describe_databases(arns).await?
    };
    let described = described.into_iter().next();
    let mut backups = state.backups.clone();
    let described =
        described.filter(|database| !database.is_being_deleted() || backups.source.is_none());
    let exists = described.is_some();
    if let Some(database) = &described {
        let members = if database.is_cluster {
            cloud.describe_members(arns).await?
        } else {
            Vec::new()
        };
        // As the next sweep will: a database made again is another one.
        backups.record_source(database, &members);
    }
    let recorded = backups.source.as_deref().cloned();
    let Some(database) = described.or_else(|| recorded.as_ref().map(|one| one.database.clone()))
    else {
        return Ok(None);
    };
    let earlier = backups.earlier.as_deref().cloned();
    let gone = if exists {
        earlier.as_ref().map(|earlier| &earlier.database)
    } else {
        Some(&database)
    };
    let lost = LostDatabase {
        snapshots: list_snapshots_of(arn, Some(&database), cloud).await?,
        retained: find_retained(gone, cloud).await?,
        members: recorded.map(|one| one.members).unwrap_or_default(),
        earlier,
        exists,
        database,
    };
    Ok(Some((lost, backups)))
}

/// Returns the latest time that the retained automated backups of a database that is gone reach.
async fn find_retained<C: Reads>(
    gone: Option<&Database>,
    cloud: &C,
) -> Result<Option<Timestamp>, AwsError> {
    match gone {
        Some(gone) if !gone.arn.is_cache() && !gone.resource_id.is_empty() => {
            cloud.find_retained_backup(gone).await
        }
        Some(_) | None => Ok(None),
    }
}
