//! Tag Change on Resource.
//! Source: <https://docs.aws.amazon.com/tag-editor/latest/userguide/monitor-tags.html>

use std::collections::BTreeMap;

use serde::Deserialize;

/// Tags were added, changed or removed on the resource named in the event's `resources`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct TagChange {
    /// Also names keys that were *removed*: then they are not in `tags`.
    #[serde(default)]
    pub changed_tag_keys: Vec<String>,
    #[serde(default)]
    pub service: String,
    #[serde(default)]
    pub resource_type: String,
    /// All tags the resource has now.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}
