//! The monitoring policy of one target.

use std::collections::BTreeMap;

use lamplighter::policy::{
    self, AlarmPolicy, BackupPolicy, Managed, ScalePolicy, StackDefaults, TagError,
};

/// The monitoring policy of one target, parsed from its tags and the stack defaults.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    pub managed: Managed,
    /// The first mistake in the other tags. The alarms then stay as they are, and are still reported.
    pub invalid: Option<TagError>,
    pub scale: Option<ScalePolicy>,
    pub backup: Option<BackupPolicy>,
    pub alarms: AlarmPolicy,
    /// Average CPU utilization that counts as a peak, in percent.
    pub cpu_peak: u32,
    /// The stack that owns the created alarms and dashboards.
    pub stack: String,
    /// The defaults that members of an application inherit.
    pub defaults: StackDefaults,
}

impl Policy {
    /// Parses the tags of a target. An invalid schedule is reported at once, not only when the
    /// service is scaled.
    ///
    /// # Errors
    /// [`TagError`] if the tag that manages the target is invalid.
    pub fn from_tags(
        tags: &BTreeMap<String, String>,
        defaults: &StackDefaults,
    ) -> Result<Self, TagError> {
        let managed = policy::parse_managed(tags)?;
        match Self::parse_settings(managed, tags, defaults) {
            Ok(policy) => Ok(policy),
            Err(mistake) => Ok(Self {
                managed,
                invalid: Some(mistake),
                ..Self::for_cleanup(defaults)
            }),
        }
    }

    fn parse_settings(
        managed: Managed,
        tags: &BTreeMap<String, String>,
        defaults: &StackDefaults,
    ) -> Result<Self, TagError> {
        policy::parse_scaling_schedule(tags)?;
        Ok(Self {
            managed,
            invalid: None,
            scale: ScalePolicy::from_tags(tags, defaults)?,
            backup: BackupPolicy::from_tags(tags, defaults)?,
            alarms: AlarmPolicy::from_tags(tags, defaults)?,
            cpu_peak: defaults.cpu_peak,
            stack: defaults.stack.clone(),
            defaults: defaults.clone(),
        })
    }

    /// Returns the policy of a target that is no longer managed: it only deletes what the stack
    /// created.
    #[must_use]
    pub fn for_cleanup(defaults: &StackDefaults) -> Self {
        Self {
            managed: Managed::No,
            invalid: None,
            scale: None,
            backup: None,
            alarms: AlarmPolicy::default(),
            cpu_peak: defaults.cpu_peak,
            stack: defaults.stack.clone(),
            defaults: defaults.clone(),
        }
    }

    /// Returns the policy of a member of the application, or the defaults if one of its tags is invalid.
    #[must_use]
    pub fn of_member(&self, tags: &BTreeMap<String, String>) -> Self {
        Self::from_tags(tags, &self.defaults).unwrap_or_else(|_| Self::for_cleanup(&self.defaults))
    }
}
