//! Discovery: the services that an event affects.

use std::collections::BTreeMap;

use lamplighter::engine::{DiscoveryContext, Targets};
use lamplighter::event::detail::Detail;
use lamplighter::model::{Arn, Command, Request, RequestScope, Service, Tagged};
use lamplighter::ports::ledger::Ledger;
use lamplighter::{AwsError, Event, Function};

use crate::observation::Prefetched;
use crate::reads::Reads;

type DiscoveryResult = Result<Targets<Prefetched>, AwsError>;

/// Returns the services with an active rollout that the event affects.
pub async fn find_targets<C: Reads, L: Ledger>(
    discovery: DiscoveryContext<'_, C, L>,
) -> DiscoveryResult {
    // Other services have no active rollout, so only those that the event names are locked.
    let named = match &discovery.event.detail {
        Detail::CodeDeployment(_) | Detail::Sweep => None,
        Detail::Request(request) => return find_requested(&discovery, request).await,
        Detail::DeploymentChange(_) | Detail::TagChange(_) => {
            Some(event_service_arns(discovery.event))
        }
        other @ (Detail::ImageAction(_)
        | Detail::ImageScanned(_)
        | Detail::SecretChange(_)
        | Detail::AlarmChange(_)
        | Detail::ServiceCreated(_)
        | Detail::TaskChange(_)
        | Detail::RunFailure(_)
        | Detail::InstanceChange(_)
        | Detail::Snapshot(_)
        | Detail::BackupJob(_)
        | Detail::Database(_)
        | Detail::Drill(_)
        | Detail::Release(_)
        | Detail::Hook(_)
        | Detail::CodeDeployHook(_)
        | Detail::Other { .. }) => return Ok(Targets::unsupported_event("rollout", other)),
    };
    let mut affected = discovery
        .ledger
        .list_watched(Function::Rollout.name())
        .await?;
    if let Some(named) = named {
        affected.retain(|arn| named.contains(arn));
    }
    if affected.is_empty() {
        return Ok(Targets::Skipped("no rollout is active".to_owned()));
    }
    build_targets(&discovery, affected).await
}

/// Returns the service that a request to reject or to roll back is about, whether or not a rollout is active.
async fn find_requested<C: Reads, L: Ledger>(
    discovery: &DiscoveryContext<'_, C, L>,
    request: &Request,
) -> DiscoveryResult {
    let reads_it = matches!(
        request.command,
        Command::Approve(_) | Command::Reject(_) | Command::RollBack(_)
    );
    match &request.scope {
        RequestScope::Target(arn) if reads_it => {
            build_targets(discovery, vec![Arn::new(arn)]).await
        }
        RequestScope::Target(_) | RequestScope::Application(_) | RequestScope::Everything => Ok(
            Targets::Skipped("the request is about no rollout".to_owned()),
        ),
    }
}

/// Returns the services that an event names. A hook event lists its deployment as the resource, and
/// the service in its detail.
fn event_service_arns(event: &Event) -> Vec<Arn> {
    let in_detail = if let Detail::DeploymentChange(change) = &event.detail {
        change.service_arn.clone()
    } else {
        None
    };
    event
        .resources
        .iter()
        .map(Arn::new)
        .chain(in_detail)
        .collect()
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
                "{} deploys no service with an active rollout",
                change.deployment_id
            )));
        }
    }
    let targets = arns
        .into_iter()
        .map(|arn| {
            let tags = find_tags(&services, &arn);
            Tagged { arn, tags }
        })
        .collect();
    Ok(Targets::Found(
        targets,
        Prefetched::new(services, discovery.now),
    ))
}

/// Returns the tags of a service; none if it no longer exists.
fn find_tags(services: &[Service], arn: &Arn) -> BTreeMap<String, String> {
    services
        .iter()
        .find(|service| service.arn == *arn)
        .map(|service| service.tags.clone())
        .unwrap_or_default()
}
