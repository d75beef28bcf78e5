//! Which services an event is about.

use lamplighter::cloud::Cloud;
use lamplighter::detail::Detail;
use lamplighter::ledger::Ledger;
use lamplighter::model::{Arn, Tagged};
use lamplighter::operation::{Search, Targets};
use lamplighter::policy::DEPLOY;
use lamplighter::{AwsError, Operation};

use crate::Follow;
use crate::survey::Survey;

type Found = Result<Targets<Survey>, AwsError>;

pub async fn targets<C: Cloud, L: Ledger>(search: Search<'_, C, L>) -> Found {
    match &search.event.detail {
        Detail::DeploymentChange(change) => {
            match search.event.resources.iter().map(Arn::new).find(|arn| arn.ecs_service().is_some()) {
                Some(service) => these(&search, vec![service]).await,
                None => Ok(Targets::None(format!("{} names no service", change.event_name))),
            }
        }
        Detail::Sweep => {
            let followed = search.ledger.watched(Follow::NAME).await?;
            if followed.is_empty() {
                return Ok(Targets::None("no rollout is followed".to_owned()));
            }
            these(&search, followed).await
        }
        other => Ok(Targets::not_for("rollout", other)),
    }
}

async fn these<C: Cloud, L: Ledger>(search: &Search<'_, C, L>, arns: Vec<Arn>) -> Found {
    let services = search.cloud.services(&arns).await?;
    let tags = |arn: &Arn| services.iter().find(|s| s.arn == *arn).map(|s| s.tags.clone()).unwrap_or_default();
    let by_sweep = matches!(search.event.detail, Detail::Sweep);
    let targets: Vec<Tagged> = arns.iter().map(|arn| Tagged { arn: arn.clone(), tags: tags(arn) }).collect();
    // Of an event only what is ours to look at; what is followed is looked at in any case.
    let targets: Vec<Tagged> = targets.into_iter().filter(|t| by_sweep || t.tags.contains_key(DEPLOY)).collect();
    if targets.is_empty() {
        return Ok(Targets::None(format!("the service has no {DEPLOY}")));
    }
    Ok(Targets::These(targets, Survey::new(services, search.now)))
}
