//! Discovery of the log groups that an event refers to.

use lamplighter::AwsError;
use lamplighter::engine::{DiscoveryContext, Targets};
use lamplighter::event::detail::Detail;
use lamplighter::event::detail::tag::TagChange;
use lamplighter::model::{Arn, Tagged};
use lamplighter::policy::{LOGS, MANAGED};
use lamplighter::ports::ResourceKind;
use lamplighter::ports::ledger::Ledger;

use crate::observation::Prefetched;
use crate::reads::Reads;

type DiscoveryResult = Result<Targets<Prefetched>, AwsError>;

pub async fn find_targets<C: Reads, L: Ledger>(
    discovery: DiscoveryContext<'_, C, L>,
) -> DiscoveryResult {
    match &discovery.event.detail {
        Detail::Sweep => find_all(&discovery).await,
        Detail::TagChange(change) => find_by_tag_change(&discovery, change).await,
        other @ (Detail::ImageAction(_)
        | Detail::ImageScanned(_)
        | Detail::SecretChange(_)
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
        | Detail::Hook(_)
        | Detail::CodeDeployHook(_)
        | Detail::CodeDeployment(_)
        | Detail::Other { .. }) => Ok(Targets::unsupported_event("archive", other)),
    }
}

/// Finds all log groups with the logs tag.
async fn find_all<C: Reads, L: Ledger>(discovery: &DiscoveryContext<'_, C, L>) -> DiscoveryResult {
    let listed = discovery
        .cloud
        .list_tagged(ResourceKind::LogGroup, LOGS)
        .await?;
    if listed.is_empty() {
        return Ok(Targets::Skipped(format!("no log group has the tag {LOGS}")));
    }
    build_targets(discovery, listed).await
}

/// Finds the log group whose logs tag changed.
async fn find_by_tag_change<C: Reads, L: Ledger>(
    discovery: &DiscoveryContext<'_, C, L>,
    change: &TagChange,
) -> DiscoveryResult {
    let has_changed = change
        .changed_tag_keys
        .iter()
        .any(|key| key == LOGS || key == MANAGED);
    if !has_changed {
        return Ok(Targets::Skipped("no logs tag changed".to_owned()));
    }
    let arn = discovery
        .event
        .resources
        .first()
        .map(|arn| Arn::new(arn.trim_end_matches(":*")))
        .filter(|arn| arn.log_group_name().is_some() && change.tags.contains_key(LOGS));
    let Some(arn) = arn else {
        return Ok(Targets::Skipped(format!(
            "the event is not about a log group with the tag {LOGS}"
        )));
    };
    let tags = change.tags.clone();
    build_targets(discovery, vec![Tagged { arn, tags }]).await
}

async fn build_targets<C: Reads, L: Ledger>(
    discovery: &DiscoveryContext<'_, C, L>,
    groups: Vec<Tagged>,
) -> DiscoveryResult {
    let arns: Vec<Arn> = groups.iter().map(|group| group.arn.clone()).collect();
    let prefetched = Prefetched::read_all(&arns, discovery.now, discovery.cloud).await?;
    Ok(Targets::Found(groups, prefetched))
}
