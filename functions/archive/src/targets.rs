//! Which log groups an event is about.

use lamplighter::AwsError;
use lamplighter::engine::{Search, Targets};
use lamplighter::event::detail::Detail;
use lamplighter::model::{Arn, Tagged};
use lamplighter::policy::{LOGS, MANAGED};
use lamplighter::ports::cloud::{Cloud, Kind};
use lamplighter::ports::ledger::Ledger;

use crate::survey::Survey;

type Found = Result<Targets<Survey>, AwsError>;

pub async fn targets<C: Cloud, L: Ledger>(search: Search<'_, C, L>) -> Found {
    match &search.event.detail {
        Detail::Sweep => {
            let listed = search.cloud.tagged(Kind::LogGroup, LOGS).await?;
            if listed.is_empty() {
                return Ok(Targets::None(format!("no log group carries {LOGS}")));
            }
            these(&search, listed).await
        }
        Detail::TagChange(change)
            if change
                .changed_tag_keys
                .iter()
                .any(|key| key == LOGS || key == MANAGED) =>
        {
            let arn = search
                .event
                .resources
                .first()
                .map(|arn| Arn::new(arn.trim_end_matches(":*")));
            match arn.filter(|arn| arn.log_group().is_some() && change.tags.contains_key(LOGS)) {
                Some(arn) => {
                    these(
                        &search,
                        vec![Tagged {
                            arn,
                            tags: change.tags.clone(),
                        }],
                    )
                    .await
                }
                None => Ok(Targets::None(format!(
                    "it is about no log group that has {LOGS}"
                ))),
            }
        }
        Detail::TagChange(_) => Ok(Targets::None("no tag about logs changed".to_owned())),
        other => Ok(Targets::not_for("archive", other)),
    }
}

async fn these<C: Cloud, L: Ledger>(search: &Search<'_, C, L>, groups: Vec<Tagged>) -> Found {
    let arns: Vec<Arn> = groups.iter().map(|group| group.arn.clone()).collect();
    let survey = Survey::read(&arns, search.now, search.cloud).await?;
    Ok(Targets::These(groups, survey))
}
