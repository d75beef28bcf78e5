//! Which databases an event is about.

use std::cell::Cell;
use std::collections::BTreeMap;

use lamplighter::AwsError;
use lamplighter::engine::{Search, Targets};
use lamplighter::event::detail::Detail;
use lamplighter::model::{Arn, Tagged};
use lamplighter::policy::{BACKUP, DRILL, TARGET};
use lamplighter::ports::cloud::{Cloud, Kind};
use lamplighter::ports::ledger::Ledger;

use crate::check::STARTED_BY;
use crate::survey::Survey;

type Found = Result<Targets<Survey>, AwsError>;

pub async fn targets<C: Cloud, L: Ledger>(search: Search<'_, C, L>) -> Found {
    match &search.event.detail {
        Detail::Sweep => all(&search).await,
        Detail::Database(event) => restored(&search, &Arn::new(event.source_arn.clone())).await,
        // A check has ended; which one is seen from what is restored.
        Detail::TaskChange(change) if change.started_by.starts_with(STARTED_BY) => {
            all(&search).await
        }
        Detail::Drill(request) => one(&search, &Arn::new(request.database.clone())).await,
        other => Ok(Targets::not_for("drill", other)),
    }
}

/// Every database that is drilled, and those of which something is left of a drill.
async fn all<C: Cloud, L: Ledger>(search: &Search<'_, C, L>) -> Found {
    let backed_up = search.cloud.tagged(Kind::DatabaseOrCache, BACKUP).await?;
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
    let left = search.cloud.tagged(Kind::DatabaseOrCache, DRILL).await?;
    let survey = Survey {
        now: search.now,
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
        return Ok(Targets::None(format!("no database has drill= in {BACKUP}")));
    }
    Ok(Targets::These(found.into_values().collect(), survey))
}

/// The source of a throwaway database.
async fn restored<C: Cloud, L: Ledger>(search: &Search<'_, C, L>, arn: &Arn) -> Found {
    let found = search.cloud.databases(std::slice::from_ref(arn)).await?;
    match found.first().and_then(|database| database.tags.get(TARGET)) {
        Some(source) => one(search, &Arn::new(source)).await,
        None => Ok(Targets::None(format!(
            "{} was not restored for a drill, or is gone",
            arn.name()
        ))),
    }
}

async fn one<C: Cloud, L: Ledger>(search: &Search<'_, C, L>, arn: &Arn) -> Found {
    if arn.database().is_none() {
        return Ok(Targets::None(format!(
            "{arn} is no ARN of an instance or cluster of RDS, or of a cache"
        )));
    }
    let asked = std::slice::from_ref(arn);
    let found = if arn.is_cache() {
        search.cloud.caches(asked).await?
    } else {
        search.cloud.databases(asked).await?
    };
    let tags = found
        .first()
        .map(|database| database.tags.clone())
        .unwrap_or_default();
    Ok(Targets::These(
        vec![Tagged {
            arn: arn.clone(),
            tags,
        }],
        Survey {
            now: search.now,
            ..Survey::default()
        },
    ))
}
