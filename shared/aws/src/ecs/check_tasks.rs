//! Check tasks, which inspect a restored database.

use aws_sdk_ecs::Client;
use aws_sdk_ecs::error::BuildError;
use aws_sdk_ecs::operation::run_task::RunTaskOutput;
use aws_sdk_ecs::types::{
    AssignPublicIp, AwsVpcConfiguration, ContainerOverride, DesiredStatus, KeyValuePair,
    LaunchType, NetworkConfiguration, Tag, TaskOverride,
};

use super::tasks;
use crate::error::{aws_error, incomplete_response};
use lamplighter::AwsError;
use lamplighter::model::{Task, TaskDefinition};
use lamplighter::plan::RunCheckTask;
use lamplighter::policy::MANAGED;

const CALL: &str = "RunTask";

/// Starts a check task. Idempotent per token. Source: RunTask.
///
/// All containers of `definition` get the environment of the check.
///
/// # Errors
/// [`AwsError`] if the task definition is not tagged as managed, or RunTask fails.
pub async fn run_check_task(
    client: &Client,
    check: &RunCheckTask,
    definition: &TaskDefinition,
) -> Result<String, AwsError> {
    let name = definition.family_and_revision();
    require_managed(definition)?;
    let tags = check
        .tags
        .iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect();
    let mut request = client
        .run_task()
        .cluster(&check.cluster)
        .task_definition(definition.arn())
        .started_by(&check.token)
        // 64 characters at most; the token is shorter.
        .client_token(&check.token)
        .set_tags(Some(tags))
        .overrides(override_environment(check, definition));
    if uses_awsvpc(definition) {
        let network =
            build_network(check).map_err(|e| incomplete_response(CALL, name, &e.to_string()))?;
        request = request.network_configuration(network);
    }
    if requires_fargate(definition) {
        request = request.launch_type(LaunchType::Fargate);
    }
    let answer = request
        .send()
        .await
        .map_err(|e| aws_error(CALL, name, &e))?;
    find_task_arn(answer, name)
}

/// Rejects a task definition without our tag. IAM denies it as well, but without naming the tag.
pub fn require_managed(definition: &TaskDefinition) -> Result<(), AwsError> {
    if definition.tags.get(MANAGED).map(String::as_str) == Some("true") {
        return Ok(());
    }
    Err(AwsError {
        call: CALL,
        target: definition.family_and_revision().to_owned(),
        code: "NotManaged".to_owned(),
        message: format!("the task definition is not tagged {MANAGED} = true"),
        refused: true,
    })
}

/// Adds the environment of a check to every container.
fn override_environment(check: &RunCheckTask, definition: &TaskDefinition) -> TaskOverride {
    let environment: Vec<KeyValuePair> = check
        .environment
        .iter()
        .map(|(name, value)| KeyValuePair::builder().name(name).value(value).build())
        .collect();
    let containers = definition
        .containers()
        .map(|container| {
            ContainerOverride::builder()
                .name(container.name)
                .set_environment(Some(environment.clone()))
                .build()
        })
        .collect();
    TaskOverride::builder()
        .set_container_overrides(Some(containers))
        .build()
}

pub(super) fn uses_awsvpc(definition: &TaskDefinition) -> bool {
    let mode = definition.document.get("networkMode");
    mode.and_then(|mode| mode.as_str()) == Some("awsvpc")
}

fn requires_fargate(definition: &TaskDefinition) -> bool {
    let compatibilities = definition.document.get("requiresCompatibilities");
    compatibilities
        .and_then(|all| all.as_array())
        .is_some_and(|all| all.iter().any(|one| one == "FARGATE"))
}

/// Builds the network of a check task: that of the restored database, without a public address.
fn build_network(check: &RunCheckTask) -> Result<NetworkConfiguration, BuildError> {
    let vpc = AwsVpcConfiguration::builder()
        .set_subnets(Some(check.subnets.clone()))
        .security_groups(&check.security_group)
        .assign_public_ip(AssignPublicIp::Disabled)
        .build()?;
    Ok(NetworkConfiguration::builder()
        .awsvpc_configuration(vpc)
        .build())
}

/// Returns the ARN of the started task.
///
/// # Errors
/// [`AwsError`] if ECS rejected the task, which it reports in the body of a successful response.
pub(super) fn find_task_arn(answer: RunTaskOutput, name: &str) -> Result<String, AwsError> {
    if let Some(failure) = answer.failures.unwrap_or_default().into_iter().next() {
        return Err(AwsError {
            call: CALL,
            target: name.to_owned(),
            code: failure.reason.unwrap_or_default(),
            message: failure.detail.unwrap_or_default(),
            refused: true,
        });
    }
    answer
        .tasks
        .unwrap_or_default()
        .into_iter()
        .find_map(|task| task.task_arn)
        .ok_or_else(|| incomplete_response(CALL, name, "task"))
}

/// Returns the newest task with this `startedBy` token, or `None`.
///
/// ECS lists a stopped task for about an hour. Sources: ListTasks, DescribeTasks.
pub async fn find_started_task(
    client: &Client,
    cluster: &str,
    token: &str,
) -> Result<Option<Task>, AwsError> {
    for status in [DesiredStatus::Running, DesiredStatus::Stopped] {
        let listed = client
            .list_tasks()
            .cluster(cluster)
            .started_by(token)
            .desired_status(status)
            .send()
            .await;
        let arns = listed
            .map_err(|e| aws_error("ListTasks", cluster, &e))?
            .task_arns
            .unwrap_or_default();
        if arns.is_empty() {
            continue;
        }
        let tasks = tasks::describe_tasks(client, cluster, arns).await?;
        return Ok(tasks
            .into_iter()
            .max_by_key(|(created, _)| *created)
            .map(|(_, task)| task));
    }
    Ok(None)
}
