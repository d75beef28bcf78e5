//! Tagged resources, through the Resource Groups Tagging API.

use crate::AwsError;
use crate::model::Tagged;
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
