//! Discovery of the log groups that an event refers to.

use crate::reads::Reads;
use lamplighter::AwsError;
use lamplighter::engine::{DiscoveryContext, Targets};
use lamplighter::event::detail::Detail;
use lamplighter::model::{Arn, Tagged};
use lamplighter::policy::{LOGS, MANAGED};
use lamplighter::ports::ResourceKind;
use lamplighter::ports::ledger::Ledger;

use crate::observation::Prefetched;

type DiscoveryResult = Result<Targets<Prefetched>, AwsError>;

pub async fn find_targets<C: Reads, L: Ledger>(
    discovery: DiscoveryContext<'_, C, L>,
) -> DiscoveryResult {
    match &discovery.event.detail {
        Detail::Sweep => {
            let listed = discovery
                .cloud
                .list_tagged(ResourceKind::LogGroup, LOGS)
                .await?;
            if listed.is_empty() {
                return Ok(Targets::Skipped(format!("no log group carries {LOGS}")));
            }
            build_targets(&discovery, listed).await
        }
        Detail::TagChange(change)
            if change
                .changed_tag_keys
                .iter()
                .any(|key| key == LOGS || key == MANAGED) =>
        {
            let arn = discovery
                .event
                .resources
                .first()
                .map(|arn| Arn::new(arn.trim_end_matches(":*")));
            match arn.filter(|arn| arn.log_group_name().is_some() && change.tags.contains_key(LOGS))
            {
                Some(arn) => {
                    build_targets(
                        &discovery,
                        vec![Tagged {
                            arn,
                            tags: change.tags.clone(),
                        }],
                    )
                    .await
                }
                None => Ok(Targets::Skipped(format!(
                    "it is about no log group that has {LOGS}"
                ))),
            }
        }
        Detail::TagChange(_) => Ok(Targets::Skipped("no tag about logs changed".to_owned())),
        other => Ok(Targets::unsupported_event("archive", other)),
    }
}

async fn build_targets<C: Reads, L: Ledger>(
    discovery: &DiscoveryContext<'_, C, L>,
    groups: Vec<Tagged>,
) -> DiscoveryResult {
    let arns: Vec<Arn> = groups.iter().map(|group| group.arn.clone()).collect();
    let prefetched = Prefetched::read_all(&arns, discovery.now, discovery.cloud).await?;
    Ok(Targets::Found(groups, prefetched))
}
