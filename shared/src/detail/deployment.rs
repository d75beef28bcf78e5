//! ECS Deployment State Change, and ECS Service Action. Only says which service to look at.
//! Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_service_deployment_events.html>

use serde::Deserialize;

/// Something happened to a deployment of the service named in the event's `resources`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentChange {
    /// `SERVICE_DEPLOYMENT_COMPLETED`, `SERVICE_DEPLOYMENT_FAILED`, …
    #[serde(default)]
    pub event_name: String,
}
