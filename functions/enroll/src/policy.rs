//! The monitoring policy of one target.

use std::collections::BTreeMap;

use lamplighter::policy::{self, BackupPolicy, Managed, ScalePolicy, StackDefaults, TagError};

/// The monitoring policy of one target, parsed from its tags and the stack defaults.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    pub managed: Managed,
    pub scale: Option<ScalePolicy>,
    pub backup: Option<BackupPolicy>,
    /// Average CPU utilization that counts as a peak, in percent.
    pub cpu_peak: u32,
    /// The stack that owns the created alarms and dashboards.
    pub stack: String,
}

impl Policy {
    /// Parses the tags of a target. An invalid schedule is reported at once, not only when the
    /// service is scaled.
    ///
    /// # Errors
    /// [`TagError`] if a tag is invalid.
    pub fn from_tags(
        tags: &BTreeMap<String, String>,
        defaults: &StackDefaults,
    ) -> Result<Self, TagError> {
        policy::parse_scaling_schedule(tags)?;
        Ok(Self {
            managed: policy::parse_managed(tags)?,
            scale: ScalePolicy::from_tags(tags, defaults)?,
            backup: BackupPolicy::from_tags(tags, defaults)?,
            cpu_peak: defaults.cpu_peak,
            stack: defaults.stack.clone(),
        })
    }

    /// Returns the policy of a target that is no longer managed: it only deletes what the stack
    /// created.
    #[must_use]
    pub fn for_cleanup(defaults: &StackDefaults) -> Self {
        Self {
            managed: Managed::No,
            scale: None,
            backup: None,
            cpu_peak: defaults.cpu_peak,
            stack: defaults.stack.clone(),
        }
    }
}
