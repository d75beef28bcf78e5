use serde::Serialize;

/// An ECS service deployment. Source: DescribeServiceDeployments, DescribeServiceRevisions.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ServiceDeployment {
    pub arn: String,
    /// `PENDING`, `IN_PROGRESS`, `SUCCESSFUL`, `ROLLBACK_IN_PROGRESS`, …
    pub status: String,
    /// Lifecycle stage: `POST_TEST_TRAFFIC_SHIFT`, …; empty if ECS names none.
    pub stage: String,
    /// Identifier of the hook at which the deployment is paused for manual approval.
    pub paused: Option<String>,
    /// Source revision; `None` if there is none or more than one.
    pub from: Option<ServiceRevision>,
    /// Target revision of the deployment.
    pub to: ServiceRevision,
}

/// A service revision, current or planned.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ServiceRevision {
    pub arn: String,
    /// ARN of the task definition revision.
    pub task_definition: String,
    /// ARNs of the target groups that its tasks register with.
    pub target_groups: Vec<String>,
    /// Share of production traffic in percent; `None` if ECS does not shift traffic.
    pub weight: Option<f64>,
}

impl ServiceDeployment {
    /// Reports whether ECS is still deploying the target revision.
    #[must_use]
    pub fn is_in_progress(&self) -> bool {
        matches!(self.status.as_str(), "PENDING" | "IN_PROGRESS")
    }

    /// Reports whether ECS is stopping the deployment, or rolling it back or has rolled it back.
    #[must_use]
    pub fn is_rolling_back(&self) -> bool {
        self.status.starts_with("ROLLBACK") || self.status == "STOP_REQUESTED"
    }
}
