//! Discovery: finds the managed services whose load balancers have certificates.

use lamplighter::engine::{DiscoveryContext, Targets};
use lamplighter::event::detail::Detail;
use lamplighter::model::{Arn, Tagged};
use lamplighter::policy::MANAGED;
use lamplighter::ports::ResourceKind;
use lamplighter::ports::ledger::Ledger;
use lamplighter::{AwsError, Function};

use crate::observation::Prefetched;
use crate::reads::Reads;

/// The source of the events of ACM, as EventBridge spells it.
const ACM_SOURCE: &str = "aws.acm";

type Discovery = Result<Targets<Prefetched>, AwsError>;

pub async fn find_targets<C: Reads, L: Ledger>(discovery: DiscoveryContext<'_, C, L>) -> Discovery {
    match &discovery.event.detail {
        Detail::Sweep => find_all(&discovery).await,
        // The event names the certificate; its state is read from ACM.
        Detail::Other { source, .. } if source == ACM_SOURCE => {
            find_by_certificate(&discovery).await
        }
        Detail::ImageAction(_)
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
        | Detail::Hook(_)
        | Detail::CodeDeployHook(_)
        | Detail::CodeDeployment(_)
        | Detail::Other { .. } => Ok(Targets::unsupported_event(
            Function::Certificates.name(),
            &discovery.event.detail,
        )),
    }
}

/// Finds all managed services. One without a certificate may still have to resolve what was reported.
async fn find_all<C: Reads, L: Ledger>(discovery: &DiscoveryContext<'_, C, L>) -> Discovery {
    let services = list_services(discovery).await?;
    if services.is_empty() {
        return Ok(Targets::Skipped(format!(
            "no service has the tag {MANAGED}"
        )));
    }
    let prefetched = Prefetched::read_all(&services, discovery.now, discovery.cloud).await?;
    Ok(Targets::Found(services, prefetched))
}

/// Finds the service for which the certificate of the event is reported.
async fn find_by_certificate<C: Reads, L: Ledger>(
    discovery: &DiscoveryContext<'_, C, L>,
) -> Discovery {
    let Some(certificate) = discovery.event.resources.first().map(Arn::new) else {
        return Ok(Targets::Skipped(
            "the event names no certificate".to_owned(),
        ));
    };
    let mut services = list_services(discovery).await?;
    let prefetched = Prefetched::read_all(&services, discovery.now, discovery.cloud).await?;
    services.retain(|service| prefetched.is_owner(&service.arn, &certificate));
    if services.is_empty() {
        return Ok(Targets::Skipped(format!(
            "no load balancer of a managed service uses {certificate}"
        )));
    }
    Ok(Targets::Found(services, prefetched))
}

async fn list_services<C: Reads, L: Ledger>(
    discovery: &DiscoveryContext<'_, C, L>,
) -> Result<Vec<Tagged>, AwsError> {
    discovery
        .cloud
        .list_tagged(ResourceKind::Service, MANAGED)
        .await
}
