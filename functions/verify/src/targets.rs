//! Which services wait for an answer.

use std::collections::BTreeMap;

use lamplighter::engine::{Search, Targets};
use lamplighter::event::detail::Detail;
use lamplighter::event::detail::hook::HookCall;
use lamplighter::model::{Arn, Tagged};
use lamplighter::ports::cloud::Cloud;
use lamplighter::ports::ledger::Ledger;
use lamplighter::{AwsError, Operation};

use crate::Verify;
use crate::survey::{Question, Survey};

pub async fn targets<C: Cloud, L: Ledger>(
    search: Search<'_, C, L>,
) -> Result<Targets<Survey>, AwsError> {
    let (arns, question) = match &search.event.detail {
        Detail::Hook(call) => (vec![service_of(call)], Question::Ecs(call.clone())),
        Detail::CodeDeployHook(call) => {
            match search.cloud.code_target(&call.deployment_id).await? {
                Some(target) => (
                    vec![target.service.clone()],
                    Question::CodeDeploy(call.clone(), target),
                ),
                None => {
                    return Ok(Targets::None(format!(
                        "CodeDeploy knows no {}",
                        call.deployment_id
                    )));
                }
            }
        }
        Detail::Sweep => (search.ledger.watched(Verify::NAME).await?, Question::Again),
        other => return Ok(Targets::not_for("verify", other)),
    };
    if arns.is_empty() {
        return Ok(Targets::None("nobody waits for an answer".to_owned()));
    }
    let services = search.cloud.services(&arns).await?;
    let tags = |arn: &Arn| {
        services
            .iter()
            .find(|service| service.arn == *arn)
            .map(|service| service.tags.clone())
    };
    // What is watched is visited although it is gone, so that it is watched no more.
    let is_watched = matches!(question, Question::Again);
    let tagged = |arn: &Arn| {
        let tags = tags(arn).or_else(|| is_watched.then(BTreeMap::new))?;
        Some(Tagged {
            arn: arn.clone(),
            tags,
        })
    };
    let targets: Vec<Tagged> = arns.iter().filter_map(tagged).collect();
    if targets.is_empty() {
        let names: Vec<String> = arns.iter().map(Arn::name).collect();
        return Ok(Targets::None(format!(
            "{} does not exist",
            names.join(", ")
        )));
    }
    Ok(Targets::These(
        targets,
        Survey::new(question, services, search.now),
    ))
}

/// The service that a call is about; the flat form and the nested one name it in different places.
fn service_of(call: &HookCall) -> Arn {
    if call.service.ecs_service().is_some() {
        return call.service.clone();
    }
    let deployment = call.deployment.as_deref().unwrap_or_default();
    let service = deployment.replace(":service-deployment/", ":service/");
    Arn::new(service.rsplit_once('/').map_or("", |(service, _)| service))
}
