use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Arn;

/// A TLS certificate that load balancers present to clients. Source: DescribeListenerCertificates of Elastic Load
/// Balancing and DescribeCertificate of ACM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    pub arn: Arn,
    /// The domain of the subject; the name of the certificate if it is stored in IAM.
    pub domain: String,
    /// The ARNs of the load balancers whose listeners use it.
    pub load_balancers: Vec<String>,
    /// The end of its validity; `None` if it is not issued yet or stored in IAM.
    pub expires_at: Option<Timestamp>,
    pub renewal: Renewal,
}

/// Who renews a certificate, and what stops it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Renewal {
    /// ACM renews it in time.
    Automatic,
    /// Somebody else issued it, so that ACM can't renew it.
    Imported,
    /// ACM issued it, but does not renew it.
    Ineligible,
    /// ACM renews it once these domains are validated.
    PendingValidation(Vec<PendingDomain>),
    /// ACM tried and gave up, with the reason in its own words.
    Failed(String),
    /// It is stored in IAM, where nothing renews it and Lamplighter doesn't read it.
    StoredInIam,
}

/// A domain that its owner has to validate before ACM renews the certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingDomain {
    pub name: String,
    /// The name and the value of the CNAME record that ACM looks for; `None` if ACM sends an e-mail instead.
    pub record: Option<(String, String)>,
}
