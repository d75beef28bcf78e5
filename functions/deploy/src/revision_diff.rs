//! The differences between two revisions of a task definition, for people. Values of strings are left out, because they
//! may be secret.

use std::collections::BTreeMap;

use lamplighter::model::TaskDefinition;
use serde_json::Value;

/// The number of differences that a message lists.
const MAX_LISTED: usize = 6;

/// Lists what differs between two revisions besides images: `cpu 256 -> 512, web.environment.DB_HOST changed`.
/// Empty if nothing does.
pub fn describe_differences(before: &TaskDefinition, after: &TaskDefinition) -> String {
    let before = flatten_definition(before);
    let after = flatten_definition(after);
    let mut differences: Vec<String> = before
        .iter()
        .filter(|(path, value)| after.get(*path) != Some(value))
        .map(|(path, value)| describe_difference(path, value, after.get(path)))
        .collect();
    let added = after.keys().filter(|path| !before.contains_key(*path));
    differences.extend(added.map(|path| format!("{path} added")));
    let left = differences.len().saturating_sub(MAX_LISTED);
    differences.truncate(MAX_LISTED);
    if left > 0 {
        differences.push(format!("{left} more"));
    }
    differences.join(", ")
}

fn describe_difference(path: &str, before: &Value, after: Option<&Value>) -> String {
    match (show_value(path, before), after) {
        (_, None) => format!("{path} removed"),
        (Some(before), Some(after)) => match show_value(path, after) {
            Some(after) => format!("{path} {before} -> {after}"),
            None => format!("{path} changed"),
        },
        (None, Some(_)) => format!("{path} changed"),
    }
}

/// Returns a value that is never secret: a number, a switch, or a size of the task.
fn show_value(path: &str, value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(switch) => Some(switch.to_string()),
        Value::String(text) if path == "cpu" || path == "memory" => Some(text.clone()),
        Value::String(_) | Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Returns the leaves of a task definition by path, without images.
fn flatten_definition(definition: &TaskDefinition) -> BTreeMap<String, Value> {
    let mut leaves = BTreeMap::new();
    for (key, value) in definition.build_request_with_images(&BTreeMap::new()) {
        let path = if key == "containerDefinitions" {
            ""
        } else {
            key.as_str()
        };
        flatten_value(path, &value, &mut leaves);
    }
    leaves
}

fn flatten_value(path: &str, value: &Value, leaves: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                flatten_value(&join_path(path, key), value, leaves);
            }
        }
        Value::Array(items) => {
            for (n, item) in items.iter().enumerate() {
                flatten_item(path, n, item, leaves);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            if path.rsplit('.').next() != Some("image") {
                leaves.insert(path.to_owned(), value.clone());
            }
        }
    }
}

/// Flattens an item of a list. One with a name goes by its name, so that the order doesn't matter.
fn flatten_item(path: &str, n: usize, item: &Value, leaves: &mut BTreeMap<String, Value>) {
    let name = item.get("name").and_then(Value::as_str);
    let key = name.map_or_else(|| n.to_string(), str::to_owned);
    let path = join_path(path, &key);
    match item {
        // A variable or a secret has one value besides its name.
        Value::Object(fields)
            if fields.len() == 2 && name.is_some() && !fields.contains_key("image") =>
        {
            let value = fields.iter().find(|(key, _)| *key != "name");
            leaves.extend(value.map(|(_, value)| (path, value.clone())));
        }
        Value::Object(fields) => {
            for (key, value) in fields.iter().filter(|(key, _)| *key != "name") {
                flatten_value(&join_path(&path, key), value, leaves);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            flatten_value(&path, item, leaves);
        }
    }
}

fn join_path(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn definition(document: Value) -> TaskDefinition {
        let Value::Object(document) = document else {
            unreachable!("an object")
        };
        TaskDefinition {
            document,
            tags: BTreeMap::new(),
        }
    }

    #[test]
    fn differences_are_named_and_no_string_is_shown() {
        let before = definition(json!({
            "taskDefinitionArn": "a:1", "revision": 1, "cpu": "256", "memory": "512",
            "containerDefinitions": [
                {"name": "web", "image": "web:1", "essential": true,
                 "environment": [{"name": "DB_HOST", "value": "hunter2"}, {"name": "OLD", "value": "x"}]},
                {"name": "proxy", "image": "envoy:1"},
            ],
        }));
        let after = definition(json!({
            "taskDefinitionArn": "a:2", "revision": 2, "cpu": "512", "memory": "512",
            "containerDefinitions": [
                {"name": "proxy", "image": "envoy:2"},
                {"name": "web", "image": "web:2", "essential": false,
                 "environment": [{"name": "NEW", "value": "y"}, {"name": "DB_HOST", "value": "hunter3"}]},
            ],
        }));
        assert_eq!(
            describe_differences(&before, &after),
            "cpu 256 -> 512, web.environment.DB_HOST changed, web.environment.OLD removed, web.essential true -> false, \
             web.environment.NEW added"
        );
        assert_eq!(describe_differences(&after, &after), "");
    }
}
