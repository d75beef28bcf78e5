//! Target groups of Elastic Load Balancing.

use std::collections::BTreeMap;

use crate::AwsError;
use crate::model::{LoadBalancerTarget, TargetGroup};

/// Target groups of Elastic Load Balancing.
pub trait LoadBalancing {
    /// Returns those of these target groups that exist, by ARN. Source: DescribeTargetGroups.
    ///
    /// The target groups of a load balancer are cached for as long as the function lives.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn describe_target_groups(
        &self,
        arns: &[String],
    ) -> Result<BTreeMap<String, TargetGroup>, AwsError>;

    /// Returns the targets of these target groups with their health. A deleted group has none.
    /// Source: DescribeTargetHealth.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn describe_target_health(
        &self,
        groups: &[String],
    ) -> Result<Vec<LoadBalancerTarget>, AwsError>;
}
