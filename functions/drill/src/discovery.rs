//! Discovery of the databases that an event refers to.

use std::cell::Cell;
use std::collections::BTreeMap;

use crate::reads::Reads;
use lamplighter::AwsError;
use lamplighter::engine::{DiscoveryContext, Targets};
use lamplighter::event::detail::Detail;
use lamplighter::model::{Arn, Tagged};
use lamplighter::policy::{BACKUP, DRILL, TARGET};
use lamplighter::ports::ResourceKind;
use lamplighter::ports::ledger::Ledger;

use crate::check::STARTED_BY_PREFIX;
use crate::observation::Prefetched;

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
        other => Ok(Targets::unsupported_event("drill", other)),
    }
}

/// Finds the databases with a drill schedule, and the sources of all existing temporary databases.
async fn find_all<C: Reads, L: Ledger>(discovery: &DiscoveryContext<'_, C, L>) -> DiscoveryResult {
    let backed_up = discovery
        .cloud
        .list_tagged(ResourceKind::DatabaseOrCache, BACKUP)
        .await?;
    let asks = |value: &String| {
        value
            .split_whitespace()
            .any(|pair| pair.starts_with("drill="))
    };
    let wants = |database: &Tagged| database.tags.get(BACKUP).is_some_and(asks);
    let mut found: BTreeMap<Arn, Tagged> = backed_up
        .iter()
        .filter(|database| wants(database))
        .map(|d| (d.arn.clone(), d.clone()))
        .collect();
    let left = discovery
        .cloud
        .list_tagged(ResourceKind::DatabaseOrCache, DRILL)
        .await?;
    let prefetched = Prefetched {
        now: discovery.now,
        running: Cell::new(left.len()),
    };
    for left in left {
        let Some(source) = left.tags.get(TARGET).map(Arn::new) else {
            continue;
        };
        let tags = backed_up
            .iter()
            .find(|database| database.arn == source)
            .map(|d| d.tags.clone())
            .unwrap_or_default();
        found
            .entry(source.clone())
            .or_insert(Tagged { arn: source, tags });
    }
    if found.is_empty() {
        return Ok(Targets::Skipped(format!(
            "no database has drill= in {BACKUP}"
        )));
    }
    Ok(Targets::Found(found.into_values().collect(), prefetched))
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
            "{} was not restored for a drill, or is gone",
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
            "{arn} is no ARN of an instance or cluster of RDS, or of a cache"
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
