//! The parameters of the vault.

use jiff::SignedDuration;
use lamplighter::ParameterError;
use lamplighter::model::Snapshot;
use serde::Deserialize;

use crate::decide::Rules;

/// Environment variable with the parameters of `infra/vault.yaml`, as JSON.
pub const VARIABLE: &str = "LAMPLIGHTER_VAULT";
/// Fewest days that a copy stays. The source copies what it missed up to three days later.
const FEWEST_DAYS: u16 = 4;

/// The parameters of the vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The name of the vault's stack, for its metrics.
    pub stack: String,
    /// The account whose backups are copied here.
    pub source: String,
    pub rules: Rules,
}

/// The variable as the template writes it.
#[derive(Deserialize)]
struct Document {
    stack: String,
    source: String,
    keep: String,
    least_age_days: u16,
}

impl Settings {
    /// Reports whether AWS copied a snapshot from the source account. Any other one is not the vault's, whatever its name is.
    #[must_use]
    pub fn is_copy(&self, snapshot: &Snapshot) -> bool {
        let source = snapshot.copied_from.as_ref();
        source.is_some_and(|source| source.account_id() == self.source)
    }

    /// Parses `{"stack": "…", "source": "123456789012", "keep": "7d+4w", "least_age_days": 14}`.
    ///
    /// # Errors
    /// [`ParameterError`] that names the parameter of the template.
    pub fn parse(document: &str) -> Result<Self, ParameterError> {
        let document: Document = serde_json::from_str(document)
            .map_err(|error| problem(VARIABLE, &error.to_string()))?;
        let keep = document.keep.parse();
        let keep = keep.map_err(|error: String| problem("Keep", &error))?;
        let days = document.least_age_days;
        if days < FEWEST_DAYS {
            let text = format!("must be {FEWEST_DAYS} days or more");
            return Err(problem("LeastAgeDays", &text));
        }
        Ok(Self {
            stack: document.stack,
            source: document.source,
            rules: Rules {
                keep,
                least_age: SignedDuration::from_hours(24 * i64::from(days)),
            },
        })
    }
}

fn problem(parameter: &str, problem: &str) -> ParameterError {
    ParameterError {
        parameter: parameter.to_owned(),
        problem: problem.to_owned(),
    }
}
