//! Discovery of the services that an event refers to.

use lamplighter::Function;
use lamplighter::engine::{DiscoveryContext, Targets};
use lamplighter::event::detail::Detail;
use lamplighter::event::detail::tag::TagChange;
use lamplighter::model::{Arn, Service};
use lamplighter::policy::{SCALE, SCHEDULE};
use lamplighter::ports::ledger::Ledger;

use crate::alarm_services::find_by_alarm;
use crate::reads::Reads;
use crate::sweep::find_by_sweep;
use crate::targets::{DiscoveryResult, build_targets};

pub async fn find_targets<C: Reads, L: Ledger>(
    discovery: DiscoveryContext<'_, C, L>,
) -> DiscoveryResult {
    match &discovery.event.detail {
        Detail::AlarmChange(change) => find_by_alarm(&discovery, change).await,
        Detail::TagChange(change) => find_by_tag_change(&discovery, change).await,
        Detail::Sweep => find_by_sweep(&discovery).await,
        Detail::ImageAction(_)
        | Detail::ImageScanned(_)
        | Detail::SecretChange(_)
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
        | Detail::Other { .. } => Ok(Targets::unsupported_event(
            Function::Scale.name(),
            &discovery.event.detail,
        )),
    }
}

async fn find_by_tag_change<C: Reads, L: Ledger>(
    discovery: &DiscoveryContext<'_, C, L>,
    change: &TagChange,
) -> DiscoveryResult {
    let arn = discovery
        .event
        .resources
        .iter()
        .map(Arn::new)
        .find(|arn| arn.ecs_cluster_and_name().is_some());
    let ours = change
        .changed_tag_keys
        .iter()
        .any(|key| key.starts_with(SCALE) || key.starts_with(SCHEDULE));
    let Some(arn) = arn.filter(|_| ours) else {
        return Ok(Targets::Skipped(
            "no scaling tag of an ECS service changed".to_owned(),
        ));
    };
    let services = discovery
        .cloud
        .describe_services(std::slice::from_ref(&arn))
        .await?;
    let scaled: Vec<Service> = services
        .into_iter()
        .filter(|service| service.tags.contains_key(SCALE))
        .collect();
    if scaled.is_empty() {
        return Ok(Targets::Skipped(format!(
            "{} has no tag {SCALE}",
            arn.display_name()
        )));
    }
    build_targets(scaled, discovery).await
}
