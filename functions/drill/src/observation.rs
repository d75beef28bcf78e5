//! Reads of `drill`: the databases and snapshots of one target.

use std::cell::Cell;

use jiff::Timestamp;
use lamplighter::AwsError;
use lamplighter::engine::TargetContext;
use lamplighter::model::{Arn, Database, Task};
use lamplighter::ports::list_snapshots_of;

use crate::observed::Observed;
use crate::policy::Policy;
use crate::reads::Reads;
use crate::schedule::is_due;
use crate::temporary_names::{check_token, member_name, temporary_name};

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
        let restored = temporary_arn(source, resource_type(source), &temporary_name(source));
        let member = source
            .is_cluster()
            .then(|| temporary_arn(source, "db", &member_name(source)));
        let arns: Vec<Arn> = [source.clone(), restored.clone()]
            .into_iter()
            .chain(member.clone())
            .collect();
        let found = describe(&arns, source, cloud).await?;
        let database = find_by_arn(&found, source);
        let mut observed = Observed {
            now: self.now,
            snapshots: list_snapshots_of(source, database.as_ref(), cloud).await?,
            source: database,
            restored: find_by_arn(&found, &restored),
            member: member.and_then(|member| find_by_arn(&found, &member)),
            ..Observed::default()
        };
        observed.may_begin = observed.restored.is_none() && self.claim_drill(context);
        observed.check_task = find_check_task(context, &observed, cloud).await?;
        observed.class = match context.policy.drill_class() {
            Some(class) => class.to_owned(),
            None => find_class(&observed, cloud).await?,
        };
        Ok(observed)
    }

    /// Claims one of the concurrent drills for a target whose drill is due. Returns false if none
    /// is free.
    fn claim_drill(&self, context: TargetContext<'_, Policy>) -> bool {
        let may_begin = is_due(context, self.now) && self.running.get() < MAX_CONCURRENT_DRILLS;
        self.running
            .set(self.running.get() + usize::from(may_begin));
        may_begin
    }
}

/// Returns the ARN of a temporary database beside its source.
fn temporary_arn(source: &Arn, resource_type: &str, name: &str) -> Arn {
    Arn::new(format!(
        "arn:{}:{}:{}:{}:{resource_type}:{name}",
        source.partition(),
        source.service(),
        source.region(),
        source.account_id()
    ))
}

/// Returns the resource type in the ARN of a database: `db`, `cluster`, `replicationgroup`, …
fn resource_type(database: &Arn) -> &str {
    database.resource().split(':').next().unwrap_or_default()
}

fn find_by_arn(databases: &[Database], arn: &Arn) -> Option<Database> {
    databases
        .iter()
        .find(|database| database.arn == *arn)
        .cloned()
}

async fn describe<C: Reads>(
    arns: &[Arn],
    source: &Arn,
    cloud: &C,
) -> Result<Vec<Database>, AwsError> {
    if source.is_cache() {
        cloud.describe_caches(arns).await
    } else {
        cloud.describe_databases(arns).await
    }
}

/// Finds the task that checks the restored database, if the stack has a cluster for checks.
async fn find_check_task<C: Reads>(
    context: TargetContext<'_, Policy>,
    observed: &Observed,
    cloud: &C,
) -> Result<Option<Task>, AwsError> {
    let cluster = &context.policy.checks.cluster;
    let token = observed.temporary_databases().next().and_then(check_token);
    match token.filter(|_| !cluster.is_empty()) {
        Some(token) => cloud.find_started_task(cluster, &token).await,
        None => Ok(None),
    }
}

/// Finds the instance class for a restore; empty if this run restores nothing.
async fn find_class<C: Reads>(observed: &Observed, cloud: &C) -> Result<String, AwsError> {
    let Some(source) = &observed.source else {
        return Ok(String::new());
    };
    if source.arn.is_cache() {
        // Only the source's own node type has enough memory for its data for certain.
        return Ok(source.class.clone());
    }
    let is_multi_az = source.is_multi_az_cluster();
    let lacks_member = source.arn.is_cluster()
        && !is_multi_az
        && observed.restored.is_some()
        && observed.member.is_none();
    // A temporary database that is only deleted needs no instance class.
    if !observed.may_begin && !lacks_member {
        return Ok(String::new());
    }
    let class = cloud
        .find_smallest_class(&source.engine, &source.engine_version, is_multi_az)
        .await?;
    Ok(class.unwrap_or_else(|| source.class.clone()))
}
