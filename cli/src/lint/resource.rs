//! Resources with their tags, whatever they were read from.

use std::collections::{BTreeMap, BTreeSet};

use lamplighter::model::Arn;
use lamplighter::policy::{self, APP, PREFIX};
use serde_json::{Map, Value};

/// A resource with its tags of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Its address or logical ID.
    pub name: String,
    /// An ARN of its kind.
    pub arn: Arn,
    /// Lamplighter knows resources of this kind.
    pub is_known: bool,
    pub tags: BTreeMap<String, String>,
    /// The keys of tags whose values are known at deployment.
    pub unknown: Vec<String>,
    /// The keys of tags that all resources of a provider get.
    pub inherited: BTreeSet<String>,
}

/// A tag; `None` for a value that is known at deployment.
pub type ReadTag = (String, Option<String>);

/// Reads tags of either form: an object by key, or a list of keys and values. `None` if it is neither. Both branches of a
/// condition count.
pub fn read_tags(tags: &Value) -> Option<Vec<ReadTag>> {
    if let Some(branches) = find_branches(tags) {
        return Some(branches.iter().filter_map(read_tags).flatten().collect());
    }
    if let Some(map) = tags.as_object() {
        let pairs = map.iter();
        return Some(
            pairs
                .map(|(key, value)| (key.clone(), read_scalar(value)))
                .collect(),
        );
    }
    let items = tags.as_array()?.iter();
    Some(items.flat_map(read_item).collect())
}

/// Reads an item of a list of tags.
fn read_item(item: &Value) -> Vec<ReadTag> {
    if let Some(branches) = find_branches(item) {
        return branches.iter().flat_map(read_item).collect();
    }
    let key = item.get("Key").or_else(|| item.get("key"));
    let value = item.get("Value").or_else(|| item.get("value"));
    let tag = key.and_then(Value::as_str).zip(value);
    let tag = tag.map(|(key, value)| (key.to_owned(), read_scalar(value)));
    tag.into_iter().collect()
}

/// Returns both branches of a condition of CloudFormation.
fn find_branches(value: &Value) -> Option<&[Value]> {
    let condition = ["Fn::If", "!If"]
        .into_iter()
        .find_map(|name| value.get(name))?;
    condition.as_array()?.get(1..)
}

/// Returns a scalar as AWS stores it: a tag is a text.
fn read_scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Object(function) => read_substitution(function),
        Value::Null | Value::Array(_) => None,
    }
}

/// Returns the text of a substitution without variables.
fn read_substitution(function: &Map<String, Value>) -> Option<String> {
    let text = ["Fn::Sub", "!Sub"]
        .into_iter()
        .find_map(|name| function.get(name));
    let text = text?.as_str().filter(|text| !text.contains("${"))?;
    Some(text.to_owned())
}

/// Builds a resource with those of its tags that are ours, or nearly so.
pub fn build_resource(name: &str, arn: Option<Arn>, tags: Vec<ReadTag>) -> Resource {
    let is_known = arn.is_some();
    let mut resource = Resource {
        name: name.to_owned(),
        arn: arn.unwrap_or_default(),
        is_known,
        tags: BTreeMap::new(),
        unknown: Vec::new(),
        inherited: BTreeSet::new(),
    };
    for (key, value) in tags {
        if !key.starts_with(PREFIX) && policy::find_meant_key(&key).is_none() {
            continue;
        }
        match value {
            Some(value) => {
                resource.tags.insert(key, value);
            }
            // Any name of an application is valid.
            None if key == APP => {}
            None => resource.unknown.push(key),
        }
    }
    resource
}
