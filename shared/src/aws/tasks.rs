//! Amazon ECS: tasks of services, and what their containers wrote last.

use aws_sdk_ecs::Client;
use aws_sdk_ecs::primitives::DateTime;
use aws_sdk_ecs::types::DesiredStatus;
use jiff::Timestamp;

use super::failure::failure;
use crate::AwsError;
use crate::model::{Arn, LogStream, Task, TaskContainer};

/// Tasks with when they were created.
pub async fn describe(
    client: &Client,
    cluster: &str,
    arns: Vec<String>,
) -> Result<Vec<(Option<Timestamp>, Task)>, AwsError> {
    let described = client.describe_tasks().cluster(cluster).set_tasks(Some(arns)).send().await;
    let tasks = described.map_err(|e| failure("DescribeTasks", cluster, &e))?.tasks.unwrap_or_default();
    Ok(tasks.into_iter().filter_map(|found| Some((found.created_at.and_then(time), task(found)?))).collect())
}

/// Up to a hundred that run and a hundred that stopped.
pub async fn of(client: &Client, service: &Arn) -> Result<Vec<Task>, AwsError> {
    let (cluster, name) = service.ecs_service().unwrap_or_default();
    let mut found = Vec::new();
    for status in [DesiredStatus::Stopped, DesiredStatus::Running] {
        let listed = client.list_tasks().cluster(cluster).service_name(name).desired_status(status).send().await;
        let arns = listed.map_err(|e| failure("ListTasks", &service.name(), &e))?.task_arns.unwrap_or_default();
        if !arns.is_empty() {
            found.extend(describe(client, cluster, arns).await?.into_iter().map(|(_, task)| task));
        }
    }
    Ok(found)
}

pub fn time(at: DateTime) -> Option<Timestamp> {
    at.to_millis().ok().and_then(|millis| Timestamp::from_millisecond(millis).ok())
}

fn task(task: aws_sdk_ecs::types::Task) -> Option<Task> {
    let container = |container: aws_sdk_ecs::types::Container| TaskContainer {
        name: container.name.unwrap_or_default(),
        exit_code: container.exit_code,
        reason: container.reason.unwrap_or_default(),
    };
    Some(Task {
        task: task.task_arn?,
        task_definition: task.task_definition_arn.unwrap_or_default(),
        status: task.last_status.unwrap_or_default(),
        reason: task.stopped_reason.unwrap_or_default(),
        stopped_at: task.stopped_at.and_then(time),
        containers: task.containers.unwrap_or_default().into_iter().map(container).collect(),
    })
}

/// The last lines of a container, the newest last.
pub async fn last_lines(
    client: &aws_sdk_cloudwatchlogs::Client,
    stream: &LogStream,
    most: usize,
) -> Result<Vec<String>, AwsError> {
    let limit = i32::try_from(most).unwrap_or(i32::MAX);
    let request = client.get_log_events().log_group_name(&stream.group).log_stream_name(&stream.name);
    match request
        .start_from_head(false)
        .limit(limit)
        .send()
        .await
        .map_err(|e| failure("GetLogEvents", &stream.group, &e))
    {
        Ok(answer) => Ok(answer.events.unwrap_or_default().into_iter().filter_map(|event| event.message).collect()),
        // A container that never ran wrote nothing.
        Err(error) if error.code == "ResourceNotFoundException" => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}
