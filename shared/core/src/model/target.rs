use serde::Serialize;

/// A target of a load balancer, as its health checks see it. Source: DescribeTargetHealth.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Target {
    /// The ARN of the target group.
    pub group: String,
    /// An address, or the identifier of an EC2 instance.
    pub id: String,
    pub port: i32,
    /// `healthy`, `unhealthy`, `initial`, `draining`, `unused`, …
    pub state: String,
    /// `Target.Timeout`, …, and in words; both empty where it is healthy.
    pub reason: String,
    pub description: String,
}

impl Target {
    #[must_use]
    pub fn is_unhealthy(&self) -> bool {
        self.state == "unhealthy"
    }
}
