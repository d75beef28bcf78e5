//! Choices of `lamplighter:deploy`: strategy, scan severity, and what follows inconclusive checks.

use serde::{Deserialize, Serialize};

use super::grammar::{TagError, TagPairs};

/// The deployment strategy that shifts traffic to a release. Without one, the service's own
/// applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Strategy {
    /// A small share first, the rest later.
    Canary,
    /// In equal steps.
    Linear,
    /// All at once, after a test.
    BlueGreen,
}

/// The reaction to a release whose checks are inconclusive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnInconclusive {
    #[default]
    Keep,
    Rollback,
}

/// The revision that a release is built on: it gives everything but the image.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BaseRevision {
    /// The one that the service runs.
    #[default]
    Running,
    /// The newest of its family that Lamplighter did not register.
    Latest,
}

/// The changes of secrets and parameters that restart the tasks which read them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RestartOn {
    /// Rotations alone.
    #[default]
    Rotation,
    /// Every new value of a secret or a parameter.
    Secrets,
    Never,
}

/// Severity of scan findings, lowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Severity {
    Low,
    Medium,
    High,
    Critical,
}

pub(super) fn parse_base(pairs: &TagPairs<'_>) -> Result<BaseRevision, TagError> {
    match pairs.get("base") {
        None | Some("running") => Ok(BaseRevision::Running),
        Some("latest") => Ok(BaseRevision::Latest),
        Some(word) => Err(pairs.build_error(format!("base={word} is neither running nor latest"))),
    }
}

pub(super) fn parse_restart(pairs: &TagPairs<'_>) -> Result<RestartOn, TagError> {
    match pairs.get("restart") {
        None | Some("rotation") => Ok(RestartOn::Rotation),
        Some("secrets") => Ok(RestartOn::Secrets),
        Some("no") => Ok(RestartOn::Never),
        Some(word) => Err(pairs.build_error(format!(
            "restart={word} is not one of rotation, secrets, no"
        ))),
    }
}

pub(super) fn parse_strategy(pairs: &TagPairs<'_>, word: &str) -> Result<Strategy, TagError> {
    match word {
        "canary" => Ok(Strategy::Canary),
        "linear" => Ok(Strategy::Linear),
        "blue-green" => Ok(Strategy::BlueGreen),
        _ => Err(pairs.build_error(format!(
            "strategy={word} is not one of canary, linear, blue-green"
        ))),
    }
}

pub(super) fn parse_severity(pairs: &TagPairs<'_>, word: &str) -> Result<Severity, TagError> {
    match word {
        "low" => Ok(Severity::Low),
        "medium" => Ok(Severity::Medium),
        "high" => Ok(Severity::High),
        "critical" => Ok(Severity::Critical),
        _ => Err(pairs.build_error(format!(
            "scan={word} is not one of low, medium, high, critical"
        ))),
    }
}

pub(super) fn parse_on_inconclusive(pairs: &TagPairs<'_>) -> Result<OnInconclusive, TagError> {
    match pairs.get("inconclusive") {
        None | Some("keep") => Ok(OnInconclusive::Keep),
        Some("rollback") => Ok(OnInconclusive::Rollback),
        Some(word) => {
            Err(pairs.build_error(format!("inconclusive={word} is not one of keep, rollback")))
        }
    }
}

impl Strategy {
    /// Returns the strategy in ECS's spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Canary => "CANARY",
            Self::Linear => "LINEAR",
            Self::BlueGreen => "BLUE_GREEN",
        }
    }
}

impl Severity {
    /// Returns the severity in ECR's spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "LOW",
            Self::Medium => "MEDIUM",
            Self::High => "HIGH",
            Self::Critical => "CRITICAL",
        }
    }

    /// Returns this severity and all worse ones, worst first.
    pub fn self_and_worse(self) -> impl Iterator<Item = Self> {
        [Self::Critical, Self::High, Self::Medium, Self::Low]
            .into_iter()
            .filter(move |s| *s >= self)
    }
}
