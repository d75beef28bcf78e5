//! Discovery: the services whose hooks wait for an answer.

use std::collections::BTreeMap;

use crate::reads::Reads;
use lamplighter::engine::{DiscoveryContext, Targets};
use lamplighter::event::detail::Detail;
use lamplighter::event::detail::hook::HookCall;
use lamplighter::model::{Arn, Tagged};
use lamplighter::ports::ledger::Ledger;
use lamplighter::{AwsError, Operation};

use crate::Verify;
use crate::observation::{HookRequest, Prefetched};

pub async fn find_targets<C: Reads, L: Ledger>(
    discovery: DiscoveryContext<'_, C, L>,
) -> Result<Targets<Prefetched>, AwsError> {
    let (arns, question) = match &discovery.event.detail {
        Detail::Hook(call) => (vec![service_arn(call)], HookRequest::Ecs(call.clone())),
        Detail::CodeDeployHook(call) => {
            match discovery
                .cloud
                .find_code_deploy_target(&call.deployment_id)
                .await?
            {
                Some(target) => (
                    vec![target.service.clone()],
                    HookRequest::CodeDeploy(call.clone(), target),
                ),
                None => {
                    return Ok(Targets::Skipped(format!(
                        "CodeDeploy knows no {}",
                        call.deployment_id
                    )));
                }
            }
        }
        Detail::Sweep => (
            discovery
                .ledger
                .list_watched(Verify::FUNCTION.name())
                .await?,
            HookRequest::Pending,
        ),
        other => return Ok(Targets::unsupported_event("verify", other)),
    };
    if arns.is_empty() {
        return Ok(Targets::Skipped("nobody waits for an answer".to_owned()));
    }
    let services = discovery.cloud.describe_services(&arns).await?;
    let tags = |arn: &Arn| {
        services
            .iter()
            .find(|service| service.arn == *arn)
            .map(|service| service.tags.clone())
    };
    // Services on the watch list are reconciled even if they no longer exist, so that they leave
    // the list.
    let is_watched = matches!(question, HookRequest::Pending);
    let tagged = |arn: &Arn| {
        let tags = tags(arn).or_else(|| is_watched.then(BTreeMap::new))?;
        Some(Tagged {
            arn: arn.clone(),
            tags,
        })
    };
    let targets: Vec<Tagged> = arns.iter().filter_map(tagged).collect();
    if targets.is_empty() {
        let names: Vec<String> = arns.iter().map(Arn::display_name).collect();
        return Ok(Targets::Skipped(format!(
            "{} does not exist",
            names.join(", ")
        )));
    }
    Ok(Targets::Found(
        targets,
        Prefetched::new(question, services, discovery.now),
    ))
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
