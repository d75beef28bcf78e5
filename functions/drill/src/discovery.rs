//! Discovery of the databases that an event refers to.

use std::cell::Cell;
use std::collections::BTreeMap;

use lamplighter::engine::{DiscoveryContext, Targets};
use lamplighter::event::detail::Detail;
use lamplighter::model::{Arn, Command, Request, RequestScope, Tagged};
use lamplighter::policy::{BACKUP, DRILL, TARGET};
use lamplighter::ports::ResourceKind;
use lamplighter::ports::ledger::Ledger;
use lamplighter::{AwsError, Function};

use crate::observation::Prefetched;
use crate::reads::Reads;
use crate::temporary_names::STARTED_BY_PREFIX;

type DiscoveryResult = Result<Targets<Prefetched>, AwsError>;

pub async fn find_targets<C: Reads, L: Ledger>(
    discovery: DiscoveryContext<'_, C, L>,
) -> DiscoveryResult {
    match &discovery.event.detail {
        Detail::Sweep => find_all(&discovery).await,
        Detail::Database(event) => {
            find_by_restored(&discovery, &Arn::new(event.source_arn.clone())).await
        }
        // A check task stopped. The state of the restored database shows which drill it belongs to.
        Detail::TaskChange(change) if change.started_by.starts_with(STARTED_BY_PREFIX) => {
            find_all(&discovery).await
        }
        Detail::Drill(request) => {
            find_database(&discovery, &Arn::new(request.database.clone())).await
        }
        Detail::Request(Request {
            command: Command::Drill,
            scope: RequestScope::Target(database),
            ..
        }) => find_database(&discovery, &Arn::new(database)).await,
        other @ (Detail::ImageAction(_)
        | Detail::ImageScanned(_)
        | Detail::SecretChange(_)
        | Detail::TagChange(_)
        | Detail::AlarmChange(_)
        | Detail::ServiceCreated(_)
        | Detail::TaskChange(_)
        | Detail::RunFailure(_)
        | Detail::InstanceChange(_)
        | Detail::DeploymentChange(_)
        | Detail::Snapshot(_)
        | Detail::BackupJob(_)
        | Detail::Request(_)
        | Detail::Release(_)
        | Detail::Hook(_)
        | Detail::CodeDeployHook(_)
        | Detail::CodeDeployment(_)
        | Detail::Other { .. }) => Ok(Targets::unsupported_event("drill", other)),
    }
}

/// Finds the databases with a drill schedule or a request for a drill, and the sources of all existing temporary databases.
async fn find_all<C: Reads, L: Ledger>(discovery: &DiscoveryContext<'_, C, L>) -> DiscoveryResult {
    let backed_up = discovery
        .cloud
        .list_tagged(ResourceKind::DatabaseOrCache, BACKUP)
        .await?;
    let temporary = discovery
        .cloud
        .list_tagged(ResourceKind::DatabaseOrCache, DRILL)
        .await?;
    let mut found: BTreeMap<Arn, Tagged> = backed_up
        .iter()
        .filter(|database| wants_drill(database))
        .map(|database| (database.arn.clone(), database.clone()))
        .collect();
    for source in temporary
        .iter()
        .filter_map(|database| database.tags.get(TARGET))
    {
        let source = find_source(&backed_up, Arn::new(source));
        found.entry(source.arn.clone()).or_insert(source);
    }
    for requested in discovery
        .ledger
        .list_watched(Function::Drill.name())
        .await?
    {
        let source = find_source(&backed_up, requested);
        found.entry(source.arn.clone()).or_insert(source);
    }
    if found.is_empty() {
        return Ok(Targets::Skipped(format!(
            "no database has drill= in the tag {BACKUP}"
        )));
    }
    let prefetched = Prefetched {
        now: discovery.now,
        running: Cell::new(temporary.len()),
    };
    Ok(Targets::Found(found.into_values().collect(), prefetched))
}

/// Returns the source of a temporary database, without tags if it is no longer backed up.
fn find_source(backed_up: &[Tagged], arn: Arn) -> Tagged {
    let tags = backed_up
        .iter()
        .find(|database| database.arn == arn)
        .map(|database| database.tags.clone())
        .unwrap_or_default();
    Tagged { arn, tags }
}

/// Reports whether the backup tag has a drill schedule. An invalid one is reported later.
fn wants_drill(database: &Tagged) -> bool {
    database.tags.get(BACKUP).is_some_and(|value| {
        value
            .split_whitespace()
            .any(|pair| pair.starts_with("drill="))
    })
}

/// Finds the source of a temporary database.
async fn find_by_restored<C: Reads, L: Ledger>(
    discovery: &DiscoveryContext<'_, C, L>,
    arn: &Arn,
) -> DiscoveryResult {
    let found = discovery
        .cloud
        .describe_databases(std::slice::from_ref(arn))
        .await?;
    match found.first().and_then(|database| database.tags.get(TARGET)) {
        Some(source) => find_database(discovery, &Arn::new(source)).await,
        None => Ok(Targets::Skipped(format!(
            "{} was not restored for a drill, or no longer exists",
            arn.display_name()
        ))),
    }
}

async fn find_database<C: Reads, L: Ledger>(
    discovery: &DiscoveryContext<'_, C, L>,
    arn: &Arn,
) -> DiscoveryResult {
    if arn.database_kind().is_none() {
        return Ok(Targets::Skipped(format!(
            "{arn} is not the ARN of an RDS instance, an RDS cluster or a cache"
        )));
    }
    let asked = std::slice::from_ref(arn);
    let found = if arn.is_cache() {
        discovery.cloud.describe_caches(asked).await?
    } else {
        discovery.cloud.describe_databases(asked).await?
    };
    let tags = found
        .first()
        .map(|database| database.tags.clone())
        .unwrap_or_default();
    Ok(Targets::Found(
        vec![Tagged {
            arn: arn.clone(),
            tags,
        }],
        Prefetched {
            now: discovery.now,
            ..Prefetched::default()
        },
    ))
}
