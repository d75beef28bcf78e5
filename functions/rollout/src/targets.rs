//! Which services an event is about.

use lamplighter::cloud::Cloud;
use lamplighter::detail::Detail;
use lamplighter::ledger::Ledger;
use lamplighter::model::{Arn, Tagged};
use lamplighter::operation::{Search, Targets};
use lamplighter::{AwsError, Operation};

use crate::Follow;
use crate::survey::Survey;

type Found = Result<Targets<Survey>, AwsError>;

pub async fn targets<C: Cloud, L: Ledger>(search: Search<'_, C, L>) -> Found {
    let followed = match &search.event.detail {
        Detail::DeploymentChange(change) => {
            let service = search.event.resources.iter().map(Arn::new).find(|arn| arn.ecs_service().is_some());
            let Some(service) = service else {
                return Ok(Targets::None(format!("{} names no service", change.event_name)));
            };
            // Services that nothing is followed of are left to others, who may hold them.
            let mut followed = search.ledger.watched(Follow::NAME).await?;
            followed.retain(|arn| *arn == service);
            followed
        }
        Detail::Sweep => search.ledger.watched(Follow::NAME).await?,
        other => return Ok(Targets::not_for("rollout", other)),
    };
    if followed.is_empty() {
        return Ok(Targets::None("no rollout is followed".to_owned()));
    }
    these(&search, followed).await
}

async fn these<C: Cloud, L: Ledger>(search: &Search<'_, C, L>, arns: Vec<Arn>) -> Found {
    let services = search.cloud.services(&arns).await?;
    let tags = |arn: &Arn| services.iter().find(|s| s.arn == *arn).map(|s| s.tags.clone()).unwrap_or_default();
    let targets = arns.iter().map(|arn| Tagged { arn: arn.clone(), tags: tags(arn) }).collect();
    Ok(Targets::These(targets, Survey::new(services, search.now)))
}
