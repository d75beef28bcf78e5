//! Target groups and certificates of Elastic Load Balancing.

use std::collections::BTreeMap;

use crate::AwsError;
use crate::model::{Certificate, LoadBalancerTarget, TargetGroup};

/// Target groups and certificates of Elastic Load Balancing.
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

    /// Returns the longest time in seconds for which one of these target groups drains a target; 0 without a group.
    /// Source: DescribeTargetGroupAttributes.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails; a deleted group is no error.
    async fn longest_deregistration(&self, groups: &[String]) -> Result<u64, AwsError>;

    /// Returns the certificates of all listeners of these load balancers, each once. A deleted load balancer has none.
    /// Source: DescribeListeners, DescribeListenerCertificates and ACM's DescribeCertificate.
    ///
    /// # Errors
    /// [`AwsError`] if a call fails.
    async fn list_certificates(
        &self,
        load_balancers: &[String],
    ) -> Result<Vec<Certificate>, AwsError>;
}
