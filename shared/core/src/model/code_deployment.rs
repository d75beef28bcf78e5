use serde::{Deserialize, Serialize};

use super::Arn;

/// An AWS CodeDeploy deployment. Source: GetDeployment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CodeDeployment {
    /// `d-…`
    pub id: String,
    pub application: String,
    pub group: String,
    /// `Created`, `Queued`, `InProgress`, `Baking`, `Ready`, `Succeeded`, `Failed`, `Stopped`.
    pub status: String,
    /// Error message from CodeDeploy; may be empty.
    pub error: String,
    /// `CodeDeployDefault.ECSCanary10Percent5Minutes`
    pub configuration: String,
    /// True if this deployment rolls another one back.
    pub is_rollback: bool,
}

/// The ECS service that a CodeDeploy deployment targets. Source: GetDeploymentTarget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CodeDeployTarget {
    pub service: Arn,
    /// The lifecycle event in progress: `AfterAllowTestTraffic`, …; empty if there is none.
    pub stage: String,
}

/// The CodeDeploy deployment group of a CODE_DEPLOY service, and the container port that receives
/// its traffic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeDeployGroup {
    pub application: String,
    pub group: String,
    pub container: String,
    pub port: i32,
}

impl CodeDeployment {
    #[must_use]
    pub fn is_finished(&self) -> bool {
        matches!(self.status.as_str(), "Succeeded" | "Failed" | "Stopped")
    }

    /// Returns the planned duration of the traffic shift in seconds, derived from the
    /// configuration's name. Returns 0 if the name does not state it.
    #[must_use]
    pub fn traffic_shift_seconds(&self) -> u64 {
        let name = self.configuration.as_str();
        let minutes = number_before(name, "Minutes").unwrap_or_default();
        let steps = match number_before(name, "PercentEvery") {
            Some(share @ 1..) => 100_u64.div_ceil(share),
            _ => 1,
        };
        minutes * steps * 60
    }
}

/// Returns the number directly before a word in a text.
fn number_before(text: &str, word: &str) -> Option<u64> {
    let before = text.get(..text.find(word)?)?;
    let rest = before.trim_end_matches(|c: char| c.is_ascii_digit());
    before.strip_prefix(rest)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("CodeDeployDefault.ECSAllAtOnce", 0)]
    #[case("CodeDeployDefault.ECSCanary10Percent15Minutes", 900)]
    #[case("CodeDeployDefault.ECSLinear10PercentEvery3Minutes", 1_800)]
    #[case("ours", 0)]
    fn the_duration_is_derived_from_the_configuration_name(
        #[case] configuration: &str,
        #[case] seconds: u64,
    ) {
        let deployment = CodeDeployment {
            configuration: configuration.into(),
            ..CodeDeployment::default()
        };
        assert_eq!(deployment.traffic_shift_seconds(), seconds);
    }
}
