//! Which databases an event is about.

use lamplighter::AwsError;
use lamplighter::engine::{Search, Targets};
use lamplighter::event::detail::Detail;
use lamplighter::model::{Arn, DatabaseKind, Snapshot, Tagged};
use lamplighter::policy::{BACKUP, MANAGED};
use lamplighter::ports::cloud::{Cloud, Kind, Which};
use lamplighter::ports::ledger::Ledger;

use crate::survey::Survey;

type Found = Result<Targets<Survey>, AwsError>;

pub async fn targets<C: Cloud, L: Ledger>(search: Search<'_, C, L>) -> Found {
    match &search.event.detail {
        Detail::Sweep => all(&search).await,
        Detail::Snapshot(event) => snapshot(&search, &Arn::new(event.source_arn.clone())).await,
        Detail::BackupJob(job) if job.failed() => {
            one(&search, Arn::new(job.resource_arn.clone())).await
        }
        Detail::BackupJob(job) => Ok(Targets::None(format!(
            "the job {} is {}",
            job.backup_job_id, job.state
        ))),
        Detail::TagChange(change)
            if change
                .changed_tag_keys
                .iter()
                .any(|key| key == BACKUP || key == MANAGED) =>
        {
            match search.event.resources.first() {
                Some(arn) => one(&search, Arn::new(arn)).await,
                None => Ok(Targets::None("the event names no resource".to_owned())),
            }
        }
        Detail::TagChange(_) => Ok(Targets::None("no tag about backups changed".to_owned())),
        other => Ok(Targets::not_for("backup", other)),
    }
}

async fn all<C: Cloud, L: Ledger>(search: &Search<'_, C, L>) -> Found {
    let listed = search.cloud.tagged(Kind::DatabaseOrCache, BACKUP).await?;
    if listed.is_empty() {
        return Ok(Targets::None(format!("no database carries {BACKUP}")));
    }
    let arns: Vec<Arn> = listed.iter().map(|database| database.arn.clone()).collect();
    let survey = Survey::read(&arns, search.now, search.defaults, search.cloud).await?;
    Ok(Targets::These(listed, survey))
}

/// A database, if it is one and carries the tag.
async fn one<C: Cloud, L: Ledger>(search: &Search<'_, C, L>, arn: Arn) -> Found {
    if arn.database().is_none() {
        return Ok(Targets::None(format!(
            "{arn} is no database of RDS and no cache that can be backed up"
        )));
    }
    let survey = Survey::read(
        std::slice::from_ref(&arn),
        search.now,
        search.defaults,
        search.cloud,
    )
    .await?;
    let tags = survey.tags(&arn);
    if !tags.contains_key(BACKUP) {
        return Ok(Targets::None(format!("{} has no {BACKUP}", arn.name())));
    }
    Ok(Targets::These(vec![Tagged { arn, tags }], survey))
}

/// The database that a manual snapshot is of.
async fn snapshot<C: Cloud, L: Ledger>(search: &Search<'_, C, L>, arn: &Arn) -> Found {
    let found = search.cloud.snapshots(None, Which::This(arn)).await?;
    let Some(Snapshot { database, kind, .. }) = found.first() else {
        return Ok(Targets::None(format!(
            "{} is no manual snapshot, or is gone",
            arn.name()
        )));
    };
    let kind = if *kind == DatabaseKind::Cluster {
        "cluster"
    } else {
        "db"
    };
    let (partition, region, account) = (arn.partition(), arn.region(), arn.account());
    one(
        search,
        Arn::new(format!(
            "arn:{partition}:rds:{region}:{account}:{kind}:{database}"
        )),
    )
    .await
}
