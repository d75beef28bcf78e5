//! A service that was created, as CloudTrail tells it. ECS itself sends no event.

use serde::Deserialize;
use serde_json::Value;

use crate::model::Arn;

/// The service that is new.
#[derive(Debug, Clone)]
pub struct ServiceCreated {
    pub service: Arn,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ApiCall {
    #[serde(default)]
    event_source: String,
    #[serde(default)]
    event_name: String,
    /// Absent where the call failed.
    response_elements: Option<Value>,
}

/// The service in an `AWS API Call via CloudTrail`, `None` where it is about anything else or failed.
pub(crate) fn service(detail: &Value) -> Option<ServiceCreated> {
    let call = ApiCall::deserialize(detail).ok()?;
    if call.event_source != "ecs.amazonaws.com" || call.event_name != "CreateService" {
        return None;
    }
    let service = Arn::new(
        call.response_elements?
            .pointer("/service/serviceArn")?
            .as_str()?,
    );
    Some(ServiceCreated { service })
}
