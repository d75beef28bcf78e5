//! Inputs of a drill decision for one database.

use std::cell::Cell;

use crate::reads::Reads;
use jiff::Timestamp;
use lamplighter::AwsError;
use lamplighter::engine::TargetContext;
use lamplighter::model::{Arn, Database, Snapshot, Task};
use lamplighter::ports::SnapshotFilter;
use serde::Serialize;

use crate::Policy;
use crate::check::check_token;
use crate::decide::{is_due, member_name, temporary_name};

/// Observed state that [`crate::decide`] decides on.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Observed {
    /// Source database; `None` if it no longer exists.
    pub source: Option<Database>,
    /// Manual snapshots of the source, including those that Lamplighter did not take.
    pub snapshots: Vec<Snapshot>,
    /// Temporary instance or cluster.
    pub restored: Option<Database>,
    /// Instance of a temporary cluster.
    pub member: Option<Database>,
    /// Instance class for the restore; empty if none is needed now.
    pub class: String,
    /// Task that checks the restored database.
    pub probe: Option<Task>,
    /// Whether the number of running drills allows another one.
    pub may_begin: bool,
}

/// Maximum number of temporary databases at a time.
const MAX_CONCURRENT_DRILLS: usize = 3;

/// State shared by all databases of a run.
#[derive(Debug, Default)]
pub struct Prefetched {
    pub now: Timestamp,
    /// Number of drills that are running or were started in this run.
    pub running: Cell<usize>,
}

impl Prefetched {
    pub(crate) async fn observe_target<C: Reads>(
        &self,
        context: TargetContext<'_, Policy>,
        cloud: &C,
    ) -> Result<Observed, AwsError> {
        let source = &context.target.arn;
        let beside = |kind: &str, name: String| {
            let (partition, service) = (source.partition(), source.service());
            Arn::new(format!(
                "arn:{partition}:{service}:{}:{}:{kind}:{name}",
                source.region(),
                source.account_id()
            ))
        };
        let is_cluster = source.is_cluster();
        let kind = source.resource().split(':').next().unwrap_or_default();
        let restored = beside(kind, temporary_name(source));
        let member = is_cluster.then(|| beside("db", member_name(source)));
        let arns: Vec<Arn> = [Some(source.clone()), Some(restored.clone()), member.clone()]
            .into_iter()
            .flatten()
            .collect();
        let (found, snapshots) = if source.is_cache() {
            (
                cloud.describe_caches(&arns).await?,
                cloud
                    .list_cache_snapshots(SnapshotFilter::OfSource(source))
                    .await?,
            )
        } else {
            (
                cloud.describe_databases(&arns).await?,
                cloud
                    .list_snapshots(None, SnapshotFilter::OfSource(source))
                    .await?,
            )
        };
        let of = |arn: &Arn| found.iter().find(|database| database.arn == *arn).cloned();
        let mut observed = Observed {
            source: of(source),
            snapshots,
            restored: of(&restored),
            member: member.as_ref().and_then(of),
            class: String::new(),
            probe: None,
            may_begin: false,
        };
        if observed.restored.is_none() && is_due(context, self.now) {
            observed.may_begin = self.running.get() < MAX_CONCURRENT_DRILLS;
            self.running
                .set(self.running.get() + usize::from(observed.may_begin));
        }
        let token = observed
            .restored
            .as_ref()
            .or(observed.member.as_ref())
            .and_then(check_token);
        let cluster = &context.policy.checks.cluster;
        if let Some(token) = token.filter(|_| !cluster.is_empty()) {
            observed.probe = cloud.find_check_task(cluster, &token).await?;
        }
        // A temporary database that is only deleted needs no instance class.
        let waits_for_member =
            is_cluster && observed.restored.is_some() && observed.member.is_none();
        let needs_class = |source: &&Database| {
            observed.may_begin || (waits_for_member && !source.is_multi_az_cluster())
        };
        if let Some(source) = observed
            .source
            .as_ref()
            .filter(|source| source.arn.is_cache())
        {
            // Only the source's own node type has enough memory for its data for certain.
            observed.class.clone_from(&source.class);
        } else if let Some(source) = observed.source.as_ref().filter(needs_class) {
            let multi_az = source.is_multi_az_cluster();
            let class = cloud
                .find_smallest_class(&source.engine, &source.engine_version, multi_az)
                .await?;
            observed.class = class.unwrap_or_else(|| source.class.clone());
        }
        Ok(observed)
    }
}
