//! The archive policy of one log group, from its tags and the stack defaults.

use std::collections::BTreeMap;

use lamplighter::policy::{LogsPolicy, StackDefaults, TagError};

/// Archive policy of one log group.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    pub logs: LogsPolicy,
    /// Bucket that receives the exports.
    pub bucket: String,
    /// Days to keep exports if the tag doesn't say.
    pub default_keep: u32,
}

impl Policy {
    /// Parses the logs tag; `None` if the log group doesn't have it.
    ///
    /// # Errors
    /// [`TagError`] if the tag is invalid.
    pub(crate) fn from_tags(
        tags: &BTreeMap<String, String>,
        defaults: &StackDefaults,
    ) -> Result<Option<Self>, TagError> {
        Ok(LogsPolicy::from_tags(tags)?.map(|logs| Self {
            logs,
            bucket: defaults.log_bucket.clone(),
            default_keep: defaults.retention_days,
        }))
    }
}
