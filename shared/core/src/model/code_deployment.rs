use serde::{Deserialize, Serialize};

use super::Arn;

/// A deployment of AWS CodeDeploy. Source: GetDeployment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CodeDeployment {
    /// `d-…`
    pub id: String,
    pub application: String,
    pub group: String,
    /// `Created`, `Queued`, `InProgress`, `Baking`, `Ready`, `Succeeded`, `Failed`, `Stopped`.
    pub status: String,
    /// What went wrong, as CodeDeploy says it; may be empty.
    pub error: String,
    /// `CodeDeployDefault.ECSCanary10Percent5Minutes`
    pub configuration: String,
    /// It takes another deployment back.
    pub is_rollback: bool,
}

/// What of a service a CodeDeploy deployment is about. Source: GetDeploymentTarget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CodeTarget {
    pub service: Arn,
    /// The lifecycle event that goes on: `AfterAllowTestTraffic`, …; empty where none does.
    pub stage: String,
}

/// Where releases of a CODE_DEPLOY service go through, and what traffic reaches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeGroup {
    pub application: String,
    pub group: String,
    pub container: String,
    pub port: i32,
}

impl CodeDeployment {
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.status.as_str(), "Succeeded" | "Failed" | "Stopped")
    }

    /// Seconds that its traffic takes by plan, as far as the name of its configuration says.
    #[must_use]
    pub fn seconds(&self) -> u64 {
        let number = |text: &str, before: &str| -> Option<u64> {
            let at = text.find(before)?;
            let digits: String = text
                .get(..at)?
                .chars()
                .rev()
                .take_while(char::is_ascii_digit)
                .collect();
            digits.chars().rev().collect::<String>().parse().ok()
        };
        let name = self.configuration.as_str();
        let minutes = number(name, "Minutes").unwrap_or_default();
        let steps = match number(name, "PercentEvery") {
            Some(share @ 1..) => 100_u64.div_ceil(share),
            _ => 1,
        };
        minutes * steps * 60
    }
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
    fn the_name_of_a_configuration_says_how_long_it_takes(
        #[case] configuration: &str,
        #[case] seconds: u64,
    ) {
        let deployment = CodeDeployment {
            configuration: configuration.into(),
            ..CodeDeployment::default()
        };
        assert_eq!(deployment.seconds(), seconds);
    }
}
