//! CloudFormation templates.

use serde_json::{Map, Value};

use super::kinds::find_arn;
use super::resource::{Resource, build_resource, read_tags};

/// Parses a template as YAML. Short forms of intrinsic functions such as `!Sub` become objects.
///
/// # Errors
/// Where the text is no YAML.
pub fn parse_yaml(text: &str) -> Result<Value, String> {
    let parsed: serde_yaml_ng::Value =
        serde_yaml_ng::from_str(text).map_err(|error| format!("no YAML: {error}"))?;
    Ok(convert(parsed))
}

fn convert(value: serde_yaml_ng::Value) -> Value {
    use serde_yaml_ng::Value as Yaml;
    match value {
        Yaml::Null => Value::Null,
        Yaml::Bool(flag) => Value::Bool(flag),
        Yaml::Number(number) => serde_json::to_value(number).unwrap_or_default(),
        Yaml::String(text) => Value::String(text),
        Yaml::Sequence(items) => Value::Array(items.into_iter().map(convert).collect()),
        Yaml::Mapping(pairs) => Value::Object(
            pairs
                .into_iter()
                .filter_map(|(key, value)| Some((key.as_str()?.to_owned(), convert(value))))
                .collect(),
        ),
        Yaml::Tagged(tagged) => {
            let name = tagged.tag.to_string();
            Value::Object(Map::from_iter([(name, convert(tagged.value))]))
        }
    }
}

/// Reads the resources of a template, with those within loops.
pub fn read_resources(resources: &Map<String, Value>) -> Vec<Resource> {
    let mut found = Vec::new();
    for (name, resource) in resources {
        // Fn::ForEach: an identifier, its values, and a template of resources.
        let repeated = resource
            .as_array()
            .and_then(|parts| parts.get(2)?.as_object());
        if let Some(repeated) = repeated {
            found.extend(read_resources(repeated));
        }
        found.extend(read_resource(name, resource));
    }
    found
}

fn read_resource(name: &str, resource: &Value) -> Option<Resource> {
    let kind = resource.get("Type")?.as_str()?;
    let tags = read_tags(resource.get("Properties")?.get("Tags")?)?;
    let name = format!("{name} ({kind})");
    Some(build_resource(&name, find_arn(kind), tags))
}
