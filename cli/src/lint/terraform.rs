//! Terraform plans and states as JSON.
//!
//! Source: <https://developer.hashicorp.com/terraform/internals/json-format>

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::kinds::find_arn;
use super::resource::{ReadTag, Resource, build_resource, read_tags};

/// The keys of a resource with its tags. The first has those of the provider as well.
const TAGS: [&str; 2] = ["tags_all", "tags"];

/// The parts of resources that are known after the plan is applied, by address.
type Unknown<'a> = BTreeMap<&'a str, &'a Value>;

/// Reads the resources of a plan or a state; `None` for another document.
pub fn read_plan(document: &Value) -> Option<Vec<Resource>> {
    let values = document
        .get("planned_values")
        .or_else(|| document.get("values"))?;
    let unknown = list_unknown(document);
    let mut resources = Vec::new();
    collect_resources(values.get("root_module")?, &unknown, &mut resources);
    Some(resources)
}

fn list_unknown(document: &Value) -> Unknown<'_> {
    let changes = list_items(document, "resource_changes");
    let unknown = changes.filter_map(|change| {
        let address = change.get("address")?.as_str()?;
        Some((address, change.pointer("/change/after_unknown")?))
    });
    unknown.collect()
}

fn collect_resources(module: &Value, unknown: &Unknown<'_>, resources: &mut Vec<Resource>) {
    let own = list_items(module, "resources").filter(|resource| {
        // Data sources are only read.
        resource.get("mode").and_then(Value::as_str) != Some("data")
    });
    resources.extend(own.filter_map(|resource| read_resource(resource, unknown)));
    for child in list_items(module, "child_modules") {
        collect_resources(child, unknown, resources);
    }
}

fn list_items<'a>(module: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    let items = module.get(key).and_then(Value::as_array);
    items.into_iter().flatten()
}

fn read_resource(resource: &Value, unknown: &Unknown<'_>) -> Option<Resource> {
    let address = resource.get("address")?.as_str()?;
    let kind = resource.get("type")?.as_str()?;
    let values = resource.get("values")?;
    let [all, own] = TAGS.map(|key| read_known(values, key));
    let later = unknown.get(address);
    let later = later.map(|later| read_unknown(later)).unwrap_or_default();
    let own_keys: BTreeSet<String> = own.iter().map(|(key, _)| key.clone()).collect();
    let inherited = all.iter().map(|(key, _)| key.clone());
    let inherited: BTreeSet<String> = inherited.filter(|key| !own_keys.contains(key)).collect();
    let tags = all.into_iter().chain(own).chain(later).collect();
    Some(Resource {
        inherited,
        ..build_resource(address, find_arn(kind), tags)
    })
}

fn read_known(values: &Value, key: &str) -> Vec<ReadTag> {
    let tags = values.get(key).and_then(read_tags).unwrap_or_default();
    tags.into_iter()
        .filter(|(_, value)| value.is_some())
        .collect()
}

/// Reads the keys whose values are known after the plan is applied.
fn read_unknown(later: &Value) -> Vec<ReadTag> {
    let maps = TAGS.iter().filter_map(|key| later.get(key)?.as_object());
    let keys: BTreeSet<&String> = maps.flat_map(serde_json::Map::keys).collect();
    keys.into_iter().map(|key| (key.clone(), None)).collect()
}
