//! Terraform plans and states as JSON.
//!
//! Source: <https://developer.hashicorp.com/terraform/internals/json-format>

use serde_json::Value;

use super::kinds::find_arn;
use super::resource::{Resource, build_resource, read_tags};

/// Reads the resources of a plan or a state; `None` for another document.
pub fn read_plan(document: &Value) -> Option<Vec<Resource>> {
    let values = document
        .get("planned_values")
        .or_else(|| document.get("values"))?;
    let mut resources = Vec::new();
    collect_resources(values.get("root_module")?, &mut resources);
    Some(resources)
}

fn collect_resources(module: &Value, resources: &mut Vec<Resource>) {
    let own = list_items(module, "resources").filter(|resource| {
        // Data sources are only read.
        resource.get("mode").and_then(Value::as_str) != Some("data")
    });
    resources.extend(own.filter_map(read_resource));
    for child in list_items(module, "child_modules") {
        collect_resources(child, resources);
    }
}

fn list_items<'a>(module: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    let items = module.get(key).and_then(Value::as_array);
    items.into_iter().flatten()
}

fn read_resource(resource: &Value) -> Option<Resource> {
    let address = resource.get("address")?.as_str()?;
    let kind = resource.get("type")?.as_str()?;
    let values = resource.get("values")?;
    // With the default tags of the provider, unless the plan does not know them yet.
    let all = ["tags_all", "tags"]
        .into_iter()
        .find_map(|key| read_tags(values.get(key)?));
    Some(build_resource(address, find_arn(kind), all?))
}
