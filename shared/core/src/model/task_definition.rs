//! A task definition, kept as the JSON document that ECS returned.
//!
//! A new revision must carry over every field, including fields that AWS added after this build. A
//! typed copy would drop unknown fields. The document therefore stays JSON, and only the fields
//! that decisions need are read from it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value};

use super::Platform;
use crate::model::TaskSizes;
use crate::model::tag_keys::BASE;

/// Fields in the response of DescribeTaskDefinition that RegisterTaskDefinition rejects.
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TaskDefinition.html>
const RESPONSE_ONLY: [&str; 10] = [
    "taskDefinitionArn",
    "revision",
    "status",
    "requiresAttributes",
    "compatibilities",
    "registeredAt",
    "registeredBy",
    "deregisteredAt",
    "deleteRequestedAt",
    "tags",
];

/// The time after which ECS kills a container that ignores SIGTERM.
const DEFAULT_STOP_TIMEOUT: SignedDuration = SignedDuration::from_secs(30);

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TaskDefinition {
    pub document: Map<String, Value>,
    pub tags: BTreeMap<String, String>,
}

/// A log stream in CloudWatch Logs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct LogStream {
    pub group: String,
    pub name: String,
}

/// A container of a task definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Container<'a> {
    pub name: &'a str,
    pub image: &'a str,
}

impl TaskDefinition {
    #[must_use]
    pub fn arn(&self) -> &str {
        self.text_field("taskDefinitionArn")
    }

    #[must_use]
    pub fn family(&self) -> &str {
        self.text_field("family")
    }

    /// Returns the family and revision: `shop-web:41`.
    #[must_use]
    pub fn family_and_revision(&self) -> &str {
        self.arn().rsplit('/').next().unwrap_or_default()
    }

    /// Returns the registration time and the ARN of the role or user that registered it.
    #[must_use]
    pub fn registration(&self) -> Option<(Timestamp, &str)> {
        let seconds = self.document.get("registeredAt").and_then(Value::as_f64)?;
        let since = SignedDuration::try_from_secs_f64(seconds).ok()?;
        Some((
            Timestamp::UNIX_EPOCH.checked_add(since).ok()?,
            self.text_field("registeredBy"),
        ))
    }

    /// Returns the log stream of a task's container; `None` unless it logs to CloudWatch Logs in
    /// this region.
    /// Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html>
    #[must_use]
    pub fn log_stream(&self, container: &str, task: &str) -> Option<LogStream> {
        let configuration = self.find_container(container)?.get("logConfiguration")?;
        let options = configuration
            .get("options")
            .filter(|_| text_at_key(configuration, "logDriver") == "awslogs")?;
        let group = text_at_key(options, "awslogs-group");
        let prefix = text_at_key(options, "awslogs-stream-prefix");
        let is_here = self
            .arn()
            .split(':')
            .nth(3)
            .is_some_and(|region| region == text_at_key(options, "awslogs-region"));
        let task = task.rsplit('/').next().unwrap_or_default();
        let name = format!("{prefix}/{container}/{task}");
        (is_here && !prefix.is_empty()).then(|| LogStream {
            group: group.to_owned(),
            name,
        })
    }

    /// Reports whether a rollout of Lamplighter registered this revision.
    #[must_use]
    pub fn is_lamplighter_revision(&self) -> bool {
        self.tags.contains_key(BASE)
    }

    pub fn containers(&self) -> impl Iterator<Item = Container<'_>> {
        self.container_definitions().map(|c| Container {
            name: text_at_key(c, "name"),
            image: text_at_key(c, "image"),
        })
    }

    /// Reports whether tasks of this definition run on a platform.
    ///
    /// Without a declared architecture, Fargate uses X86_64. On EC2 the instances determine it, so
    /// any architecture is accepted.
    #[must_use]
    pub fn supports_platform(&self, platform: &Platform) -> bool {
        let os = if self
            .runtime_platform("operatingSystemFamily")
            .starts_with("WINDOWS")
        {
            "windows"
        } else {
            "linux"
        };
        let fargate = self.is_fargate();
        let architecture = match self.runtime_platform("cpuArchitecture") {
            "ARM64" => Some("arm64"),
            "" if !fargate => None,
            _ => Some("amd64"),
        };
        platform.os == os
            && architecture.is_none_or(|architecture| platform.architecture == architecture)
    }

    /// Describes the platforms that [`TaskDefinition::supports_platform`] accepts: `linux/arm64`.
    #[must_use]
    pub fn describe_platforms(&self) -> String {
        let known = ["linux/amd64", "linux/arm64", "windows/amd64"];
        let fitting = known.into_iter().filter(|name| {
            let (os, architecture) = name.split_once('/').unwrap_or_default();
            self.supports_platform(&Platform {
                os: os.to_owned(),
                architecture: architecture.to_owned(),
            })
        });
        fitting.collect::<Vec<_>>().join(" or ")
    }

    /// Returns every reference of the containers to Secrets Manager and Parameter Store: secrets, log driver secrets and
    /// registry credentials.
    pub fn secret_references(&self) -> impl Iterator<Item = &str> {
        self.container_definitions().flat_map(|container| {
            let secrets = array_items(container.get("secrets"));
            let log_options = array_items(
                container
                    .get("logConfiguration")
                    .and_then(|l| l.get("secretOptions")),
            );
            let credentials = container
                .get("repositoryCredentials")
                .map(|c| text_at_key(c, "credentialsParameter"));
            let values = secrets
                .chain(log_options)
                .map(|s| text_at_key(s, "valueFrom"));
            values.chain(credentials)
        })
    }

    /// Builds the request that registers a new revision with other images. All other fields are
    /// unchanged.
    #[must_use]
    pub fn build_request_with_images(
        &self,
        images: &BTreeMap<String, String>,
    ) -> Map<String, Value> {
        let mut request = self.document.clone();
        request.retain(|field, _| !RESPONSE_ONLY.contains(&field.as_str()));
        let containers = request
            .get_mut("containerDefinitions")
            .and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            if let Some(image) = images.get(text_at_key(container, "name")) {
                container["image"] = Value::from(image.as_str());
            }
        }
        request
    }

    /// Builds the request that registers a new revision with other CPU and memory sizes. All other
    /// fields are unchanged.
    #[must_use]
    pub fn build_request_with_sizes(&self, sizes: &TaskSizes) -> Map<String, Value> {
        let mut request = self.build_request_with_images(&BTreeMap::new());
        for (key, size) in [("cpu", sizes.cpu), ("memory", sizes.memory)] {
            if let Some(size) = size {
                request.insert(key.to_owned(), Value::from(size.to_string()));
            }
        }
        let containers = request
            .get_mut("containerDefinitions")
            .and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            if let Some(size) = sizes.containers.get(text_at_key(container, "name")) {
                container["memory"] = Value::from(*size);
            }
        }
        request
    }

    /// Returns the task-level CPU units and memory in MiB, each `None` if undeclared.
    #[must_use]
    pub fn task_size(&self) -> (Option<u32>, Option<u32>) {
        (
            self.text_field("cpu").parse().ok(),
            self.text_field("memory").parse().ok(),
        )
    }

    /// Returns the memory hard limit of a container in MiB; `None` if it has none of its own.
    #[must_use]
    pub fn memory_hard_limit(&self, container: &str) -> Option<u32> {
        self.find_container(container)?
            .get("memory")
            .and_then(Value::as_u64)
            .and_then(|mib| u32::try_from(mib).ok())
    }

    /// Reports whether a task stops when this container ends. That is the default. AWS adds containers that no definition
    /// has, such as agents of Service Connect and GuardDuty.
    #[must_use]
    pub fn is_essential(&self, container: &str) -> bool {
        self.find_container(container)
            .is_some_and(|c| c.get("essential") != Some(&Value::Bool(false)))
    }

    /// Returns the time between SIGTERM and SIGKILL when ECS stops a container.
    /// Source: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html>
    #[must_use]
    pub fn stop_timeout(&self, container: &str) -> SignedDuration {
        self.find_container(container)
            .and_then(|c| c.get("stopTimeout"))
            .and_then(Value::as_i64)
            .map_or(DEFAULT_STOP_TIMEOUT, SignedDuration::from_secs)
    }

    #[must_use]
    pub fn is_fargate(&self) -> bool {
        array_items(self.document.get("requiresCompatibilities")).any(|c| c == "FARGATE")
    }

    fn find_container(&self, name: &str) -> Option<&Value> {
        self.container_definitions()
            .find(|c| text_at_key(c, "name") == name)
    }

    fn container_definitions(&self) -> impl Iterator<Item = &Value> {
        array_items(self.document.get("containerDefinitions"))
    }

    /// Returns a field of the runtime platform; empty if undeclared.
    fn runtime_platform(&self, field: &str) -> &str {
        self.document
            .get("runtimePlatform")
            .map_or("", |platform| text_at_key(platform, field))
    }

    fn text_field(&self, field: &str) -> &str {
        self.document
            .get(field)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }
}

fn array_items(list: Option<&Value>) -> impl Iterator<Item = &Value> {
    list.and_then(Value::as_array).into_iter().flatten()
}

fn text_at_key<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn definition() -> TaskDefinition {
        let Value::Object(document) = json!({
            "taskDefinitionArn": "arn:aws:ecs:eu-west-1:123456789012:task-definition/shop-web:41",
            "family": "shop-web", "revision": 41, "status": "ACTIVE", "compatibilities": ["EC2"],
            "fieldOfNextYear": {"kept": true},
            "containerDefinitions": [
                {"name": "web", "image": "web:1", "secrets": [{"name": "Q", "valueFrom": "a-parameter"}, {"name": "P", "valueFrom": "arn:secret-a"}]},
                {"name": "proxy", "image": "envoy:1", "repositoryCredentials": {"credentialsParameter": "secret-b"},
                 "logConfiguration": {"logDriver": "splunk", "secretOptions": [{"name": "t", "valueFrom": "arn:secret-c"}]}}
            ]
        }) else {
            unreachable!("an object")
        };
        TaskDefinition {
            document,
            tags: BTreeMap::new(),
        }
    }

    #[test]
    fn a_new_revision_changes_one_image_and_nothing_else() {
        let request = definition()
            .build_request_with_images(&BTreeMap::from([("web".into(), "web:2@sha256:ab".into())]));
        let mut expected = definition().document;
        for field in ["taskDefinitionArn", "revision", "status", "compatibilities"] {
            expected.remove(field);
        }
        expected["containerDefinitions"][0]["image"] = json!("web:2@sha256:ab");
        assert_eq!(request, expected);
    }

    #[rstest]
    #[case::fargate(json!({"requiresCompatibilities": ["FARGATE"]}), "linux/amd64")]
    #[case::arm(json!({"runtimePlatform": {"cpuArchitecture": "ARM64"}}), "linux/arm64")]
    #[case::ec2_unnamed(json!({}), "linux/amd64 or linux/arm64")]
    #[case::windows(json!({"runtimePlatform": {"cpuArchitecture": "X86_64", "operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}}), "windows/amd64")]
    fn describes_the_supported_platforms(#[case] document: Value, #[case] platform: &str) {
        let Value::Object(document) = document else {
            unreachable!("an object")
        };
        assert_eq!(
            TaskDefinition {
                document,
                tags: BTreeMap::new()
            }
            .describe_platforms(),
            platform
        );
    }

    #[test]
    fn lists_every_secret_reference() {
        assert_eq!(
            definition().secret_references().collect::<Vec<_>>(),
            ["a-parameter", "arn:secret-a", "arn:secret-c", "secret-b"]
        );
    }
}
