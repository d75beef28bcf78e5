//! What a service runs.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{Digest, Service};
use crate::policy::{ScalePolicy, StackDefaults};
use crate::state::TargetState;

/// The version that a service runs or moves to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunningVersion {
    /// The tag of its image, if Lamplighter released or adopted the revision.
    pub tag: Option<String>,
    pub digest: Option<Digest>,
    /// Family and number: `shop-web:42`.
    pub revision: String,
}

/// The number of tasks of a service, and its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskCounts {
    pub running: i32,
    pub desired: i32,
    /// The least and most tasks by the tag `lamplighter:scale`.
    pub bounds: Option<(u32, u32)>,
    /// The time since which Lamplighter has stopped the service, because nothing is to do.
    pub stopped_since: Option<Timestamp>,
}

impl RunningVersion {
    pub(super) fn of_service(service: &Service, state: &TargetState) -> Self {
        let releases = &state.releases;
        let arn = &service.task_definition;
        let verified = releases
            .verified
            .iter()
            .rev()
            .find(|verified| verified.revision == *arn)
            .map(|verified| (verified.tag.clone(), Some(verified.digest.clone())));
        let active = releases
            .active_rollout
            .as_ref()
            .filter(|active| active.base != *arn)
            .map(|active| (active.tag.clone(), Some(active.digest.clone())));
        let adopted = releases
            .adopted
            .as_ref()
            .filter(|adopted| adopted.revision == *arn)
            .map(|adopted| (adopted.version.clone(), adopted.digest.clone()));
        let (tag, digest) = verified.or(active).or(adopted).unzip();
        Self {
            tag,
            digest: digest.flatten(),
            revision: arn.rsplit('/').next().unwrap_or_default().to_owned(),
        }
    }

    /// Returns the tag, or the revision if no tag is known.
    #[must_use]
    pub fn label(&self) -> &str {
        self.tag.as_deref().unwrap_or(&self.revision)
    }
}

impl TaskCounts {
    pub(super) fn of_service(
        service: &Service,
        tags: &BTreeMap<String, String>,
        defaults: &StackDefaults,
        state: &TargetState,
    ) -> Self {
        let scale = ScalePolicy::from_tags(tags, defaults);
        Self {
            running: service.running_count,
            desired: service.desired_count,
            bounds: scale.ok().flatten().map(|scale| (scale.min, scale.max)),
            stopped_since: state
                .scaling
                .stopped_since
                .filter(|_| service.desired_count == 0),
        }
    }
}
