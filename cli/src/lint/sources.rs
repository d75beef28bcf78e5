//! Reads resources with their tags from what a user passes.

use serde_json::Value;

use super::kinds::arn_of_kind;
use super::resource::{Resource, build_resource, read_tags};
use super::{template, terraform};
use crate::arguments::Kind;

/// Parses a Terraform plan, a CloudFormation template or a list of tags. `kind`: the kind of resource of a list.
///
/// # Errors
/// What is wrong with the text.
pub fn parse_source(text: &str, kind: Kind) -> Result<Vec<Resource>, String> {
    let text = text.trim_start_matches('\u{feff}');
    if text.trim().is_empty() {
        return Err("nothing to check: pass a file, or pipe one into the command".to_owned());
    }
    let mut resources = match parse_document(text)? {
        Some(document) => read_document(&document, kind)?,
        None => vec![read_lines(text, kind)?],
    };
    resources.retain(|resource| !resource.tags.is_empty() || !resource.unknown.is_empty());
    resources.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(resources)
}

/// Parses JSON or YAML with more than words; `None` for a list of lines.
fn parse_document(text: &str) -> Result<Option<Value>, String> {
    if text.trim_start().starts_with(['{', '[']) {
        let parsed = serde_json::from_str(text);
        return parsed.map(Some).map_err(|error| {
            format!(
                "no JSON of one document: {error}. A plan is written by: terraform show -json FILE"
            )
        });
    }
    let is_template = text.lines().any(|line| {
        let key = line.trim_start_matches(['"', '\'']);
        ["Resources", "AWSTemplateFormatVersion", "Transform"]
            .iter()
            .any(|start| key.starts_with(start) && line.contains(':'))
    });
    if !is_template {
        return Ok(None);
    }
    template::parse_yaml(text).map(Some)
}

fn read_document(document: &Value, kind: Kind) -> Result<Vec<Resource>, String> {
    if let Some(resources) = terraform::read_plan(document) {
        return Ok(resources);
    }
    if let Some(resources) = document.get("Resources").and_then(Value::as_object) {
        return Ok(template::read_resources(resources));
    }
    let nested = ["tags", "Tags", "TagList"]
        .into_iter()
        .find_map(|key| document.get(key));
    // Another document could look like tags of others.
    let resource = read_tags(nested.unwrap_or(document))
        .map(|tags| build_resource("tags", Some(arn_of_kind(kind)), tags))
        .filter(|resource| !resource.tags.is_empty());
    let problem = "neither a Terraform plan (terraform show -json FILE), nor a CloudFormation template with Resources, nor tags of Lamplighter";
    Ok(vec![resource.ok_or(problem)?])
}

/// Reads lines such as `lamplighter:managed=true`.
fn read_lines(text: &str, kind: Kind) -> Result<Resource, String> {
    let mut tags = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, value) = line
            .split_once('=')
            .filter(|(key, _)| *key != "Key" && !key.contains(char::is_whitespace))
            .ok_or_else(|| format!("{line:?} is no tag such as lamplighter:managed=true"))?;
        tags.push((
            key.trim().to_owned(),
            Some(value.trim().trim_matches('"').to_owned()),
        ));
    }
    Ok(build_resource("tags", Some(arn_of_kind(kind)), tags))
}
