//! The input of a decision: what AWS reports about one deployment.

use lamplighter::model::{Digest, Service};
use lamplighter::state::PendingVerdict;
use serde::Serialize;

use crate::sequential::Comparison;
use crate::stage::HookStage;

/// The input of [`crate::decide`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Observed {
    /// `None` if the service does not exist.
    pub service: Option<Service>,
    pub stage: HookStage,
    /// Tag and digest of the new revision's image, if it is pinned by digest.
    pub image: Option<(String, Digest)>,
    /// The open verdict; `None` if the deployment is unknown, or rolls back without an open
    /// CodeDeploy hook.
    pub pending_verdict: Option<PendingVerdict>,
    /// The comparison of both revisions, if both have traffic.
    pub comparison: Option<Comparison>,
}
