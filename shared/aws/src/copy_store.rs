//! The copies in the vault, over the real AWS.

use aws_sdk_rds::Client;
use aws_sdk_rds::types::Tag;
use jiff::Timestamp;
use lamplighter::AwsError;
use lamplighter::model::tag_keys::EXPIRED;
use lamplighter::model::{Arn, Snapshot};
use lamplighter::plan::DeleteSnapshot;
use lamplighter::ports::{SnapshotFilter, StoredCopies};

use crate::Config;
use crate::error::aws_error;
use crate::rds;

/// The copies in the account of the vault, where this runs.
#[derive(Debug)]
pub struct CopyStore {
    rds: Client,
}

impl CopyStore {
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self::from_client(Client::new(config))
    }

    /// Uses a prebuilt client, for tests of single calls.
    #[must_use]
    pub fn from_client(rds: Client) -> Self {
        Self { rds }
    }
}

impl StoredCopies for CopyStore {
    async fn list_copies(&self) -> Result<Vec<Snapshot>, AwsError> {
        rds::snapshot_listing::list_snapshots(&self.rds, SnapshotFilter::All).await
    }

    async fn is_copy_shared(&self, copy: &Arn) -> Result<bool, AwsError> {
        rds::sharing::is_shared(&self.rds, copy, "").await
    }

    async fn mark_expired(&self, copy: &Arn, at: Timestamp) -> Result<(), AwsError> {
        let mark = Tag::builder().key(EXPIRED).value(at.to_string()).build();
        let request = self.rds.add_tags_to_resource().resource_name(copy.as_str());
        let answer = request.tags(mark).send().await;
        answer
            .map(drop)
            .map_err(|e| aws_error("AddTagsToResource", &copy.display_name(), &e))
    }

    async fn clear_mark(&self, copy: &Arn) -> Result<(), AwsError> {
        let request = self
            .rds
            .remove_tags_from_resource()
            .resource_name(copy.as_str());
        let answer = request.tag_keys(EXPIRED).send().await;
        answer
            .map(drop)
            .map_err(|e| aws_error("RemoveTagsFromResource", &copy.display_name(), &e))
    }

    async fn delete_copy(&self, copy: &Arn) -> Result<(), AwsError> {
        let expired = DeleteSnapshot {
            snapshot: copy.clone(),
        };
        rds::snapshots::delete_snapshot(&self.rds, &expired)
            .await
            .map(drop)
    }
}
