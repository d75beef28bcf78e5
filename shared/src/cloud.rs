//! The port to AWS: what is read, and the one way anything is changed.
//!
//! Two implementations exist: `aws/` and the simulated world of the end-to-end package.

use crate::AwsError;
use crate::model::{Arn, Digest, Image, Repository, Scan, Service, TagInRepository, Tagged, TaskDefinition};
use crate::plan::Action;

/// AWS, as operations see it. Every read asks AWS now, except for task definitions named by revision,
/// which never change.
pub trait Cloud {
    /// All ECS services in this account and region that carry a tag key, all pages.
    /// Source: GetResources.
    ///
    /// # Errors
    /// [`AwsError`] where a page can't be read: a part of the list is never taken for the whole.
    async fn tagged_services(&self, tag_key: &str) -> Result<Vec<Tagged>, AwsError>;

    /// The services with these ARNs; those that do not exist are left out. Source: DescribeServices.
    ///
    /// # Errors
    /// [`AwsError`] as AWS gives it.
    async fn services(&self, arns: &[Arn]) -> Result<Vec<Service>, AwsError>;

    /// A task definition by its ARN. Source: DescribeTaskDefinition.
    ///
    /// # Errors
    /// [`AwsError`] as AWS gives it.
    async fn task_definition(&self, arn: &str) -> Result<TaskDefinition, AwsError>;

    /// The newest ACTIVE revision of a family. Source: DescribeTaskDefinition.
    ///
    /// # Errors
    /// [`AwsError`] as AWS gives it.
    async fn newest_task_definition(&self, family: &str) -> Result<TaskDefinition, AwsError>;

    /// What a tag points at now, `None` where the repository has no such tag. Source: BatchGetImage.
    ///
    /// # Errors
    /// [`AwsError`] as AWS gives it, a missing repository included.
    async fn image(&self, repository: &Repository, tag: &str) -> Result<Option<Image>, AwsError>;

    /// All tags of a repository, all pages. Source: DescribeImages.
    ///
    /// # Errors
    /// [`AwsError`] as AWS gives it.
    async fn tags(&self, repository: &Repository) -> Result<Vec<TagInRepository>, AwsError>;

    /// The result of an image's scan. Source: DescribeImageScanFindings.
    ///
    /// # Errors
    /// [`AwsError`] as AWS gives it; an image that was never scanned is no error.
    async fn scan(&self, repository: &Repository, digest: &Digest) -> Result<Scan, AwsError>;

    /// Carries out one action and says what AWS answered.
    ///
    /// # Errors
    /// [`AwsError`] where it failed or its end is not known.
    async fn perform(&self, action: &Action) -> Result<String, AwsError>;
}
