//! What a decision needs to know of one database.

use lamplighter::AwsError;
use lamplighter::cloud::{Cloud, Which};
use lamplighter::model::{Arn, Database, Snapshot};
use lamplighter::operation::Seen;
use serde::Serialize;

use crate::Policy;
use crate::decide::{member_name, name};

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
    /// The smallest instance class that is offered for the engine.
    pub class: String,
}

pub async fn observe<C: Cloud>(seen: Seen<'_, Policy>, cloud: &C) -> Result<Observed, AwsError> {
    let source = &seen.target.arn;
    let beside = |resource: String| {
        let (partition, region, account) = (source.partition(), source.region(), source.account());
        Arn::new(format!("arn:{partition}:rds:{region}:{account}:{resource}"))
    };
    let is_cluster = source.resource().starts_with("cluster:");
    let (restored, member) = if is_cluster {
        (beside(format!("cluster:{}", name(source))), Some(beside(format!("db:{}", member_name(source)))))
    } else {
        (beside(format!("db:{}", name(source))), None)
    };
    let arns: Vec<Arn> = [Some(source.clone()), Some(restored.clone()), member.clone()].into_iter().flatten().collect();
    let found = cloud.databases(&arns).await?;
    let of = |arn: &Arn| found.iter().find(|database| database.arn == *arn).cloned();
    let source = of(source);
    let class = match &source {
        Some(source) if !source.engine.is_empty() => {
            cloud.smallest_class(&source.engine, &source.engine_version).await?
        }
        _ => None,
    };
    Ok(Observed {
        snapshots: cloud.snapshots(None, Which::Of(&seen.target.arn)).await?,
        restored: of(&restored),
        member: member.as_ref().and_then(of),
        class: class.unwrap_or_else(|| source.as_ref().map(|source| source.class.clone()).unwrap_or_default()),
        source,
    })
}
