//! ECS Task State Change.
//! Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html>

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::model::{Arn, find_partition, is_standalone};

/// A state change of an ECS task.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskChange {
    /// Value that the starter of the task provided; may be absent.
    #[serde(default)]
    pub started_by: String,
    /// `PENDING`, `RUNNING`, `STOPPED`, …
    #[serde(default)]
    pub last_status: String,
    /// `service:web`, `family:shop-web`; may be absent.
    #[serde(default)]
    pub group: String,
    #[serde(default)]
    pub cluster_arn: String,
    #[serde(default)]
    pub task_arn: String,
    /// The ARN of its task definition revision.
    #[serde(default)]
    pub task_definition_arn: String,
    /// AWS's stop code; absent in old events.
    #[serde(default)]
    stop_code: Option<String>,
    containers: Option<Vec<ContainerChange>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ContainerChange {
    exit_code: Option<i32>,
}

impl TaskChange {
    /// Returns the ARN of the task's service; `None` if the task belongs to no service.
    #[must_use]
    pub fn service_arn(&self) -> Option<Arn> {
        let name = self.group.strip_prefix("service:")?;
        let (before, cluster) = self.cluster_arn.split_once(":cluster/")?;
        Some(Arn::new(format!("{before}:service/{cluster}/{name}")))
    }

    /// Returns the ARN of the task's family, without the revision; `None` for a task of a service or of Lamplighter.
    #[must_use]
    pub fn family_arn(&self) -> Option<Arn> {
        let (family, _) = self.task_definition_arn.rsplit_once(':')?;
        (is_standalone(&self.group, &self.started_by) && family.contains(":task-definition/"))
            .then(|| Arn::new(family))
    }

    /// Reports whether the task ended by itself, and all containers with exit code 0.
    #[must_use]
    pub fn has_succeeded(&self) -> bool {
        let by_itself = matches!(
            self.stop_code.as_deref(),
            None | Some("" | "EssentialContainerExited")
        );
        by_itself
            && self.containers.as_ref().is_some_and(|containers| {
                !containers.is_empty() && containers.iter().all(|c| c.exit_code == Some(0))
            })
    }
}

/// A call of RunTask that started no task, as CloudTrail reports it. ECS sends no event for it.
#[derive(Debug, Clone)]
pub struct RunFailure {
    /// The cluster, by name or ARN; `default` if the caller named none.
    pub cluster: String,
    /// The family, `family:revision` or ARN that the caller named.
    pub task_definition: String,
    started_by: String,
    /// The reasons, in the words of ECS.
    reasons: Vec<String>,
}

impl RunFailure {
    /// Parses `AWS API Call via CloudTrail`; `None` for another call, or one that started its tasks.
    pub(crate) fn parse(detail: &Value) -> Option<Self> {
        let text_at = |path: &str| {
            detail
                .pointer(path)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        if text_at("/eventSource") != "ecs.amazonaws.com" || text_at("/eventName") != "RunTask" {
            return None;
        }
        let failures = detail.pointer("/responseElements/failures");
        let mut reasons: Vec<String> = failures
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(describe_failure)
            .collect();
        // A caller repeats what ECS throttles.
        let is_throttled = |code: &&str| code.starts_with("Throttl") || *code == "ServerException";
        let code = detail.get("errorCode").and_then(Value::as_str);
        if let Some(code) = code.filter(|code| !is_throttled(code)) {
            reasons.push(format!("{code}: {}", text_at("/errorMessage")));
        }
        let cluster = text_at("/requestParameters/cluster");
        (!reasons.is_empty()).then(|| Self {
            cluster: if cluster.is_empty() {
                "default".to_owned()
            } else {
                cluster
            },
            task_definition: text_at("/requestParameters/taskDefinition"),
            started_by: text_at("/requestParameters/startedBy"),
            reasons,
        })
    }

    /// Returns the ARN of the family in a region and account, without the revision; `None` for a task of Lamplighter.
    #[must_use]
    pub fn family_arn(&self, region: &str, account: &str) -> Option<Arn> {
        let partition = find_partition(region);
        let named = self.task_definition.rsplit('/').next()?;
        let family = named
            .split(':')
            .next()
            .filter(|family| !family.is_empty())?;
        is_standalone("", &self.started_by).then(|| {
            Arn::new(format!(
                "arn:{partition}:ecs:{region}:{account}:task-definition/{family}"
            ))
        })
    }

    /// Describes why no task was started, in the words of ECS.
    #[must_use]
    pub fn describe(&self) -> String {
        // ECS gives one reason for each container instance.
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for reason in &self.reasons {
            *counts.entry(reason).or_default() += 1;
        }
        let texts: Vec<String> = counts
            .into_iter()
            .map(|(reason, count)| match count {
                1 => reason.to_owned(),
                _ => format!("{reason} ({count} times)"),
            })
            .collect();
        texts.join("; ")
    }
}

fn describe_failure(failure: &Value) -> Option<String> {
    let reason = failure.get("reason").and_then(Value::as_str)?;
    Some(match failure.get("detail").and_then(Value::as_str) {
        Some(detail) => format!("{reason} ({detail})"),
        None => reason.to_owned(),
    })
}

/// A state change of a container instance, or of its agent's connection to ECS.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InstanceChange {
    pub container_instance_arn: Arn,
    #[serde(default)]
    pub agent_connected: bool,
}
