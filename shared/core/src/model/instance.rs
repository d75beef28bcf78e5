use std::collections::BTreeMap;

use serde::Serialize;

use super::Arn;

/// A container instance (EC2) of a cluster. Source: DescribeContainerInstances.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ContainerInstance {
    pub arn: Arn,
    /// `i-…`
    pub ec2: String,
    /// `ACTIVE`, `DRAINING`, …
    pub status: String,
    /// True if the ECS agent is connected. The agent disconnects briefly several times an hour in
    /// normal operation.
    pub agent_connected: bool,
    pub tags: BTreeMap<String, String>,
}
