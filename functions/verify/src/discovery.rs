//! Discovery: the services whose hooks wait for an answer.

use std::collections::BTreeMap;

use lamplighter::engine::{DiscoveryContext, Targets};
use lamplighter::event::detail::Detail;
use lamplighter::event::detail::hook::{CodeDeployHook, HookCall};
use lamplighter::model::{Arn, Service, Tagged};
use lamplighter::ports::ledger::Ledger;
use lamplighter::{AwsError, Function};

use crate::hook::HookRequest;
use crate::observation::Prefetched;
use crate::reads::Reads;

type DiscoveryResult = Result<Targets<Prefetched>, AwsError>;

/// Returns the services whose hooks the event calls, or those with an open hook.
pub async fn find_targets<C: Reads, L: Ledger>(
    discovery: DiscoveryContext<'_, C, L>,
) -> DiscoveryResult {
    match &discovery.event.detail {
        Detail::Hook(call) => {
            let request = HookRequest::Ecs(call.clone());
            build_targets(&discovery, vec![service_arn(call)], request).await
        }
        Detail::CodeDeployHook(call) => find_code_deploy_targets(&discovery, call).await,
        Detail::Sweep => {
            let watched = discovery
                .ledger
                .list_watched(Function::Verify.name())
                .await?;
            build_targets(&discovery, watched, HookRequest::Pending).await
        }
        other @ (Detail::ImageAction(_)
        | Detail::ImageScanned(_)
        | Detail::SecretChange(_)
        | Detail::TagChange(_)
        | Detail::AlarmChange(_)
        | Detail::ServiceCreated(_)
        | Detail::TaskChange(_)
        | Detail::RunFailure(_)
        | Detail::InstanceChange(_)
        | Detail::DeploymentChange(_)
        | Detail::Snapshot(_)
        | Detail::BackupJob(_)
        | Detail::Database(_)
        | Detail::Drill(_)
        | Detail::Request(_)
        | Detail::Release(_)
        | Detail::CodeDeployment(_)
        | Detail::Other { .. }) => Ok(Targets::unsupported_event("verify", other)),
    }
}

async fn find_code_deploy_targets<C: Reads, L: Ledger>(
    discovery: &DiscoveryContext<'_, C, L>,
    call: &CodeDeployHook,
) -> DiscoveryResult {
    let target = discovery
        .cloud
        .find_code_deploy_target(&call.deployment_id)
        .await?;
    let Some(target) = target else {
        return Ok(Targets::Skipped(format!(
            "CodeDeploy has no deployment {}",
            call.deployment_id
        )));
    };
    let arns = vec![target.service.clone()];
    build_targets(
        discovery,
        arns,
        HookRequest::CodeDeploy(call.clone(), target),
    )
    .await
}

async fn build_targets<C: Reads, L: Ledger>(
    discovery: &DiscoveryContext<'_, C, L>,
    arns: Vec<Arn>,
    request: HookRequest,
) -> DiscoveryResult {
    if arns.is_empty() {
        return Ok(Targets::Skipped("no hook waits for an answer".to_owned()));
    }
    let services = discovery.cloud.describe_services(&arns).await?;
    let targets: Vec<Tagged> = arns
        .iter()
        .filter_map(|arn| build_target(arn, &services, &request))
        .collect();
    if targets.is_empty() {
        let names: Vec<String> = arns.iter().map(Arn::display_name).collect();
        return Ok(Targets::Skipped(format!(
            "{} does not exist",
            names.join(", ")
        )));
    }
    Ok(Targets::Found(
        targets,
        Prefetched::new(request, services, discovery.now),
    ))
}

/// Returns the service with its tags. Services on the watch list are reconciled even if they no
/// longer exist, so that they leave the list.
fn build_target(arn: &Arn, services: &[Service], request: &HookRequest) -> Option<Tagged> {
    let tags = services
        .iter()
        .find(|service| service.arn == *arn)
        .map(|service| service.tags.clone())
        .or_else(|| request.is_pending().then(BTreeMap::new))?;
    Some(Tagged {
        arn: arn.clone(),
        tags,
    })
}

/// Returns the service that a hook call concerns. The flat and the nested payload name it in
/// different places.
fn service_arn(call: &HookCall) -> Arn {
    if call.service.ecs_cluster_and_name().is_some() {
        return call.service.clone();
    }
    let deployment = call.deployment.as_deref().unwrap_or_default();
    let service = deployment.replace(":service-deployment/", ":service/");
    Arn::new(service.rsplit_once('/').map_or("", |(service, _)| service))
}
