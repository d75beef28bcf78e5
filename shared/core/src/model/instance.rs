use std::collections::BTreeMap;

use serde::Serialize;

use super::Arn;

/// An EC2 instance of a cluster. Source: DescribeContainerInstances.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ContainerInstance {
    pub arn: Arn,
    /// `i-…`
    pub ec2: String,
    /// `ACTIVE`, `DRAINING`, …
    pub status: String,
    /// ECS hears of it. Several times an hour it does not for a moment, as part of its normal life.
    pub agent_connected: bool,
    pub tags: BTreeMap<String, String>,
}
