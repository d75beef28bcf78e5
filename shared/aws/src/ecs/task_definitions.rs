//! Task definitions, kept as raw JSON so that settings unknown to this build are preserved.

use std::collections::BTreeMap;

use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::TaskDefinitionField;
use serde_json::{Map, Value, json};

use super::updates::without_ambiguous_retries;
use crate::error::{aws_error, incomplete_response};
use crate::raw_json::{BodyCapture, replace_body};
use lamplighter::AwsError;
use lamplighter::model::TaskDefinition;

/// Maximum number of tags per resource.
const MAX_TAGS: usize = 50;

/// Describes a revision with its tags, or the newest active revision if `name` is a family.
pub async fn describe_task_definition(
    client: &Client,
    name: &str,
) -> Result<TaskDefinition, AwsError> {
    let call = "DescribeTaskDefinition";
    let capture = BodyCapture::default();
    let request = client
        .describe_task_definition()
        .task_definition(name)
        .include(TaskDefinitionField::Tags);
    let answer = request
        .customize()
        .interceptor(capture.clone())
        .send()
        .await;
    let answer = answer.map_err(|e| aws_error(call, name, &e))?;
    let document = capture
        .take_body()
        .and_then(|mut body| body.get_mut("taskDefinition").map(Value::take));
    let Some(Value::Object(document)) = document else {
        return Err(incomplete_response(call, name, "taskDefinition"));
    };
    let tags = answer
        .tags
        .unwrap_or_default()
        .into_iter()
        .filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default())));
    Ok(TaskDefinition {
        document,
        tags: tags.collect(),
    })
}

/// Reports whether a revision exists and is ACTIVE, so that a service can be updated to it.
pub async fn is_active(client: &Client, revision: &str) -> Result<bool, AwsError> {
    match describe_task_definition(client, revision).await {
        Ok(definition) => Ok(definition
            .document
            .get("status")
            .is_some_and(|status| status == "ACTIVE")),
        Err(error) if error.code == "ClientException" => Ok(false),
        Err(error) => Err(error),
    }
}

/// Registers a task definition revision and returns its ARN.
///
/// It gets the tags of the base revision and `own_tags` of Lamplighter. On a conflict, `own_tags`
/// win. Beyond the limit of tags per resource, `own_tags` are dropped first.
pub async fn register_revision(
    client: &Client,
    request: Map<String, Value>,
    base: &TaskDefinition,
    own_tags: &BTreeMap<String, String>,
) -> Result<String, AwsError> {
    let call = "RegisterTaskDefinition";
    let family = base.family();
    let body = build_registration(request, &base.tags, own_tags);
    let send = client
        .register_task_definition()
        .customize()
        .config_override(without_ambiguous_retries())
        .mutate_request(move |http| replace_body(http, &body))
        .send();
    let answer = send.await.map_err(|e| aws_error(call, family, &e))?;
    let arn = answer.task_definition.and_then(|t| t.task_definition_arn);
    arn.ok_or_else(|| incomplete_response(call, family, "taskDefinitionArn"))
}

/// Builds the body of a RegisterTaskDefinition call: the request with its tags.
///
/// Tags of AWS (`aws:cloudformation:…`) on the base are left out, because only AWS may set them.
fn build_registration(
    mut request: Map<String, Value>,
    base_tags: &BTreeMap<String, String>,
    own_tags: &BTreeMap<String, String>,
) -> Value {
    let kept = base_tags
        .iter()
        .filter(|(key, _)| !key.starts_with("aws:") && !own_tags.contains_key(*key));
    let tags: Vec<Value> = kept
        .chain(own_tags)
        .take(MAX_TAGS)
        .map(|(key, value)| json!({"key": key, "value": value}))
        .collect();
    if !tags.is_empty() {
        request.insert("tags".to_owned(), Value::Array(tags));
    }
    Value::Object(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_that_only_aws_may_set_are_left_out() {
        let tags = ["aws:cloudformation:stack-name", "team"]
            .map(|key| (key.to_owned(), "shop".to_owned()));
        let body = build_registration(Map::new(), &tags.into(), &BTreeMap::new());
        assert_eq!(body, json!({"tags": [{"key": "team", "value": "shop"}]}));
    }

    #[test]
    fn own_tags_override_those_of_the_base_and_are_dropped_first_at_the_limit() {
        let ours = BTreeMap::from([("lamplighter:base".to_owned(), "web:2".to_owned())]);
        let base = BTreeMap::from([("lamplighter:base".to_owned(), "web:1".to_owned())]);
        let body = build_registration(Map::new(), &base, &ours);
        assert_eq!(
            body,
            json!({"tags": [{"key": "lamplighter:base", "value": "web:2"}]})
        );
        let full = (0..50)
            .map(|n| (format!("tag{n}"), String::new()))
            .collect();
        assert!(
            !build_registration(Map::new(), &full, &ours)
                .to_string()
                .contains("lamplighter")
        );
    }
}
