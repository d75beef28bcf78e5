//! A deployment lifecycle hook of ECS: a question that waits for its answer, and no event.
//!
//! Its payload is nested, and was flat in older documentation; both are read.
//! Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-lifecycle-hooks.html>

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::model::Arn;

/// One call of a hook.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HookCall {
    pub service: Arn,
    /// The ARN of the service deployment; `None` in the flat form.
    pub deployment: Option<String>,
    /// `POST_TEST_TRAFFIC_SHIFT`, …; `None` in the flat form.
    pub stage: Option<String>,
    /// The ARN of what is being deployed.
    pub target_revision: String,
    /// Per cent of production traffic by the ARN of a service revision; empty in many stages.
    pub weights: BTreeMap<String, f64>,
    pub execution: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Nested {
    #[serde(default)]
    execution_id: String,
    lifecycle_stage: Option<String>,
    resource_arn: Option<String>,
    execution_details: Details,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    #[serde(default)]
    service_arn: String,
    #[serde(default)]
    target_service_revision_arn: String,
    #[serde(default)]
    production_traffic_weights: BTreeMap<String, f64>,
}

/// A question of CodeDeploy, which says no more than this. Its answer is a call of its own, within an hour.
/// Source: <https://docs.aws.amazon.com/codedeploy/latest/userguide/tutorial-ecs-deployment-with-hooks.html>
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CodeDeployHook {
    pub deployment_id: String,
    pub lifecycle_event_hook_execution_id: String,
}

/// `None` for anything else.
pub(crate) fn call(value: &Value) -> Option<Result<HookCall, serde_json::Error>> {
    if value.get("executionDetails").is_some() {
        return Some(Nested::deserialize(value).map(|nested| HookCall {
            stage: nested.lifecycle_stage,
            deployment: nested.resource_arn,
            execution: nested.execution_id,
            ..flat(nested.execution_details)
        }));
    }
    (value.get("targetServiceRevisionArn").is_some() && value.get("detail-type").is_none())
        .then(|| Details::deserialize(value).map(flat))
}

fn flat(details: Details) -> HookCall {
    HookCall {
        service: Arn::new(details.service_arn),
        target_revision: details.target_service_revision_arn,
        weights: details.production_traffic_weights,
        ..HookCall::default()
    }
}

impl HookCall {
    /// What share of production traffic goes to what is being deployed, in per cent, where the call says.
    #[must_use]
    pub fn weight(&self) -> Option<f64> {
        (!self.weights.is_empty()).then(|| {
            self.weights
                .get(&self.target_revision)
                .copied()
                .unwrap_or_default()
        })
    }
}
