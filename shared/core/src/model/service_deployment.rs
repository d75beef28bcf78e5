use serde::Serialize;

/// A service deployment, as ECS carries one out. Source: DescribeServiceDeployments, DescribeServiceRevisions.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ServiceDeployment {
    pub arn: String,
    /// `PENDING`, `IN_PROGRESS`, `SUCCESSFUL`, `ROLLBACK_IN_PROGRESS`, …
    pub status: String,
    /// `POST_TEST_TRAFFIC_SHIFT`, …; empty where ECS names none.
    pub stage: String,
    /// The identifier of a hook at which it waits for a person.
    pub paused: Option<String>,
    /// What was deployed before; `None` where that is nothing or several.
    pub from: Option<ServiceRevision>,
    /// What is being deployed.
    pub to: ServiceRevision,
}

/// What a service ran or is to run.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ServiceRevision {
    pub arn: String,
    /// The ARN of the revision of its task definition.
    pub task_definition: String,
    /// ARNs of the target groups that its tasks register with.
    pub target_groups: Vec<String>,
    /// Per cent of production traffic, where ECS shifts it.
    pub weight: Option<f64>,
}

impl ServiceDeployment {
    /// Whether ECS still moves towards what is being deployed.
    #[must_use]
    pub fn is_moving(&self) -> bool {
        matches!(self.status.as_str(), "PENDING" | "IN_PROGRESS")
    }

    /// Whether ECS moves back.
    #[must_use]
    pub fn goes_back(&self) -> bool {
        self.status.starts_with("ROLLBACK") || self.status == "STOP_REQUESTED"
    }
}
