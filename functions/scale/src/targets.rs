//! Builds the targets of a run from the services that were found.

use jiff::Timestamp;
use lamplighter::AwsError;
use lamplighter::engine::Targets;
use lamplighter::model::{Service, Tagged};

use crate::observation::Prefetched;
use crate::reads::Reads;

pub type DiscoveryResult = Result<Targets<Prefetched>, AwsError>;

/// Builds a target with current tags for every service, and prefetches their load.
pub async fn build_targets<C: Reads>(
    services: Vec<Service>,
    now: Timestamp,
    cloud: &C,
) -> DiscoveryResult {
    let targets = services
        .iter()
        .map(|s| Tagged {
            arn: s.arn.clone(),
            tags: s.tags.clone(),
        })
        .collect();
    Ok(Targets::Found(
        targets,
        Prefetched::read_all(services, now, cloud).await?,
    ))
}
