//! The backup policy of one database, from its tags and the stack defaults.

use std::collections::{BTreeMap, BTreeSet};

use lamplighter::model::{Arn, Database};
use lamplighter::policy::{BackupPolicy, StackDefaults, TagError};
use lamplighter::state::PolicyUse;

use crate::rotate::RotationRules;

/// Backup policy of one database.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    pub backup: BackupPolicy,
    /// Name of the stack that owns the snapshots.
    pub stack: String,
    /// Whether the stack has a vault: another account for copies.
    pub has_vault: bool,
}

impl Policy {
    /// Parses the backup tag; `None` if the database doesn't have it.
    ///
    /// # Errors
    /// [`TagError`] if the tag is invalid.
    pub(crate) fn from_tags(
        tags: &BTreeMap<String, String>,
        defaults: &StackDefaults,
    ) -> Result<Option<Self>, TagError> {
        let backup = BackupPolicy::from_tags(tags, defaults)?;
        Ok(backup.map(|backup| Self {
            backup,
            stack: defaults.stack.clone(),
            has_vault: !defaults.vault_role.is_empty(),
        }))
    }

    /// Returns the rotation rules for the snapshots of one database.
    pub(crate) fn rotation_rules<'a>(
        &'a self,
        database: &'a Database,
        policies: &'a [PolicyUse],
        in_use: &'a BTreeSet<Arn>,
    ) -> RotationRules<'a> {
        RotationRules {
            stack: &self.stack,
            database,
            keep: &self.backup.keep,
            policies,
            zone: &self.backup.zone,
            in_use,
        }
    }
}
