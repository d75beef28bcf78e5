//! Creation of an ECS service, as reported by CloudTrail. ECS sends no event for it.

use serde::Deserialize;
use serde_json::Value;

use crate::model::Arn;

/// A CreateService call that succeeded.
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
    /// Absent if the call failed.
    response_elements: Option<Value>,
}

/// Parses the new service from `AWS API Call via CloudTrail`; `None` if the call failed or is
/// another one.
pub(crate) fn parse_service_created(detail: &Value) -> Option<ServiceCreated> {
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
