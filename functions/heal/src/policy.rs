//! The healing policy of one target.

use std::collections::BTreeMap;

use lamplighter::policy::{
    HealMode, HealPolicy, OnCrashLoop, ScalePolicy, StackDefaults, TagError,
};

/// The heal policy of one service, parsed from its tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    pub heal: HealPolicy,
    /// The minimum number of tasks, from the scale policy; 1 without one.
    pub min_tasks: u32,
}

impl Policy {
    /// Parses the heal tag, and the minimum number of tasks from the scale tag.
    ///
    /// # Errors
    /// [`TagError`] if the heal tag is invalid.
    pub fn from_tags(
        tags: &BTreeMap<String, String>,
        defaults: &StackDefaults,
    ) -> Result<Self, TagError> {
        // `scale` reports invalid bounds, so they are ignored here.
        let min_tasks = ScalePolicy::from_tags(tags, defaults)
            .ok()
            .flatten()
            .map_or(1, |scale| scale.min);
        Ok(Self {
            heal: HealPolicy::from_tags(tags)?,
            min_tasks,
        })
    }

    /// Returns the policy of a target that is no longer managed: no healing, only cleanup.
    #[must_use]
    pub fn for_cleanup() -> Self {
        Self {
            heal: HealPolicy {
                mode: HealMode::Off,
                steps: 0,
                memory: None,
                crash: OnCrashLoop::Retry,
                spot_fallback: false,
            },
            min_tasks: 1,
        }
    }
}
