//! Deployment configurations, kept with the fields that this build doesn't know.
//!
//! An update of one setting sends the whole configuration, so a field that AWS adds later would otherwise be lost.

use aws_sdk_ecs::types::DeploymentConfiguration;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use serde_json::{Map, Value};

use crate::raw_json::replace_body;

/// The settings of the strategies with steps, which a configuration loses on purpose when its strategy changes.
const STEPS: [&str; 2] = ["canaryConfiguration", "linearConfiguration"];

/// The field that identifies a lifecycle hook; a pause hook has none.
const HOOK_TARGET: &str = "hookTargetArn";

/// The deployment configuration of a service as ECS describes it.
#[derive(Debug, Clone, Default)]
pub struct DescribedConfiguration {
    pub known: Option<DeploymentConfiguration>,
    /// The same as raw JSON, or null.
    pub document: Value,
}

/// A changed deployment configuration.
#[derive(Debug)]
pub struct ChangedConfiguration {
    pub changed: DeploymentConfiguration,
    /// The configuration before the change as raw JSON.
    pub described: Value,
}

impl DescribedConfiguration {
    /// Applies a change to the known fields. All others stay.
    pub fn change(
        self,
        apply: impl FnOnce(Option<DeploymentConfiguration>) -> DeploymentConfiguration,
    ) -> ChangedConfiguration {
        ChangedConfiguration {
            changed: apply(self.known),
            described: self.document,
        }
    }
}

/// Adds to an UpdateService request the fields that its deployment configuration had before, and that the SDK dropped.
pub fn keep_unknown_fields(request: &mut HttpRequest, described: &Value) {
    let body = request
        .body()
        .bytes()
        .and_then(|bytes| serde_json::from_slice::<Value>(bytes).ok());
    let Some(mut body) = body else { return };
    let Some(changed) = body.get_mut("deploymentConfiguration") else {
        return;
    };
    *changed = overlay(described, changed.take());
    replace_body(request, &body);
}

/// Returns the changed value with the fields that only the described value has.
fn overlay(described: &Value, changed: Value) -> Value {
    match (described, changed) {
        (Value::Object(described), Value::Object(changed)) => {
            Value::Object(overlay_object(described, changed))
        }
        (Value::Array(described), Value::Array(changed)) => {
            let hooks = changed
                .into_iter()
                .map(|hook| overlay_hook(described, hook));
            Value::Array(hooks.collect())
        }
        (_, changed) => changed,
    }
}

/// Returns a changed hook with the fields that it had before. Names of alarms and stages stay as they are, and so does a hook
/// that can't be told from another one.
fn overlay_hook(described: &[Value], hook: Value) -> Value {
    let target = hook.get(HOOK_TARGET);
    let mut same = described
        .iter()
        .filter(|old| hook.is_object() && old.get(HOOK_TARGET) == target);
    match (same.next(), same.next()) {
        (Some(old), None) => overlay(old, hook),
        (None | Some(_), _) => hook,
    }
}

fn overlay_object(
    described: &Map<String, Value>,
    mut changed: Map<String, Value>,
) -> Map<String, Value> {
    for (field, old) in described {
        match changed.remove(field) {
            Some(new) => {
                changed.insert(field.clone(), overlay(old, new));
            }
            None if STEPS.contains(&field.as_str()) => {}
            None => {
                changed.insert(field.clone(), old.clone());
            }
        }
    }
    changed
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_change_keeps_what_this_build_does_not_know() {
        let described = json!({
            "strategy": "CANARY", "future": {"a": 1}, "canaryConfiguration": {"canaryPercent": 5.0},
            "deploymentCircuitBreaker": {"enable": false, "window": 3},
            "lifecycleHooks": [
                {"hookTargetArn": "others", "roleArn": "r", "retries": 2},
                {"hookTargetArn": "gone", "retries": 9},
                {"targetType": "PAUSE", "approvers": ["ops"]},
                {"hookTargetArn": "twice", "lifecycleStages": ["PRE_SCALE_UP"], "retries": 1},
                {"hookTargetArn": "twice", "lifecycleStages": ["POST_SCALE_UP"], "retries": 3},
            ],
        });
        let changed = json!({
            "strategy": "BLUE_GREEN", "deploymentCircuitBreaker": {"enable": true},
            "lifecycleHooks": [
                {"targetType": "PAUSE"},
                {"hookTargetArn": "others", "roleArn": "r"},
                {"hookTargetArn": "verify"},
                {"hookTargetArn": "twice", "lifecycleStages": ["PRE_SCALE_UP"]},
            ],
        });
        let expected = json!({
            "strategy": "BLUE_GREEN", "future": {"a": 1},
            "deploymentCircuitBreaker": {"enable": true, "window": 3},
            "lifecycleHooks": [
                {"targetType": "PAUSE", "approvers": ["ops"]},
                {"hookTargetArn": "others", "roleArn": "r", "retries": 2},
                {"hookTargetArn": "verify"},
                {"hookTargetArn": "twice", "lifecycleStages": ["PRE_SCALE_UP"]},
            ],
        });
        assert_eq!(overlay(&described, changed), expected);
    }

    /// Without a raw description, the request stays as the SDK built it.
    #[test]
    fn nothing_is_added_to_an_unknown_configuration() {
        let changed = json!({"strategy": "ROLLING", "alarms": {"alarmNames": ["a"]}});
        assert_eq!(overlay(&Value::Null, changed.clone()), changed);
    }
}
