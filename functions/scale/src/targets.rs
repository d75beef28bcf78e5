//! Builds the targets of a run from the services that were found.

use lamplighter::AwsError;
use lamplighter::engine::{DiscoveryContext, Targets};
use lamplighter::model::{Service, Tagged};
use lamplighter::ports::ledger::Ledger;

use crate::observation::Prefetched;
use crate::reads::Reads;

pub type DiscoveryResult = Result<Targets<Prefetched>, AwsError>;

/// Builds a target with current tags for every service, and prefetches their load.
pub async fn build_targets<C: Reads, L: Ledger>(
    services: Vec<Service>,
    discovery: &DiscoveryContext<'_, C, L>,
) -> DiscoveryResult {
    let targets = services
        .iter()
        .map(|s| Tagged {
            arn: s.arn.clone(),
            tags: s.tags.clone(),
        })
        .collect();
    let (now, defaults) = (discovery.now, discovery.defaults);
    Ok(Targets::Found(
        targets,
        Prefetched::read_all(services, now, defaults, discovery.cloud).await?,
    ))
}
