//! `after=`: only images that are verified in another service are deployed.

use std::collections::{BTreeMap, BTreeSet};

use lamplighter::AwsError;
use lamplighter::engine::TargetContext;
use lamplighter::model::{Arn, Digest, Tagged};
use lamplighter::policy::DeployPolicy;
use lamplighter::ports::ledger::Ledger;
use serde::Serialize;

use crate::policy::Policy;

/// The releases of another service, where images are verified first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct EarlierStage {
    /// The digests that are verified there.
    pub verified: Vec<Digest>,
    /// Whether anything was released there.
    pub has_releases: bool,
}

/// What is read once for all targets of a run.
#[derive(Debug, Default)]
pub struct Prefetched {
    earlier_stages: BTreeMap<Arn, EarlierStage>,
}

impl Prefetched {
    /// Reads the releases of the services that the targets name with `after=`.
    ///
    /// # Errors
    /// [`AwsError`] if the ledger can't be read.
    pub async fn read<L: Ledger>(targets: &[Tagged], ledger: &L) -> Result<Self, AwsError> {
        let services: BTreeSet<Arn> = targets.iter().filter_map(earlier_service).collect();
        let mut earlier_stages = BTreeMap::new();
        for service in services {
            let releases = ledger.read_state(&service).await?.releases;
            // What ran stably when the service was tagged needs no release to be good.
            let adopted = releases.unpinned.and_then(|unpinned| unpinned.image);
            let stage = EarlierStage {
                has_releases: !releases.attempts.is_empty() || adopted.is_some(),
                verified: releases
                    .verified
                    .into_iter()
                    .map(|verified| verified.digest)
                    .chain(adopted)
                    .collect(),
            };
            earlier_stages.insert(service, stage);
        }
        Ok(Self { earlier_stages })
    }

    /// Returns the releases of the service that comes before a target; `None` without `after=`.
    #[must_use]
    pub fn find_earlier_stage(&self, context: TargetContext<'_, Policy>) -> Option<EarlierStage> {
        let (cluster, name) = context.policy.deploy.after.as_ref()?;
        let service = context.target.arn.sibling_service(cluster, name);
        let known = self.earlier_stages.get(&service);
        Some(known.cloned().unwrap_or_default())
    }
}

/// Returns the ARN of the service that comes before a target; `None` without `after=`, or if its tag is invalid.
pub fn earlier_service(target: &Tagged) -> Option<Arn> {
    let policy = DeployPolicy::from_tags(&target.tags).ok().flatten()?;
    let (cluster, name) = policy.after?;
    Some(target.arn.sibling_service(&cluster, &name))
}
