//! Amazon ECS: check tasks, which inspect a restored database.

use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::{
    AssignPublicIp, AwsVpcConfiguration, ContainerOverride, DesiredStatus, KeyValuePair,
    LaunchType, NetworkConfiguration, Tag, TaskOverride,
};

use super::error::{aws_error, incomplete_response};
use super::tasks;
use lamplighter::AwsError;
use lamplighter::model::{Task, TaskDefinition};
use lamplighter::plan::{RunCheckTask, StopCheckTask};
use lamplighter::policy::MANAGED;

/// Starts a check task. Idempotent per token. Source: RunTask.
///
/// All containers of `definition` get the environment of the probe.
///
/// # Errors
/// [`AwsError`] if the task definition is not tagged as managed, or RunTask fails.
pub async fn run_check_task(
    client: &Client,
    probe: &RunCheckTask,
    definition: &TaskDefinition,
) -> Result<String, AwsError> {
    let about = definition.family_and_revision();
    // IAM denies it as well, but without naming the missing tag.
    if definition
        .tags
        .get(MANAGED)
        .is_none_or(|value| value != "true")
    {
        let (code, target) = ("NotManaged".to_owned(), about.to_owned());
        let message = format!("the task definition is not tagged {MANAGED} = true");
        return Err(AwsError {
            call: "RunTask",
            target,
            code,
            message,
            refused: true,
        });
    }
    let variable =
        |(name, value): (&String, &String)| KeyValuePair::builder().name(name).value(value).build();
    let environment: Vec<KeyValuePair> = probe.environment.iter().map(variable).collect();
    let overriding = |name: &str| {
        ContainerOverride::builder()
            .name(name)
            .set_environment(Some(environment.clone()))
    };
    let containers = definition
        .containers()
        .map(|container| overriding(container.name).build())
        .collect();
    let tags = probe
        .tags
        .iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect();
    let text = |key: &str| {
        definition
            .document
            .get(key)
            .and_then(|value| value.as_str())
            .unwrap_or_default()
            .to_owned()
    };
    let mut request = client
        .run_task()
        .cluster(&probe.cluster)
        .task_definition(definition.arn())
        .started_by(&probe.token)
        // 64 characters at most; the token is shorter.
        .client_token(&probe.token)
        .set_tags(Some(tags))
        .overrides(
            TaskOverride::builder()
                .set_container_overrides(Some(containers))
                .build(),
        );
    if text("networkMode") == "awsvpc" {
        let vpc = AwsVpcConfiguration::builder().set_subnets(Some(probe.subnets.clone()));
        let vpc = vpc
            .security_groups(&probe.security_group)
            .assign_public_ip(AssignPublicIp::Disabled)
            .build();
        let vpc = vpc.map_err(|e| incomplete_response("RunTask", about, &e.to_string()))?;
        request = request.network_configuration(
            NetworkConfiguration::builder()
                .awsvpc_configuration(vpc)
                .build(),
        );
    }
    let is_fargate = definition
        .document
        .get("requiresCompatibilities")
        .and_then(|all| all.as_array());
    if is_fargate.is_some_and(|all| all.iter().any(|one| one == "FARGATE")) {
        request = request.launch_type(LaunchType::Fargate);
    }
    let answer = request
        .send()
        .await
        .map_err(|e| aws_error("RunTask", about, &e))?;
    // ECS reports a rejected task in the body of a successful response.
    if let Some(refusal) = answer.failures.unwrap_or_default().into_iter().next() {
        let (code, message) = (
            refusal.reason.unwrap_or_default(),
            refusal.detail.unwrap_or_default(),
        );
        return Err(AwsError {
            call: "RunTask",
            target: about.to_owned(),
            code,
            message,
            refused: true,
        });
    }
    let task = answer
        .tasks
        .unwrap_or_default()
        .into_iter()
        .find_map(|task| task.task_arn);
    task.ok_or_else(|| incomplete_response("RunTask", about, "task"))
}

/// Returns the newest task with this `startedBy` token, or `None`.
///
/// ECS lists a stopped task for about an hour. Sources: ListTasks, DescribeTasks.
pub async fn find_check_task(
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

pub async fn stop_check_task(client: &Client, halt: &StopCheckTask) -> Result<String, AwsError> {
    let request = client
        .stop_task()
        .cluster(&halt.cluster)
        .task(&halt.task)
        .reason("the drill is over");
    request
        .send()
        .await
        .map_err(|e| aws_error("StopTask", &halt.task, &e))?;
    Ok("it is being stopped".to_owned())
}
