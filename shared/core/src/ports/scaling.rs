//! Scalable targets of Application Auto Scaling.

use crate::AwsError;
use crate::model::{Arn, ScalableTarget};

/// Scalable targets of Application Auto Scaling.
pub trait Scaling {
    /// Returns the scalable targets in Application Auto Scaling of these services.
    /// Source: DescribeScalableTargets.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn describe_scalable_targets(
        &self,
        services: &[Arn],
    ) -> Result<Vec<ScalableTarget>, AwsError>;
}
