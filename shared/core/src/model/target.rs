use serde::Serialize;

/// A load balancer target and its health state. Source: DescribeTargetHealth.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LoadBalancerTarget {
    /// ARN of the target group.
    pub group: String,
    /// IP address, or the identifier of an EC2 instance.
    pub id: String,
    pub port: i32,
    /// `healthy`, `unhealthy`, `initial`, `draining`, `unused`, …
    pub state: String,
    /// Reason code (`Target.Timeout`, …), and the description of it. Both are empty if healthy.
    pub reason: String,
    pub description: String,
}

impl LoadBalancerTarget {
    #[must_use]
    pub fn is_unhealthy(&self) -> bool {
        self.state == "unhealthy"
    }
}
