//! ECS Task State Change.
//! Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html>

use serde::Deserialize;

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
}
