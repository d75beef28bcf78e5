//! What a decision needs to know of one database.

use std::cell::Cell;

use jiff::Timestamp;
use lamplighter::AwsError;
use lamplighter::engine::Seen;
use lamplighter::model::{Arn, Database, Snapshot, Task};
use lamplighter::ports::cloud::{Cloud, Which};
use serde::Serialize;

use crate::Policy;
use crate::check::token;
use crate::decide::{is_due, member_name, name};

/// All that [`crate::decide`] looks at.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Observed {
    /// `None` where the database is gone.
    pub source: Option<Database>,
    /// The source's manual snapshots, whoever took them.
    pub snapshots: Vec<Snapshot>,
    /// The throwaway instance or cluster.
    pub restored: Option<Database>,
    /// The instance of a throwaway cluster.
    pub member: Option<Database>,
    /// The smallest instance class that is offered for the engine; empty where none is needed now.
    pub class: String,
    /// The task that looks into what is restored.
    pub probe: Option<Task>,
    /// Not too many others run.
    pub may_begin: bool,
}

/// Throwaway databases that there may be at a time.
const MOST_AT_ONCE: usize = 3;

/// What databases of a run have in common.
#[derive(Debug, Default)]
pub struct Survey {
    pub now: Timestamp,
    /// Drills that run, and that began in this run.
    pub running: Cell<usize>,
}

impl Survey {
    pub(crate) async fn of<C: Cloud>(
        &self,
        seen: Seen<'_, Policy>,
        cloud: &C,
    ) -> Result<Observed, AwsError> {
        let source = &seen.target.arn;
        let beside = |kind: &str, name: String| {
            let (partition, service) = (source.partition(), source.service());
            Arn::new(format!(
                "arn:{partition}:{service}:{}:{}:{kind}:{name}",
                source.region(),
                source.account()
            ))
        };
        let is_cluster = source.is_cluster();
        let kind = source.resource().split(':').next().unwrap_or_default();
        let restored = beside(kind, name(source));
        let member = is_cluster.then(|| beside("db", member_name(source)));
        let arns: Vec<Arn> = [Some(source.clone()), Some(restored.clone()), member.clone()]
            .into_iter()
            .flatten()
            .collect();
        let (found, snapshots) = if source.is_cache() {
            (
                cloud.caches(&arns).await?,
                cloud.cache_snapshots(Which::Of(source)).await?,
            )
        } else {
            (
                cloud.databases(&arns).await?,
                cloud.snapshots(None, Which::Of(source)).await?,
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
        if observed.restored.is_none() && is_due(seen, self.now) {
            observed.may_begin = self.running.get() < MOST_AT_ONCE;
            self.running
                .set(self.running.get() + usize::from(observed.may_begin));
        }
        let token = observed
            .restored
            .as_ref()
            .or(observed.member.as_ref())
            .and_then(token);
        let cluster = &seen.policy.checks.cluster;
        if let Some(token) = token.filter(|_| !cluster.is_empty()) {
            observed.probe = cloud.probe(cluster, &token).await?;
        }
        // What is only to be deleted needs none.
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
            // Only one of its own type has room for what is in it for certain.
            observed.class.clone_from(&source.class);
        } else if let Some(source) = observed.source.as_ref().filter(needs_class) {
            let multi_az = source.is_multi_az_cluster();
            let class = cloud
                .smallest_class(&source.engine, &source.engine_version, multi_az)
                .await?;
            observed.class = class.unwrap_or_else(|| source.class.clone());
        }
        Ok(observed)
    }
}
