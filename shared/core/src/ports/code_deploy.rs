//! Deployments of CodeDeploy.

use crate::AwsError;
use crate::model::{CodeDeployTarget, CodeDeployment};

/// Deployments of CodeDeploy.
pub trait CodeDeployments {
    /// Returns a CodeDeploy deployment, or `None` if CodeDeploy does not know it. Source:
    /// GetDeployment.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn describe_code_deployment(&self, id: &str) -> Result<Option<CodeDeployment>, AwsError>;

    /// Returns the services that a deployment group deploys, as `cluster/name`; `None` if there is no such group. Source:
    /// GetDeploymentGroup.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn list_group_services(
        &self,
        application: &str,
        group: &str,
    ) -> Result<Option<Vec<String>>, AwsError>;

    /// Returns the service of a CodeDeploy deployment and the state of that deployment.
    /// Sources: ListDeploymentTargets, GetDeploymentTarget.
    ///
    /// # Errors
    /// [`AwsError`] if a call fails.
    async fn find_code_deploy_target(&self, id: &str)
    -> Result<Option<CodeDeployTarget>, AwsError>;
}
