//! The ECS deployment lifecycle hook: a synchronous call whose response ECS waits for, not an
//! event.
//!
//! The payload is nested, but was flat in older documentation. Both forms are accepted.
//! Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-lifecycle-hooks.html>

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::model::Arn;

/// One call of a lifecycle hook.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HookCall {
    pub service: Arn,
    /// ARN of the service deployment; `None` in the flat form.
    pub deployment: Option<String>,
    /// Lifecycle stage: `POST_TEST_TRAFFIC_SHIFT`, …; `None` in the flat form.
    pub stage: Option<String>,
    /// ARN of the service revision that is being deployed.
    pub target_revision: String,
    /// Percent of production traffic by service revision ARN; empty in many stages.
    pub weights: BTreeMap<String, f64>,
    pub execution: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NestedPayload {
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

/// A CodeDeploy hook invocation; the payload has no other fields. The response is a separate API
/// call within one hour.
/// Source: <https://docs.aws.amazon.com/codedeploy/latest/userguide/tutorial-ecs-deployment-with-hooks.html>
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CodeDeployHook {
    pub deployment_id: String,
    pub lifecycle_event_hook_execution_id: String,
}

/// Parses a hook call; `None` for any other payload.
pub(crate) fn parse_hook_call(value: &Value) -> Option<Result<HookCall, serde_json::Error>> {
    if value.get("executionDetails").is_some() {
        return Some(NestedPayload::deserialize(value).map(|nested| HookCall {
            stage: nested.lifecycle_stage,
            deployment: nested.resource_arn,
            execution: nested.execution_id,
            ..build_hook_call(nested.execution_details)
        }));
    }
    (value.get("targetServiceRevisionArn").is_some() && value.get("detail-type").is_none())
        .then(|| Details::deserialize(value).map(build_hook_call))
}

fn build_hook_call(details: Details) -> HookCall {
    HookCall {
        service: Arn::new(details.service_arn),
        target_revision: details.target_service_revision_arn,
        weights: details.production_traffic_weights,
        ..HookCall::default()
    }
}

impl HookCall {
    /// Returns the target revision's share of production traffic in percent; `None` if the call has
    /// no weights.
    #[must_use]
    pub fn target_weight(&self) -> Option<f64> {
        (!self.weights.is_empty()).then(|| {
            self.weights
                .get(&self.target_revision)
                .copied()
                .unwrap_or_default()
        })
    }
}
