//! The drill policy of one database, from its tags and the stack defaults.

use std::collections::BTreeMap;

use lamplighter::policy::{BackupPolicy, StackDefaults, TagError};

/// Drill policy of one database.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// `None`: starts no drill, and deletes the temporary resources of an earlier one.
    pub backup: Option<BackupPolicy>,
    /// Security group of the temporary database; may be empty.
    pub group: String,
    /// Name of the stack that owns the temporary database.
    pub stack: String,
    pub checks: CheckSettings,
}

/// Network settings of the tasks that check a restored database.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CheckSettings {
    /// ECS cluster for check tasks. If empty, no check runs.
    pub cluster: String,
    /// Subnets for check tasks. If empty, those of the database are used.
    pub subnets: Vec<String>,
    pub group: String,
}

impl Policy {
    /// Parses the backup tag. A database without the tag has a policy too: to clean up.
    ///
    /// # Errors
    /// [`TagError`] if the tag is invalid.
    pub(crate) fn from_tags(
        tags: &BTreeMap<String, String>,
        defaults: &StackDefaults,
    ) -> Result<Self, TagError> {
        let backup = BackupPolicy::from_tags(tags, defaults)?;
        let own_group = backup
            .as_ref()
            .and_then(|backup| backup.drill_group.clone());
        Ok(Self {
            backup,
            group: own_group.unwrap_or_else(|| defaults.drill_group.clone()),
            ..Self::cleanup_only(defaults)
        })
    }

    /// Returns the policy that only deletes the temporary resources of an earlier drill.
    pub(crate) fn cleanup_only(defaults: &StackDefaults) -> Self {
        Self {
            backup: None,
            group: String::new(),
            stack: defaults.stack.clone(),
            checks: CheckSettings::from_defaults(defaults),
        }
    }

    /// Returns the task definition of the check, if one is configured and the stack has a cluster
    /// for it.
    pub(crate) fn check_task(&self) -> Option<&str> {
        let check_task = self.backup.as_ref()?.check_task.as_deref()?;
        (!self.checks.cluster.is_empty()).then_some(check_task)
    }

    /// Returns the class that the tag asks for.
    pub(crate) fn drill_class(&self) -> Option<&str> {
        self.backup.as_ref()?.drill_class.as_deref()
    }

    /// Reports whether a check is configured and the stack has no cluster for it.
    pub(crate) fn lacks_check_cluster(&self) -> bool {
        let has_check = self
            .backup
            .as_ref()
            .is_some_and(|backup| backup.check_task.is_some());
        has_check && self.checks.cluster.is_empty()
    }
}

impl CheckSettings {
    fn from_defaults(defaults: &StackDefaults) -> Self {
        let subnets = defaults
            .check_subnets
            .split(',')
            .filter(|subnet| !subnet.is_empty())
            .map(str::to_owned);
        Self {
            cluster: defaults.check_cluster.clone(),
            subnets: subnets.collect(),
            group: defaults.check_group.clone(),
        }
    }
}
