use serde::{Deserialize, Serialize};

/// The result of probing a URL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeResult {
    pub url: String,
    /// The reason why the probe failed; `None` if the response was as expected.
    pub problem: Option<String>,
}
