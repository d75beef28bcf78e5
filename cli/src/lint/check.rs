//! The mistakes in the tags of a resource.

use std::collections::BTreeMap;

use lamplighter::model::Arn;
use lamplighter::policy::{self, MANAGED, PREFIX, StackDefaults, StrayMistake, is_general_tag};

use super::resource::Resource;

/// The longest value of a tag.
/// Source: <https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html>
const MAX_CHARS: usize = 256;
/// The characters of tags besides letters, digits and spaces that every service accepts.
const PUNCTUATION: &str = "_.:/=+-@";

/// Lists the mistakes in the tags of a resource, each as a sentence.
pub fn find_mistakes(resource: &Resource) -> Vec<String> {
    let tags = &resource.tags;
    if !resource.is_known {
        let managed = policy::parse_managed(tags).err();
        let stray = tags
            .keys()
            .filter(|key| is_own(resource, key) && !is_general_tag(key));
        let stray = stray.map(|key| {
            format!("tag {key} has no effect here - Lamplighter operates no such resources")
        });
        return managed
            .iter()
            .map(ToString::to_string)
            .chain(stray)
            .collect();
    }
    let defaults = StackDefaults::default();
    let refused = tags
        .iter()
        .filter(|(key, _)| key.starts_with(PREFIX))
        .filter_map(|(key, value)| find_refusal(key, value));
    let stray = tags
        .keys()
        .filter(|key| is_own(resource, key))
        .filter_map(|key| Some(StrayMistake::find(key, &resource.arn)?.describe(key)));
    let errors = policy::check_tags(&resource.arn, tags, &defaults);
    let runbook = policy::find_invalid_runbook(tags);
    let runbook = runbook.map(|value| format!("lamplighter:runbook: {value:?} is no web address"));
    let has_others = tags
        .keys()
        .any(|key| key.starts_with(PREFIX) && !is_general_tag(key) && is_own(resource, key));
    let is_managed =
        tags.contains_key(MANAGED) || resource.unknown.iter().any(|key| key == MANAGED);
    let unmanaged = (has_others && !is_managed)
        .then(|| format!("nothing happens without {MANAGED} = true (or observe)"));
    refused
        .chain(errors.iter().map(ToString::to_string))
        .chain(stray)
        .chain(runbook)
        .chain(unmanaged)
        .collect()
}

/// Lists the mistakes in the tags of a resource with this ARN.
pub fn find_tag_mistakes(arn: &Arn, tags: &BTreeMap<String, String>) -> Vec<String> {
    let pairs = tags
        .iter()
        .map(|(key, value)| (key.clone(), Some(value.clone())));
    find_mistakes(&super::resource::build_resource(
        "tags",
        Some(arn.clone()),
        pairs.collect(),
    ))
}

/// Reports whether a tag is written on the resource itself.
fn is_own(resource: &Resource, key: &str) -> bool {
    !resource.inherited.contains(key)
}

/// Says why AWS refuses a tag.
fn find_refusal(key: &str, value: &str) -> Option<String> {
    if value.chars().count() > MAX_CHARS {
        return Some(format!(
            "{key}: AWS refuses values of more than {MAX_CHARS} characters"
        ));
    }
    let is_allowed =
        |letter: &char| letter.is_alphanumeric() || *letter == ' ' || PUNCTUATION.contains(*letter);
    let refused: String = value.chars().filter(|letter| !is_allowed(letter)).collect();
    (!refused.is_empty())
        .then(|| format!("{key}: AWS refuses {refused:?} in tags; letters, digits, spaces and {PUNCTUATION} are allowed"))
}
