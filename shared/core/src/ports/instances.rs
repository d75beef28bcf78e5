//! Container instances and their Auto Scaling groups.

use crate::AwsError;
use crate::model::{Arn, ContainerInstance};

/// Container instances and their Auto Scaling groups.
pub trait Instances {
    /// Returns the container instances with these ARNs, without those that do not exist.
    /// All of them must belong to one cluster. Source: DescribeContainerInstances.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn describe_instances(&self, arns: &[Arn]) -> Result<Vec<ContainerInstance>, AwsError>;

    /// Returns the name of the Auto Scaling group of an EC2 instance, or `None` if it has none.
    /// Source: DescribeAutoScalingInstances.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn find_auto_scaling_group(&self, ec2: &str) -> Result<Option<String>, AwsError>;

    /// Lists the active container instances of a cluster whose agent is disconnected. Reads all
    /// pages. If several are disconnected, the number beside the list counts all active instances
    /// of the cluster; otherwise it counts the disconnected ones. Source: ListContainerInstances.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn disconnected_instances(&self, cluster: &str) -> Result<(Vec<Arn>, usize), AwsError>;
}
