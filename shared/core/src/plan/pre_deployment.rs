//! Tasks that run with a new image before a service changes, such as database migrations.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{Arn, Digest};

/// Registers a revision of a family with a new image, and runs one task of it in the network of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunPreDeploymentTask {
    pub service: Arn,
    pub family: String,
    /// The ARN of the revision from which everything but the images is copied.
    pub base: String,
    /// The image as `repository:tag@digest`, by container name.
    pub images: BTreeMap<String, String>,
    /// The ARN of a revision that an interrupted attempt already registered.
    pub registered: Option<String>,
    /// Tags of the new revision, in addition to those of the base.
    pub revision_tags: BTreeMap<String, String>,
    /// Tags of the task.
    pub task_tags: BTreeMap<String, String>,
    /// The client token and `startedBy` of the task: AWS starts only one task for it.
    pub token: String,
    /// The number of the attempt, from 1.
    pub attempt: u32,
    pub tag: String,
    pub digest: Digest,
    /// The commit that the image was built from, if its manifest names one.
    #[serde(default)]
    pub commit: Option<String>,
    /// The time at which the image was pushed, if it is known.
    #[serde(default)]
    pub pushed_at: Option<Timestamp>,
    /// The time since which snapshots count as taken before it.
    pub snapshots_since: Timestamp,
    /// The first rollout of the service follows it, and nobody pushed or requested that.
    #[serde(default)]
    pub is_adoption: bool,
}

/// Stops a pre-deployment task that ran for too long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopPreDeploymentTask {
    pub service: Arn,
    pub family: String,
    /// The ARN of the task.
    pub task: String,
    pub digest: Digest,
}
