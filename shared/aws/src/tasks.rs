//! Amazon ECS: tasks of services, and what their containers wrote last.

use aws_sdk_ecs::Client;
use aws_sdk_ecs::primitives::DateTime;
use aws_sdk_ecs::types::DesiredStatus;
use jiff::Timestamp;

use super::failure::failure;
use lamplighter::AwsError;
use lamplighter::model::{LogStream, Task, TaskContainer};
use lamplighter::plan::Replace;
use lamplighter::ports::cloud::{Lifecycle, TasksOf};

/// Tasks with when they were created.
pub async fn describe(
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
        .map_err(|e| failure("DescribeTasks", cluster, &e))?
        .tasks
        .unwrap_or_default();
    Ok(tasks
        .into_iter()
        .filter_map(|found| Some((found.created_at.and_then(time), task(found)?)))
        .collect())
}

/// The most tasks that one DescribeTasks call takes, and one page of ListTasks has.
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html>
const PER_CALL: usize = 100;
/// Of what stopped so many tell enough: a large service that crashes leaves more than there is time to read.
const MOST_STOPPED: usize = 1_000;

pub async fn of(client: &Client, of: TasksOf<'_>, which: Lifecycle) -> Result<Vec<Task>, AwsError> {
    let status = match which {
        Lifecycle::Running => DesiredStatus::Running,
        Lifecycle::Stopped => DesiredStatus::Stopped,
    };
    let request = client.list_tasks().desired_status(status);
    let (request, cluster, about) = match of {
        TasksOf::Service(service) => {
            let (cluster, name) = service.ecs_service().unwrap_or_default();
            (
                request.cluster(cluster).service_name(name),
                cluster,
                service.name(),
            )
        }
        TasksOf::Instance(instance) => {
            let (cluster, id) = instance.container_instance().unwrap_or_default();
            (
                request.cluster(cluster).container_instance(id),
                cluster,
                instance.name(),
            )
        }
    };
    let mut pages = request.into_paginator().send();
    let mut arns = Vec::new();
    while let Some(page) = pages.next().await {
        arns.extend(
            page.map_err(|e| failure("ListTasks", &about, &e))?
                .task_arns
                .unwrap_or_default(),
        );
        if which == Lifecycle::Stopped && arns.len() >= MOST_STOPPED {
            break;
        }
    }
    let mut found = Vec::new();
    for chunk in arns.chunks(PER_CALL) {
        found.extend(
            describe(client, cluster, chunk.to_vec())
                .await?
                .into_iter()
                .map(|(_, task)| task),
        );
    }
    Ok(found)
}

/// Stops a task; one that is stopped already is what was wanted.
pub async fn stop(client: &Client, replace: &Replace) -> Result<String, AwsError> {
    let (cluster, _) = replace.service.ecs_service().unwrap_or_default();
    let request = client
        .stop_task()
        .cluster(cluster)
        .task(&replace.task)
        .reason(&replace.reason);
    request
        .send()
        .await
        .map_err(|e| failure("StopTask", &replace.task, &e))?;
    Ok("it is being stopped".to_owned())
}

pub fn time(at: DateTime) -> Option<Timestamp> {
    at.to_millis()
        .ok()
        .and_then(|millis| Timestamp::from_millisecond(millis).ok())
}

fn task(task: aws_sdk_ecs::types::Task) -> Option<Task> {
    // https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Attachment.html
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
        started_at: task.started_at.and_then(time),
        // A load balancer may keep one that stops for minutes, and a host that is gone never says that it stopped.
        stopped_at: task
            .stopping_at
            .or(task.execution_stopped_at)
            .or(task.stopped_at)
            .and_then(time),
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
            .map(container)
            .collect(),
    })
}

fn container(container: aws_sdk_ecs::types::Container) -> TaskContainer {
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

/// The last lines of a container, the newest last.
pub async fn last_lines(
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
        .map_err(|e| failure("GetLogEvents", &stream.group, &e))
    {
        Ok(answer) => Ok(answer
            .events
            .unwrap_or_default()
            .into_iter()
            .filter_map(|event| event.message)
            .collect()),
        // A container that never ran wrote nothing.
        Err(error) if error.code == "ResourceNotFoundException" => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}
