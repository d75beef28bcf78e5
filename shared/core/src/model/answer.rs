use serde::{Deserialize, Serialize};

/// What an address answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    pub url: String,
    /// What is wrong with it, `None` for an answer as it should be.
    pub problem: Option<String>,
}
