//! Which services an event is about.

use lamplighter::engine::{Search, Targets};
use lamplighter::event::detail::Detail;
use lamplighter::model::{Arn, Tagged};
use lamplighter::ports::cloud::Cloud;
use lamplighter::ports::ledger::Ledger;
use lamplighter::{AwsError, Event, Operation};

use crate::Follow;
use crate::survey::Survey;

type Found = Result<Targets<Survey>, AwsError>;

pub async fn targets<C: Cloud, L: Ledger>(search: Search<'_, C, L>) -> Found {
    let mut followed = match &search.event.detail {
        Detail::DeploymentChange(_)
        | Detail::TagChange(_)
        | Detail::CodeDeployment(_)
        | Detail::Sweep => search.ledger.watched(Follow::NAME).await?,
        other => return Ok(Targets::not_for("rollout", other)),
    };
    // Services that nothing is followed of are left to others, who may hold them.
    if !matches!(
        search.event.detail,
        Detail::CodeDeployment(_) | Detail::Sweep
    ) {
        let named = named(search.event);
        followed.retain(|arn| named.contains(arn));
    }
    if followed.is_empty() {
        return Ok(Targets::None("no rollout is followed".to_owned()));
    }
    these(&search, followed).await
}

/// What an event of a service names; that of a hook names its deployment and, in its detail, the service.
fn named(event: &Event) -> Vec<Arn> {
    let own = match &event.detail {
        Detail::DeploymentChange(change) => change.service_arn.clone(),
        _ => None,
    };
    event.resources.iter().map(Arn::new).chain(own).collect()
}

async fn these<C: Cloud, L: Ledger>(search: &Search<'_, C, L>, arns: Vec<Arn>) -> Found {
    let mut services = search.cloud.services(&arns).await?;
    let mut arns = arns;
    if let Detail::CodeDeployment(change) = &search.event.detail {
        // The event names application and group; which service that is, the services know.
        services.retain(|service| service.code_deployments.contains(&change.deployment_id));
        arns.retain(|arn| services.iter().any(|service| service.arn == *arn));
        if services.is_empty() {
            return Ok(Targets::None(format!(
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
    Ok(Targets::These(targets, Survey::new(services, search.now)))
}
