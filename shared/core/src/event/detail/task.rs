//! ECS Task State Change.
//! Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html>

use serde::Deserialize;

use crate::model::Arn;

/// A state change of an ECS task.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskChange {
    /// Value that the starter of the task provided; may be absent.
    #[serde(default)]
    pub started_by: String,
    /// `PENDING`, `RUNNING`, `STOPPED`, …
    #[serde(default)]
    pub last_status: String,
    /// `service:web`, `family:shop-web`; may be absent.
    #[serde(default)]
    pub group: String,
    #[serde(default)]
    pub cluster_arn: String,
}

impl TaskChange {
    /// Returns the ARN of the task's service; `None` if the task belongs to no service.
    #[must_use]
    pub fn service_arn(&self) -> Option<Arn> {
        let name = self.group.strip_prefix("service:")?;
        let (before, cluster) = self.cluster_arn.split_once(":cluster/")?;
        Some(Arn::new(format!("{before}:service/{cluster}/{name}")))
    }
}

/// A state change of a container instance, or of its agent's connection to ECS.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InstanceChange {
    pub container_instance_arn: Arn,
    #[serde(default)]
    pub agent_connected: bool,
}
