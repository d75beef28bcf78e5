//! Amazon ECS: tasks, and the last log lines of their containers.

use aws_sdk_ecs::Client;
use aws_sdk_ecs::primitives::DateTime;
use aws_sdk_ecs::types::DesiredStatus;
use jiff::Timestamp;

use super::error::aws_error;
use lamplighter::AwsError;
use lamplighter::model::{LogStream, Task, TaskContainer};
use lamplighter::plan::ReplaceTask;
use lamplighter::ports::{TaskLifecycle, TaskOwner};

/// Describes tasks of a cluster and returns each with its creation time.
pub async fn describe_tasks(
    client: &Client,
    cluster: &str,
    arns: Vec<String>,
) -> Result<Vec<(Option<Timestamp>, Task)>, AwsError> {
    let described = client
        .describe_tasks()
        .cluster(cluster)
        .set_tasks(Some(arns))
        .send()
        .await;
    let tasks = described
        .map_err(|e| aws_error("DescribeTasks", cluster, &e))?
        .tasks
        .unwrap_or_default();
    Ok(tasks
        .into_iter()
        .filter_map(|found| {
            Some((
                found.created_at.and_then(to_timestamp),
                convert_task(found)?,
            ))
        })
        .collect())
}

/// Maximum number of tasks per DescribeTasks call and per page of ListTasks.
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html>
const TASKS_PER_CALL: usize = 100;
/// Number of stopped tasks after which listing ends.
///
/// That is enough evidence, and a large crashing service has more than there is time to read.
const MAX_STOPPED_TASKS: usize = 1_000;

pub async fn list_tasks(
    client: &Client,
    of: TaskOwner<'_>,
    which: TaskLifecycle,
) -> Result<Vec<Task>, AwsError> {
    let status = match which {
        TaskLifecycle::Running => DesiredStatus::Running,
        TaskLifecycle::Stopped => DesiredStatus::Stopped,
    };
    let request = client.list_tasks().desired_status(status);
    let (request, cluster, about) = match of {
        TaskOwner::Service(service) => {
            let (cluster, name) = service.ecs_cluster_and_name().unwrap_or_default();
            (
                request.cluster(cluster).service_name(name),
                cluster,
                service.display_name(),
            )
        }
        TaskOwner::Instance(instance) => {
            let (cluster, id) = instance.container_instance().unwrap_or_default();
            (
                request.cluster(cluster).container_instance(id),
                cluster,
                instance.display_name(),
            )
        }
    };
    let mut pages = request.into_paginator().send();
    let mut arns = Vec::new();
    while let Some(page) = pages.next().await {
        arns.extend(
            page.map_err(|e| aws_error("ListTasks", &about, &e))?
                .task_arns
                .unwrap_or_default(),
        );
        if which == TaskLifecycle::Stopped && arns.len() >= MAX_STOPPED_TASKS {
            break;
        }
    }
    let mut found = Vec::new();
    for chunk in arns.chunks(TASKS_PER_CALL) {
        found.extend(
            describe_tasks(client, cluster, chunk.to_vec())
                .await?
                .into_iter()
                .map(|(_, task)| task),
        );
    }
    Ok(found)
}

/// Stops a task. Idempotent: a task that has already stopped is not an error.
pub async fn stop_task(client: &Client, replace: &ReplaceTask) -> Result<String, AwsError> {
    let (cluster, _) = replace.service.ecs_cluster_and_name().unwrap_or_default();
    let request = client
        .stop_task()
        .cluster(cluster)
        .task(&replace.task)
        .reason(&replace.reason);
    request
        .send()
        .await
        .map_err(|e| aws_error("StopTask", &replace.task, &e))?;
    Ok("it is being stopped".to_owned())
}

pub fn to_timestamp(at: DateTime) -> Option<Timestamp> {
    at.to_millis()
        .ok()
        .and_then(|millis| Timestamp::from_millisecond(millis).ok())
}

fn convert_task(task: aws_sdk_ecs::types::Task) -> Option<Task> {
    // Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Attachment.html
    let of_interface = |key: &str| {
        let details = task
            .attachments()
            .iter()
            .filter(|a| a.r#type() == Some("ElasticNetworkInterface"));
        let mut details = details.flat_map(aws_sdk_ecs::types::Attachment::details);
        details
            .find(|detail| detail.name() == Some(key))
            .and_then(|detail| detail.value.clone())
    };
    Some(Task {
        address: of_interface("privateIPv4Address"),
        task: task.task_arn?,
        task_definition: task.task_definition_arn.unwrap_or_default(),
        status: task.last_status.unwrap_or_default(),
        stop_code: task
            .stop_code
            .map(|code| code.as_str().to_owned())
            .unwrap_or_default(),
        reason: task.stopped_reason.unwrap_or_default(),
        started_at: task.started_at.and_then(to_timestamp),
        // Use the earliest stage: a load balancer may delay a stopping task for minutes, and a
        // lost host never reports the stop.
        stopped_at: task
            .stopping_at
            .or(task.execution_stopped_at)
            .or(task.stopped_at)
            .and_then(to_timestamp),
        health: task
            .health_status
            .map(|health| health.as_str().to_owned())
            .unwrap_or_default(),
        zone: task.availability_zone.unwrap_or_default(),
        instance: task.container_instance_arn,
        containers: task
            .containers
            .unwrap_or_default()
            .into_iter()
            .map(convert_container)
            .collect(),
    })
}

fn convert_container(container: aws_sdk_ecs::types::Container) -> TaskContainer {
    let bindings = container.network_bindings.unwrap_or_default();
    TaskContainer {
        name: container.name.unwrap_or_default(),
        exit_code: container.exit_code,
        reason: container.reason.unwrap_or_default(),
        ports: bindings
            .into_iter()
            .filter_map(|binding| binding.host_port)
            .collect(),
    }
}

/// Returns the last log lines of a container, the newest last. Source: GetLogEvents.
pub async fn read_last_lines(
    client: &aws_sdk_cloudwatchlogs::Client,
    stream: &LogStream,
    most: usize,
) -> Result<Vec<String>, AwsError> {
    let limit = i32::try_from(most).unwrap_or(i32::MAX);
    let request = client
        .get_log_events()
        .log_group_name(&stream.group)
        .log_stream_name(&stream.name);
    match request
        .start_from_head(false)
        .limit(limit)
        .send()
        .await
        .map_err(|e| aws_error("GetLogEvents", &stream.group, &e))
    {
        Ok(answer) => Ok(answer
            .events
            .unwrap_or_default()
            .into_iter()
            .filter_map(|event| event.message)
            .collect()),
        // A container that never ran has no log stream.
        Err(error) if error.code == "ResourceNotFoundException" => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}
