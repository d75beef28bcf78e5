//! Images in ECR.

use crate::AwsError;
use crate::model::{Digest, Image, ImageScan, ImageTag, Repository};

/// Images in ECR.
pub trait Images {
    /// Reports whether a repository still has an image. Source: BatchGetImage.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails, or if the repository does not exist.
    async fn has_image(&self, repository: &Repository, digest: &Digest) -> Result<bool, AwsError>;

    /// Returns the image behind a tag, or `None` if the repository has no such tag.
    /// Source: BatchGetImage.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails, or if the repository does not exist.
    async fn find_image(
        &self,
        repository: &Repository,
        tag: &str,
    ) -> Result<Option<Image>, AwsError>;

    /// Lists all tags of a repository. Reads all pages. Source: DescribeImages.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn image_tags(&self, repository: &Repository) -> Result<Vec<ImageTag>, AwsError>;

    /// Returns the result of an image scan. Source: DescribeImageScanFindings.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails; an image that was never scanned is no error.
    async fn image_scan(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<ImageScan, AwsError>;
}
