use std::fmt;

use serde::{Deserialize, Serialize};

/// Where copies of backups are: another region, or the vault, which is another account in the same region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Place(String);

const VAULT: &str = "vault";

impl Place {
    /// Reads `eu-central-1` or `vault`; `None` for what is neither.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split('-').collect();
        let is_number = |part: &&str| part.bytes().all(|b| b.is_ascii_digit()) && !part.is_empty();
        let is_region = parts.len() >= 3 && parts.last().is_some_and(is_number);
        (is_region || text == VAULT).then(|| Self(text.to_owned()))
    }

    #[must_use]
    pub fn is_vault(&self) -> bool {
        self.0 == VAULT
    }

    /// The region; `None` for the vault.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        (!self.is_vault()).then_some(self.0.as_str())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.region().unwrap_or("the vault"))
    }
}
