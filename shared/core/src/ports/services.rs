//! ECS services, their deployments and task definitions.

use jiff::Timestamp;

use crate::AwsError;
use crate::model::{Arn, Service, ServiceDeployment, TaskDefinition};

/// ECS services, their deployments and task definitions.
pub trait Services {
    /// Returns the services with these ARNs, without those that do not exist. Source:
    /// DescribeServices.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn describe_services(&self, arns: &[Arn]) -> Result<Vec<Service>, AwsError>;

    /// Returns the event messages of a service since a time, newest first, without repetitions.
    /// ECS keeps the last hundred. Source: DescribeServices.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn service_events(
        &self,
        service: &Arn,
        since: Timestamp,
    ) -> Result<Vec<String>, AwsError>;

    /// Returns the newest unfinished deployment of a service. Sources: ListServiceDeployments,
    /// DescribeServiceDeployments, DescribeServiceRevisions.
    ///
    /// # Errors
    /// [`AwsError`] if a call fails.
    async fn find_active_deployment(
        &self,
        service: &Arn,
    ) -> Result<Option<ServiceDeployment>, AwsError>;

    /// Returns a service deployment by its ARN, or `None` if ECS does not know it.
    /// Sources: DescribeServiceDeployments, DescribeServiceRevisions.
    ///
    /// # Errors
    /// [`AwsError`] if a call fails.
    async fn describe_service_deployment(
        &self,
        arn: &str,
    ) -> Result<Option<ServiceDeployment>, AwsError>;

    /// Returns a task definition by its ARN. Source: DescribeTaskDefinition.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn describe_task_definition(&self, arn: &str) -> Result<TaskDefinition, AwsError>;

    /// Reports whether a revision exists and is ACTIVE. Source: DescribeTaskDefinition.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails; a missing revision is no error.
    async fn is_revision_active(&self, revision: &str) -> Result<bool, AwsError>;

    /// Returns the newest ACTIVE revision of a family. Source: DescribeTaskDefinition.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn newest_revision(&self, family: &str) -> Result<TaskDefinition, AwsError>;
}
