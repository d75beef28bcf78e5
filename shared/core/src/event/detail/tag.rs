//! Tag Change on Resource.
//! Source: <https://docs.aws.amazon.com/tag-editor/latest/userguide/monitor-tags.html>

use std::collections::BTreeMap;

use serde::Deserialize;

/// A change of tags on the resource that the event's `resources` name.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct TagChange {
    /// Includes the keys of *removed* tags, which are absent from `tags`.
    #[serde(default)]
    pub changed_tag_keys: Vec<String>,
    #[serde(default)]
    pub service: String,
    #[serde(default)]
    pub resource_type: String,
    /// All current tags of the resource.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}
