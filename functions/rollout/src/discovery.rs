//! Discovery: the services that an event affects.

use crate::reads::Reads;
use lamplighter::engine::{DiscoveryContext, Targets};
use lamplighter::event::detail::Detail;
use lamplighter::model::{Arn, Tagged};
use lamplighter::ports::ledger::Ledger;
use lamplighter::{AwsError, Event, Operation};

use crate::Rollout;
use crate::observation::Prefetched;

type DiscoveryResult = Result<Targets<Prefetched>, AwsError>;

pub async fn find_targets<C: Reads, L: Ledger>(
    discovery: DiscoveryContext<'_, C, L>,
) -> DiscoveryResult {
    let mut followed = match &discovery.event.detail {
        Detail::DeploymentChange(_)
        | Detail::TagChange(_)
        | Detail::CodeDeployment(_)
        | Detail::Sweep => {
            discovery
                .ledger
                .list_watched(Rollout::FUNCTION.name())
                .await?
        }
        other => return Ok(Targets::unsupported_event("rollout", other)),
    };
    // Other services have no active rollout, so only those that the event names are locked.
    if !matches!(
        discovery.event.detail,
        Detail::CodeDeployment(_) | Detail::Sweep
    ) {
        let named = event_service_arns(discovery.event);
        followed.retain(|arn| named.contains(arn));
    }
    if followed.is_empty() {
        return Ok(Targets::Skipped("no rollout is followed".to_owned()));
    }
    build_targets(&discovery, followed).await
}

/// Returns the services that an event names. A hook event lists its deployment as the resource, and
/// the service in its detail.
fn event_service_arns(event: &Event) -> Vec<Arn> {
    let own = match &event.detail {
        Detail::DeploymentChange(change) => change.service_arn.clone(),
        _ => None,
    };
    event.resources.iter().map(Arn::new).chain(own).collect()
}

async fn build_targets<C: Reads, L: Ledger>(
    discovery: &DiscoveryContext<'_, C, L>,
    arns: Vec<Arn>,
) -> DiscoveryResult {
    let mut services = discovery.cloud.describe_services(&arns).await?;
    let mut arns = arns;
    if let Detail::CodeDeployment(change) = &discovery.event.detail {
        // The event names only application and group; the services list their deployments.
        services.retain(|service| service.code_deployments.contains(&change.deployment_id));
        arns.retain(|arn| services.iter().any(|service| service.arn == *arn));
        if services.is_empty() {
            return Ok(Targets::Skipped(format!(
                "no service that is followed is deployed by {}",
                change.deployment_id
            )));
        }
    }
    let tags = |arn: &Arn| {
        services
            .iter()
            .find(|s| s.arn == *arn)
            .map(|s| s.tags.clone())
            .unwrap_or_default()
    };
    let targets = arns
        .iter()
        .map(|arn| Tagged {
            arn: arn.clone(),
            tags: tags(arn),
        })
        .collect();
    Ok(Targets::Found(
        targets,
        Prefetched::new(services, discovery.now),
    ))
}
