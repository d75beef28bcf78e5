//! Discovery of the databases that an event refers to.

use crate::reads::Reads;
use lamplighter::AwsError;
use lamplighter::engine::{DiscoveryContext, Targets};
use lamplighter::event::detail::Detail;
use lamplighter::model::{Arn, DatabaseKind, Snapshot, Tagged};
use lamplighter::policy::{BACKUP, MANAGED};
use lamplighter::ports::ledger::Ledger;
use lamplighter::ports::{ResourceKind, SnapshotFilter};

use crate::observation::Prefetched;

type DiscoveryResult = Result<Targets<Prefetched>, AwsError>;

pub async fn find_targets<C: Reads, L: Ledger>(
    discovery: DiscoveryContext<'_, C, L>,
) -> DiscoveryResult {
    match &discovery.event.detail {
        Detail::Sweep => find_all(&discovery).await,
        Detail::Snapshot(event) => {
            find_by_snapshot(&discovery, &Arn::new(event.source_arn.clone())).await
        }
        Detail::BackupJob(job) if job.has_failed() => {
            find_database(&discovery, Arn::new(job.resource_arn.clone())).await
        }
        Detail::BackupJob(job) => Ok(Targets::Skipped(format!(
            "the job {} is {}",
            job.backup_job_id, job.state
        ))),
        Detail::TagChange(change)
            if change
                .changed_tag_keys
                .iter()
                .any(|key| key == BACKUP || key == MANAGED) =>
        {
            match discovery.event.resources.first() {
                Some(arn) => find_database(&discovery, Arn::new(arn)).await,
                None => Ok(Targets::Skipped("the event names no resource".to_owned())),
            }
        }
        Detail::TagChange(_) => Ok(Targets::Skipped("no tag about backups changed".to_owned())),
        other => Ok(Targets::unsupported_event("backup", other)),
    }
}

async fn find_all<C: Reads, L: Ledger>(discovery: &DiscoveryContext<'_, C, L>) -> DiscoveryResult {
    let listed = discovery
        .cloud
        .list_tagged(ResourceKind::DatabaseOrCache, BACKUP)
        .await?;
    if listed.is_empty() {
        return Ok(Targets::Skipped(format!("no database carries {BACKUP}")));
    }
    let arns: Vec<Arn> = listed.iter().map(|database| database.arn.clone()).collect();
    let prefetched =
        Prefetched::read_all(&arns, discovery.now, discovery.defaults, discovery.cloud).await?;
    Ok(Targets::Found(listed, prefetched))
}

/// Finds a database by ARN, if it supports backups and has the backup tag.
async fn find_database<C: Reads, L: Ledger>(
    discovery: &DiscoveryContext<'_, C, L>,
    arn: Arn,
) -> DiscoveryResult {
    if arn.database_kind().is_none() {
        return Ok(Targets::Skipped(format!(
            "{arn} is no database of RDS and no cache that can be backed up"
        )));
    }
    let prefetched = Prefetched::read_all(
        std::slice::from_ref(&arn),
        discovery.now,
        discovery.defaults,
        discovery.cloud,
    )
    .await?;
    let tags = prefetched.database_tags(&arn);
    if !tags.contains_key(BACKUP) {
        return Ok(Targets::Skipped(format!(
            "{} has no {BACKUP}",
            arn.display_name()
        )));
    }
    Ok(Targets::Found(vec![Tagged { arn, tags }], prefetched))
}

/// Finds the database that a manual snapshot belongs to.
async fn find_by_snapshot<C: Reads, L: Ledger>(
    discovery: &DiscoveryContext<'_, C, L>,
    arn: &Arn,
) -> DiscoveryResult {
    let found = discovery
        .cloud
        .list_snapshots(None, SnapshotFilter::ByArn(arn))
        .await?;
    let Some(Snapshot { database, kind, .. }) = found.first() else {
        return Ok(Targets::Skipped(format!(
            "{} is no manual snapshot, or is gone",
            arn.display_name()
        )));
    };
    let kind = if *kind == DatabaseKind::Cluster {
        "cluster"
    } else {
        "db"
    };
    let (partition, region, account) = (arn.partition(), arn.region(), arn.account_id());
    find_database(
        discovery,
        Arn::new(format!(
            "arn:{partition}:rds:{region}:{account}:{kind}:{database}"
        )),
    )
    .await
}
