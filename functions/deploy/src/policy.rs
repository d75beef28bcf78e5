//! The tag policy of `deploy`.

use std::collections::BTreeMap;

use lamplighter::policy::{self, DeployPolicy, LifecycleHook, StackDefaults, TagError, TimeWindow};

/// The parsed tag policy of one service.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    pub deploy: DeployPolicy,
    pub freezes: Vec<TimeWindow>,
    /// The stack that owns the snapshots.
    pub stack: String,
    /// The lifecycle hook that deployments with traffic shifting call.
    pub hook: Option<LifecycleHook>,
}

impl Policy {
    /// Parses the tags of a service; `None` if `lamplighter:deploy` is missing.
    pub(crate) fn parse(
        tags: &BTreeMap<String, String>,
        defaults: &StackDefaults,
    ) -> Result<Option<Self>, TagError> {
        let Some(deploy) = DeployPolicy::from_tags(tags)? else {
            return Ok(None);
        };
        Ok(Some(Self {
            deploy,
            freezes: policy::parse_freezes(tags)?,
            stack: defaults.stack.clone(),
            hook: defaults.hook.clone(),
        }))
    }
}
