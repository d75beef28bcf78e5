//! Discovery of the databases that an event refers to.

use lamplighter::AwsError;
use lamplighter::engine::{DiscoveryContext, Targets};
use lamplighter::event::detail::Detail;
use lamplighter::event::detail::tag::TagChange;
use lamplighter::model::{Arn, Command, DatabaseKind, Request, RequestScope, Snapshot, Tagged};
use lamplighter::policy::{BACKUP, MANAGED};
use lamplighter::ports::ledger::Ledger;
use lamplighter::ports::{ResourceKind, SnapshotFilter};

use crate::observation::Prefetched;
use crate::reads::Reads;

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
            "the AWS Backup job {} is {}",
            job.backup_job_id, job.state
        ))),
        Detail::Request(Request {
            command: Command::BackUp,
            scope: RequestScope::Target(database),
            ..
        }) => find_database(&discovery, Arn::new(database)).await,
        Detail::TagChange(change) => find_by_tag_change(&discovery, change).await,
        other @ (Detail::ImageAction(_)
        | Detail::ImageScanned(_)
        | Detail::SecretChange(_)
        | Detail::AlarmChange(_)
        | Detail::ServiceCreated(_)
        | Detail::TaskChange(_)
        | Detail::RunFailure(_)
        | Detail::InstanceChange(_)
        | Detail::DeploymentChange(_)
        | Detail::Database(_)
        | Detail::Drill(_)
        | Detail::Request(_)
        | Detail::Release(_)
        | Detail::Hook(_)
        | Detail::CodeDeployHook(_)
        | Detail::CodeDeployment(_)
        | Detail::Other { .. }) => Ok(Targets::unsupported_event("backup", other)),
    }
}

/// Finds the database whose backup tag changed.
async fn find_by_tag_change<C: Reads, L: Ledger>(
    discovery: &DiscoveryContext<'_, C, L>,
    change: &TagChange,
) -> DiscoveryResult {
    let has_changed = change
        .changed_tag_keys
        .iter()
        .any(|key| key == BACKUP || key == MANAGED);
    if !has_changed {
        return Ok(Targets::Skipped("no backup tag changed".to_owned()));
    }
    match discovery.event.resources.first() {
        Some(arn) => find_database(discovery, Arn::new(arn)).await,
        None => Ok(Targets::Skipped("the event names no resource".to_owned())),
    }
}

async fn find_all<C: Reads, L: Ledger>(discovery: &DiscoveryContext<'_, C, L>) -> DiscoveryResult {
    let listed = discovery
        .cloud
        .list_tagged(ResourceKind::DatabaseOrCache, BACKUP)
        .await?;
    if listed.is_empty() {
        return Ok(Targets::Skipped(format!(
            "no database has the tag {BACKUP}"
        )));
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
            "{arn} is neither an RDS database nor a cache that can be backed up"
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
            "{} has no tag {BACKUP}",
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
    let Some(snapshot) = found.first() else {
        return Ok(Targets::Skipped(format!(
            "{} is not a manual snapshot, or no longer exists",
            arn.display_name()
        )));
    };
    find_database(discovery, database_of(snapshot, arn)).await
}

/// Returns the ARN of the database that an RDS snapshot was taken of.
fn database_of(snapshot: &Snapshot, snapshot_arn: &Arn) -> Arn {
    let resource_type = if snapshot.kind == DatabaseKind::Cluster {
        "cluster"
    } else {
        "db"
    };
    Arn::new(format!(
        "arn:{}:rds:{}:{}:{resource_type}:{}",
        snapshot_arn.partition(),
        snapshot_arn.region(),
        snapshot_arn.account_id(),
        snapshot.database
    ))
}
