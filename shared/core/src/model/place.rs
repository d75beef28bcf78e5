use std::fmt;

use serde::{Deserialize, Serialize};

/// A destination for backup copies: another region, or the vault (another account in the same
/// region).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CopyDestination(String);

const VAULT: &str = "vault";

impl CopyDestination {
    /// Parses `eu-central-1` or `vault`; returns `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split('-').collect();
        let is_region = parts.len() >= 3 && parts.last().is_some_and(|part| is_number(part));
        (is_region || text == VAULT).then(|| Self(text.to_owned()))
    }

    #[must_use]
    pub fn is_vault(&self) -> bool {
        self.0 == VAULT
    }

    /// Returns the region; `None` for the vault.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        (!self.is_vault()).then_some(self.0.as_str())
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

impl fmt::Display for CopyDestination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.region().unwrap_or("the vault"))
    }
}
