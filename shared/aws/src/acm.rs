//! AWS Certificate Manager: the validity of certificates and the state of their renewal.

use std::collections::BTreeMap;

use aws_sdk_acm::Client;
use aws_sdk_acm::types::{
    CertificateDetail, CertificateType, DomainStatus, DomainValidation, RenewalEligibility,
    RenewalStatus, RenewalSummary,
};

use super::error::{aws_error, incomplete_response};
use super::timestamps::to_second;
use lamplighter::AwsError;
use lamplighter::model::{Arn, Certificate, PendingDomain, Renewal};

/// Describes certificates, each with the load balancers that use it. One that was deleted meanwhile is left out.
pub async fn describe_certificates(
    client: &Client,
    used: BTreeMap<Arn, Vec<String>>,
) -> Result<Vec<Certificate>, AwsError> {
    let mut certificates = Vec::new();
    for (arn, load_balancers) in used {
        if arn.service() == "iam" {
            certificates.push(stored_in_iam(arn, load_balancers));
        } else if let Some(detail) = describe_certificate(client, &arn).await? {
            certificates.push(convert_certificate(arn, load_balancers, detail));
        }
    }
    Ok(certificates)
}

async fn describe_certificate(
    client: &Client,
    arn: &Arn,
) -> Result<Option<CertificateDetail>, AwsError> {
    let answer = client
        .describe_certificate()
        .certificate_arn(arn.as_str())
        .send()
        .await;
    match answer.map_err(|e| aws_error("DescribeCertificate", arn.as_str(), &e)) {
        Ok(answer) => answer
            .certificate
            .map(Some)
            .ok_or_else(|| incomplete_response("DescribeCertificate", arn.as_str(), "Certificate")),
        Err(error) if error.code == "ResourceNotFoundException" => Ok(None),
        Err(error) => Err(error),
    }
}

fn stored_in_iam(arn: Arn, load_balancers: Vec<String>) -> Certificate {
    Certificate {
        domain: arn.display_name(),
        arn,
        load_balancers,
        expires_at: None,
        renewal: Renewal::StoredInIam,
    }
}

fn convert_certificate(
    arn: Arn,
    load_balancers: Vec<String>,
    detail: CertificateDetail,
) -> Certificate {
    Certificate {
        load_balancers,
        expires_at: detail.not_after.and_then(to_second),
        renewal: convert_renewal(&detail),
        domain: detail.domain_name.unwrap_or_else(|| arn.display_name()),
        arn,
    }
}

/// Returns who renews the certificate. `RenewalSummary` says how far ACM is, once it has begun.
fn convert_renewal(detail: &CertificateDetail) -> Renewal {
    if detail.r#type == Some(CertificateType::Imported) {
        return Renewal::Imported;
    }
    match &detail.renewal_summary {
        Some(summary) if *summary.renewal_status() == RenewalStatus::Failed => {
            Renewal::Failed(describe_failure(summary))
        }
        Some(summary) if *summary.renewal_status() == RenewalStatus::PendingValidation => {
            Renewal::PendingValidation(list_pending_domains(summary.domain_validation_options()))
        }
        _ if detail.renewal_eligibility == Some(RenewalEligibility::Ineligible) => {
            Renewal::Ineligible
        }
        _ => Renewal::Automatic,
    }
}

fn describe_failure(summary: &RenewalSummary) -> String {
    summary
        .renewal_status_reason()
        .map_or("no reason given", |reason| reason.as_str())
        .to_owned()
}

fn list_pending_domains(domains: &[DomainValidation]) -> Vec<PendingDomain> {
    domains
        .iter()
        .filter(|domain| domain.validation_status() != Some(&DomainStatus::Success))
        .map(|domain| PendingDomain {
            name: domain.domain_name().to_owned(),
            record: domain
                .resource_record()
                .map(|record| (record.name().to_owned(), record.value().to_owned())),
        })
        .collect()
}
