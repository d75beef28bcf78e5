//! The stage of a deployment at the time of its hook.

use lamplighter::event::detail::hook::HookCall;
use lamplighter::model::{CodeDeployTarget, CodeDeployment, ServiceDeployment};
use serde::Serialize;

/// The stage of a deployment at the time of its hook.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub enum HookStage {
    /// There is nothing to verify yet.
    Prepared,
    /// The hook does not name its stage.
    Unknown,
    /// The test listener routes to the new revision.
    Tested,
    /// Production traffic goes to both revisions; the value is the percentage of the new one.
    Shifting(f64),
    /// All production traffic goes to the new revision.
    Shifted,
    /// The deployment is rolling back to the old revision.
    RollingBack,
}

impl HookStage {
    /// Returns the stage of an ECS deployment. The call states it, or else the deployment.
    pub(crate) fn from_ecs(call: &HookCall, deployment: &ServiceDeployment) -> Self {
        let name = call.stage.as_deref().unwrap_or(&deployment.stage);
        let weight = call.target_weight().or(deployment.to.weight);
        let is_shift = matches!(
            name,
            "PRE_PRODUCTION_TRAFFIC_SHIFT" | "PRODUCTION_TRAFFIC_SHIFT"
        );
        match weight {
            _ if deployment.is_rolling_back() => Self::RollingBack,
            // The weight is zero before the first shift as well.
            Some(weight) if weight <= 0.0 && name == "PRODUCTION_TRAFFIC_SHIFT" => {
                Self::RollingBack
            }
            Some(weight) if is_shift && weight > 0.0 && weight < 100.0 => Self::Shifting(weight),
            _ if name == "POST_TEST_TRAFFIC_SHIFT" => Self::Tested,
            _ if name == "POST_PRODUCTION_TRAFFIC_SHIFT" => Self::Shifted,
            _ => Self::Prepared,
        }
    }

    /// Returns the stage of a CodeDeploy deployment: the lifecycle event that its target is in.
    pub(crate) fn from_code_deploy(deployment: &CodeDeployment, target: &CodeDeployTarget) -> Self {
        match target.stage.as_str() {
            _ if deployment.is_rollback => Self::RollingBack,
            "AfterAllowTestTraffic" => Self::Tested,
            "AfterAllowTraffic" => Self::Shifted,
            "" => Self::Unknown,
            _ => Self::Prepared,
        }
    }

    /// Returns the key of the step under which the target state keeps its probes and time limit.
    pub(crate) fn step_key(self) -> String {
        match self {
            Self::Prepared => "Prepared".to_owned(),
            Self::Unknown => "Unknown".to_owned(),
            Self::Tested => "Tested".to_owned(),
            Self::Shifting(weight) => format!("{weight} % of production"),
            Self::Shifted => "Shifted".to_owned(),
            Self::RollingBack => "RollingBack".to_owned(),
        }
    }

    /// Reports whether both revisions have production traffic.
    pub(crate) fn is_shifting(self) -> bool {
        match self {
            Self::Shifting(_) => true,
            Self::Prepared | Self::Unknown | Self::Tested | Self::Shifted | Self::RollingBack => {
                false
            }
        }
    }
}
