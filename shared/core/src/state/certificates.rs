//! What the target state records about certificates.

use serde::{Deserialize, Serialize};

use crate::model::Certificate;

/// A certificate as the last sweep found it. The target that it is recorded for reports it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedCertificate {
    pub certificate: Certificate,
    /// The certificate was reported: it expires soon, and nothing renews it.
    pub is_at_risk: bool,
}
