//! ECS Deployment State Change, ECS Service Action and ECS Hook State Change. Only the service they
//! name is used.
//! Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_service_deployment_events.html>

use serde::Deserialize;

use crate::model::Arn;

/// A state change of an ECS deployment. The event's `resources` name the service.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentChange {
    /// `SERVICE_DEPLOYMENT_COMPLETED`, `SERVICE_DEPLOYMENT_FAILED`, …
    #[serde(default)]
    pub event_name: String,
    /// The service, for hook events: their `resources` name the deployment instead.
    pub service_arn: Option<Arn>,
}

/// A state change of a CodeDeploy deployment.
/// Source: <https://docs.aws.amazon.com/codedeploy/latest/userguide/monitoring-cloudwatch-events.html>
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CodeDeploymentChange {
    /// `d-…`
    pub deployment_id: String,
    /// `START`, `SUCCESS`, `FAILURE`, `STOP`, `READY`.
    #[serde(default)]
    pub state: String,
    #[serde(default)]
    pub application: String,
    /// Name of the deployment group.
    #[serde(default, rename = "deploymentGroup")]
    pub group: String,
}
