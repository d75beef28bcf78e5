//! ECS Task State Change.
//! Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html>

use serde::Deserialize;

use crate::model::Arn;

/// A task changed its state.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskChange {
    /// What whoever started it gave; may be absent.
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
    /// The service that it was a task of; `None` for any other task.
    #[must_use]
    pub fn service(&self) -> Option<Arn> {
        let name = self.group.strip_prefix("service:")?;
        let (before, cluster) = self.cluster_arn.split_once(":cluster/")?;
        Some(Arn::new(format!("{before}:service/{cluster}/{name}")))
    }
}

/// A container instance changed its state, or ECS does not hear of it any more.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InstanceChange {
    pub container_instance_arn: Arn,
    #[serde(default)]
    pub agent_connected: bool,
}
