//! Reads of `certificates`: the certificates of all load balancers, and the service that each is reported for.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use lamplighter::AwsError;
use lamplighter::engine::TargetContext;
use lamplighter::model::{Arn, Certificate, Tagged};
use lamplighter::policy;

use crate::observed::{Observed, SharedCertificate};
use crate::reads::Reads;

/// The certificates of all load balancers in front of managed services.
#[derive(Debug, Default)]
pub struct Prefetched {
    at: Timestamp,
    /// Each certificate with the services behind its load balancers. It is reported for the first of them.
    certificates: Vec<(Certificate, Vec<Arn>)>,
}

impl Prefetched {
    pub(crate) async fn read_all<C: Reads>(
        services: &[Tagged],
        at: Timestamp,
        cloud: &C,
    ) -> Result<Self, AwsError> {
        let load_balancers = read_load_balancers(services, cloud).await?;
        let names: BTreeSet<&String> = load_balancers.values().flatten().collect();
        let names: Vec<String> = names.into_iter().cloned().collect();
        let certificates = if names.is_empty() {
            Vec::new()
        } else {
            cloud.list_certificates(&names).await?
        };
        let certificates = certificates
            .into_iter()
            .map(|certificate| {
                let users = list_users(&certificate, &load_balancers);
                (certificate, users)
            })
            .collect();
        Ok(Self { at, certificates })
    }

    /// Reports whether the certificate is reported for this service.
    pub(crate) fn is_owner(&self, service: &Arn, certificate: &Arn) -> bool {
        self.certificates
            .iter()
            .any(|(used, users)| used.arn == *certificate && users.first() == Some(service))
    }

    pub(crate) fn observe_target(&self, context: TargetContext<'_, ()>) -> Observed {
        let service = &context.target.arn;
        let own = self
            .certificates
            .iter()
            .filter(|(_, users)| users.first() == Some(service));
        let elsewhere = self.certificates.iter().filter_map(|(certificate, users)| {
            let owner = users.first().filter(|owner| *owner != service)?;
            Some((certificate.arn.clone(), owner.display_name()))
        });
        Observed {
            at: self.at,
            certificates: own
                .map(|(certificate, users)| SharedCertificate {
                    certificate: certificate.clone(),
                    services: users.iter().map(Arn::display_name).collect(),
                })
                .collect(),
            previous: context.state.certificates.clone(),
            elsewhere: elsewhere.collect(),
        }
    }
}

/// Reads the load balancers of each service. Paused services have none here, so that nothing is reported for them.
async fn read_load_balancers<C: Reads>(
    services: &[Tagged],
    cloud: &C,
) -> Result<BTreeMap<Arn, Vec<String>>, AwsError> {
    let active: Vec<Arn> = services
        .iter()
        .filter(|service| {
            policy::parse_managed(&service.tags).is_ok_and(policy::Managed::is_active)
        })
        .map(|service| service.arn.clone())
        .collect();
    if active.is_empty() {
        return Ok(BTreeMap::new());
    }
    let described = cloud.describe_services(&active).await?;
    let groups: BTreeSet<&String> = described
        .iter()
        .flat_map(|service| &service.target_groups)
        .collect();
    let groups: Vec<String> = groups.into_iter().cloned().collect();
    if groups.is_empty() {
        return Ok(BTreeMap::new());
    }
    let groups = cloud.describe_target_groups(&groups).await?;
    Ok(described
        .iter()
        .map(|service| {
            let own = service.target_groups.iter();
            let load_balancers = own
                .filter_map(|arn| groups.get(arn))
                .flat_map(|group| group.load_balancers.clone())
                .collect();
            (service.arn.clone(), load_balancers)
        })
        .collect())
}

/// Lists the services behind the load balancers of a certificate, by ARN.
fn list_users(certificate: &Certificate, load_balancers: &BTreeMap<Arn, Vec<String>>) -> Vec<Arn> {
    load_balancers
        .iter()
        .filter(|(_, own)| {
            own.iter()
                .any(|load_balancer| certificate.load_balancers.contains(load_balancer))
        })
        .map(|(service, _)| service.clone())
        .collect()
}
