//! The observed certificates of one service, on which `certificates` decides.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lamplighter::model::{Arn, Certificate};
use lamplighter::state::RecordedCertificate;
use serde::Serialize;

use crate::risk::Risk;

/// Observed state that [`crate::decide`] decides on.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Observed {
    /// Time of the observation.
    #[serde(skip)]
    pub at: Timestamp,
    /// The certificates that are reported for this service.
    pub certificates: Vec<SharedCertificate>,
    /// The certificates of the last sweep.
    pub previous: Vec<RecordedCertificate>,
    /// The service that another certificate is reported for, by name.
    pub elsewhere: BTreeMap<Arn, String>,
}

/// A certificate, with the services behind its load balancers by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SharedCertificate {
    pub certificate: Certificate,
    pub services: Vec<String>,
}

impl Observed {
    /// Finds an observed certificate by its ARN.
    pub(crate) fn find_certificate(&self, arn: &Arn) -> Option<&Certificate> {
        self.certificates
            .iter()
            .map(|shared| &shared.certificate)
            .find(|certificate| certificate.arn == *arn)
    }

    /// Returns what the target state records.
    pub(crate) fn list_records(&self) -> Vec<RecordedCertificate> {
        self.certificates
            .iter()
            .map(|shared| RecordedCertificate {
                certificate: shared.certificate.clone(),
                is_at_risk: Risk::assess(&shared.certificate, self.at).is_some(),
            })
            .collect()
    }
}
