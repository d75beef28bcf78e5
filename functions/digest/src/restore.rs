//! Plans the restore of one database or cache.

use lamplighter::model::Arn;
use lamplighter::policy::StackDefaults;
use lamplighter::ports::ledger::JournalReader;
use lamplighter::ports::list_snapshots_of;
use lamplighter::restore::{LostDatabase, RestorePlan};
use lamplighter::state::TargetState;
use lamplighter::{AwsError, Error, MalformedEvent};

use crate::reads::Reads;

/// Resource types of databases and caches, as their ARNs have them.
const RESOURCE_TYPES: [(&str, &str); 4] = [
    ("rds", "db"),
    ("rds", "cluster"),
    ("elasticache", "replicationgroup"),
    ("elasticache", "serverlesscache"),
];

/// Status of a database that is being deleted, whose settings AWS takes away one after the other.
const DELETING: &str = "deleting";
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
        if let Some(lost) = find_database(&arn, &state, cloud).await? {
            found.push((lost, state));
        }
    }
    match found.as_slice() {
        [(lost, _)] if lost.database.cluster.is_some() => Err(describe_member(lost).into()),
        [(lost, state)] => Ok(RestorePlan::new(lost, &defaults.stack, &state.backups)),
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

/// Returns what is known of a database; `None` if it neither exists nor was recorded.
async fn find_database<C: Reads>(
    arn: &Arn,
    state: &TargetState,
    cloud: &C,
) -> Result<Option<LostDatabase>, AwsError> {
    let arns = std::slice::from_ref(arn);
    let described = if arn.is_cache() {
        cloud.describe_caches(arns).await?
    } else {
        cloud.describe_databases(arns).await?
    };
    let described = described.into_iter().next();
    let recorded = state.backups.source.as_deref();
    let described = described.filter(|database| database.status != DELETING || recorded.is_none());
    let exists = described.is_some();
    let Some(database) = described.or_else(|| recorded.map(|known| known.database.clone())) else {
        return Ok(None);
    };
    let mut members = Vec::new();
    if exists && database.is_cluster {
        members = cloud.describe_members(arns).await?;
    }
    let known = recorded.filter(|known| known.database.identity() == database.identity());
    if let Some(known) = known.filter(|_| members.is_empty()) {
        members.clone_from(&known.members);
    }
    // The sweep that records a database made again is still to come.
    let earlier = match (recorded, known) {
        (Some(other), None) => Some(other),
        _ => state.backups.earlier.as_deref(),
    };
    let has_retained = !exists && !arn.is_cache() && !database.resource_id.is_empty();
    let retained = if has_retained {
        cloud.find_retained_backup(&database).await?
    } else {
        None
    };
    Ok(Some(LostDatabase {
        snapshots: list_snapshots_of(arn, Some(&database), cloud).await?,
        earlier: earlier.cloned(),
        members,
        exists,
        retained,
        database,
    }))
}
