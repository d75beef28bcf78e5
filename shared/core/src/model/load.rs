//! What a service carries: metrics by the minute, and who else scales it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::Arn;

/// One metric by the beginning of each minute. A minute without data is not there.
pub type Series = BTreeMap<Timestamp, f64>;

/// What was measured of one service.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Load {
    /// Requests in a minute, over all target groups; `None` for a service without any.
    pub requests: Option<Series>,
    /// Average CPU utilisation, in per cent of what the tasks reserve.
    pub cpu: Series,
    /// Average memory utilisation, in per cent.
    pub memory: Series,
    /// Tasks that reported. Source: the sample count of CPUUtilization,
    /// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/cloudwatch-metrics.html>
    pub tasks: Series,
    /// Utilisation of the busiest task, where that was asked for.
    pub busiest_cpu: Series,
    pub busiest_memory: Series,
}

/// What went through one target group.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Traffic {
    /// Requests in a minute.
    pub requests: Series,
    /// Of these, answered with a status of 5xx, or by no target at all.
    pub errors: Series,
    /// Of these, answered by a target, whatever the status.
    pub answers: Series,
    /// Seconds that nine of ten requests took at most.
    pub p90: Series,
}

/// Which service, and what its requests are counted by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadQuery {
    pub service: Arn,
    pub target_groups: Vec<TargetGroup>,
    /// Reads the busiest task as well.
    pub busiest: bool,
}

/// A target group and the load balancers it stands behind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct TargetGroup {
    pub arn: String,
    pub load_balancers: Vec<String>,
}

/// A service that Application Auto Scaling may scale.
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
    /// `targetgroup/web/0123456789abcdef`, as CloudWatch's dimension has it.
    #[must_use]
    pub fn dimension(&self) -> &str {
        self.arn.rsplit(':').next().unwrap_or_default()
    }

    /// `app/shop/0123456789abcdef` of each application load balancer; others count no requests.
    pub fn balancer_dimensions(&self) -> impl Iterator<Item = &str> {
        let names = self
            .load_balancers
            .iter()
            .filter_map(|arn| arn.split_once(":loadbalancer/").map(|(_, name)| name));
        names.filter(|name| name.starts_with("app/"))
    }
}
