//! ECS Deployment State Change, ECS Service Action, and ECS Hook State Change. Only says which service to look at.
//! Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_service_deployment_events.html>

use serde::Deserialize;

use crate::model::Arn;

/// Something happened to a deployment of the service named in the event's `resources`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentChange {
    /// `SERVICE_DEPLOYMENT_COMPLETED`, `SERVICE_DEPLOYMENT_FAILED`, …
    #[serde(default)]
    pub event_name: String,
    /// Where the event's `resources` name the deployment instead: a hook's.
    pub service_arn: Option<Arn>,
}

/// Something happened to a deployment of CodeDeploy.
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
    /// The deployment group's name.
    #[serde(default, rename = "deploymentGroup")]
    pub group: String,
}
