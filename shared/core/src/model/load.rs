//! Load of a service: metrics at one-minute resolution, and its Application Auto Scaling settings.

use serde::Serialize;

use super::{Arn, QueueLoad, Series};

/// Measured load of one service.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Load {
    /// Requests per minute over all target groups; `None` if the service has no target group.
    pub requests: Option<Series>,
    /// Requests per minute that each target of the target groups got on average, summed over them.
    /// Source: RequestCountPerTarget,
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html>
    pub requests_per_target: Series,
    /// Average CPU utilization, in percent of the tasks' reservation.
    pub cpu: Series,
    /// Average memory utilization, in percent.
    pub memory: Series,
    /// Number of values that the tasks reported: one each in a minute, or three with 20-second metrics. Source: the sample count of CPUUtilization,
    /// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/cloudwatch-metrics.html>
    pub tasks: Series,
    /// Utilization of the busiest task; empty unless the query asked for it.
    pub busiest_cpu: Series,
    pub busiest_memory: Series,
    /// The queue that the service works through.
    pub queue: Option<QueueLoad>,
}

/// Traffic through one target group.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Traffic {
    /// Requests per minute.
    pub requests: Series,
    /// Requests that were answered with a 5xx status or reached no target.
    pub errors: Series,
    /// Requests that a target answered, whatever the status.
    pub answers: Series,
    /// 90th percentile of the response time, in seconds.
    pub p90: Series,
}

/// A query for the load of one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadQuery {
    pub service: Arn,
    pub target_groups: Vec<TargetGroup>,
    /// True to read the busiest task as well.
    pub busiest: bool,
    /// Name of the queue that the service works through.
    pub queue: Option<String>,
}

/// A target group and its load balancers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct TargetGroup {
    pub arn: String,
    pub load_balancers: Vec<String>,
    pub health_check: TargetHealthCheck,
}

/// The health check of a target group. Source: DescribeTargetGroups.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct TargetHealthCheck {
    /// The path that is requested; empty for TCP.
    pub path: String,
    /// The expected HTTP or gRPC codes: `200` or `200-299`; empty for TCP.
    pub matcher: String,
    /// Seconds between two checks of one target.
    pub interval: i32,
}

/// A service that is registered with Application Auto Scaling as a scalable target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScalableTarget {
    pub service: Arn,
    pub min: u32,
    pub max: u32,
    pub scaling_in_suspended: bool,
    pub scaling_out_suspended: bool,
    pub scheduled_scaling_suspended: bool,
}

impl TargetGroup {
    /// Returns the value of CloudWatch's `TargetGroup` dimension:
    /// `targetgroup/web/0123456789abcdef`.
    #[must_use]
    pub fn metric_dimension(&self) -> &str {
        self.arn.rsplit(':').next().unwrap_or_default()
    }

    /// Returns `app/shop/0123456789abcdef` for each Application Load Balancer. Other types count no
    /// requests.
    pub fn load_balancer_dimensions(&self) -> impl Iterator<Item = &str> {
        self.all_load_balancers()
            .filter(|name| name.starts_with("app/"))
    }

    /// Returns `net/shop/0123456789abcdef` for each Network Load Balancer.
    pub fn network_load_balancers(&self) -> impl Iterator<Item = &str> {
        self.all_load_balancers()
            .filter(|name| name.starts_with("net/"))
    }

    fn all_load_balancers(&self) -> impl Iterator<Item = &str> {
        self.load_balancers
            .iter()
            .filter_map(|arn| arn.split_once(":loadbalancer/").map(|(_, name)| name))
    }
}
