//! Health-check requests to addresses that users name.

use crate::model::ProbeResult;

/// Health-check requests to addresses that users name.
pub trait Probes {
    /// Sends one request to a user-supplied URL and returns the answer, or why there was none
    /// (`http`).
    async fn probe_url(&self, url: &str, expect: Option<&str>) -> ProbeResult;
}
