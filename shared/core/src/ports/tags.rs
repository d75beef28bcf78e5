//! Tagged resources, through the Resource Groups Tagging API.

use crate::AwsError;
use crate::model::{Arn, Tagged};
use crate::ports::filters::ResourceKind;

/// Tagged resources, through the Resource Groups Tagging API.
pub trait TaggedResources {
    /// Lists all resources of a kind in this account and region that carry a tag key. Reads all
    /// pages. Source: GetResources.
    ///
    /// # Errors
    /// [`AwsError`] if a page can't be read: a partial list is never returned.
    async fn list_tagged(&self, kind: ResourceKind, tag_key: &str)
    -> Result<Vec<Tagged>, AwsError>;
}

/// The tags of all kinds of resources, to find those that have no effect.
pub trait TagKeys {
    /// Lists all tag keys in this account and region. Reads all pages. Source: GetTagKeys.
    ///
    /// # Errors
    /// [`AwsError`] if a page can't be read.
    async fn list_tag_keys(&self) -> Result<Vec<String>, AwsError>;

    /// Lists the resources of any kind that carry a tag key. Reads all pages. Source: GetResources.
    ///
    /// # Errors
    /// [`AwsError`] if a page can't be read.
    async fn list_with_key(&self, tag_key: &str) -> Result<Vec<Arn>, AwsError>;
}
