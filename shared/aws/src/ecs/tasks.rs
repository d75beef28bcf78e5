//! Tasks: listing, description and stopping.

use aws_sdk_ecs::Client;
use aws_sdk_ecs::operation::list_tasks::builders::ListTasksFluentBuilder;
use aws_sdk_ecs::types::{Attachment, DesiredStatus, Task as EcsTask};
use jiff::Timestamp;

use crate::error::aws_error;
use crate::timestamps::to_timestamp;
use lamplighter::AwsError;
use lamplighter::model::{Arn, Digest, Task, TaskContainer};
use lamplighter::ports::{TaskLifecycle, TaskOwner};

/// Maximum number of tasks per DescribeTasks call and per page of ListTasks.
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html>
const TASKS_PER_CALL: usize = 100;
/// Number of stopped tasks after which listing ends.
///
/// That is enough evidence, and a large crashing service has more than there is time to read.
const MAX_STOPPED_TASKS: usize = 1_000;

/// Lists and describes the running or stopped tasks of a service, a container instance or a family.
pub async fn list_tasks(
    client: &Client,
    owner: TaskOwner<'_>,
    lifecycle: TaskLifecycle,
) -> Result<Vec<Task>, AwsError> {
    let mut pages = start_listing(client, owner, lifecycle)
        .into_paginator()
        .send();
    let mut arns = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|e| aws_error("ListTasks", &owner_name(owner), &e))?;
        arns.extend(page.task_arns.unwrap_or_default());
        if lifecycle == TaskLifecycle::Stopped && arns.len() >= MAX_STOPPED_TASKS {
            break;
        }
    }
    let mut tasks = Vec::new();
    for chunk in arns.chunks(TASKS_PER_CALL) {
        let described = describe_tasks(client, owner_cluster(owner), chunk.to_vec()).await?;
        tasks.extend(described.into_iter().map(|(_, task)| task));
    }
    Ok(tasks)
}

fn start_listing(
    client: &Client,
    owner: TaskOwner<'_>,
    lifecycle: TaskLifecycle,
) -> ListTasksFluentBuilder {
    let status = match lifecycle {
        TaskLifecycle::Running => DesiredStatus::Running,
        TaskLifecycle::Stopped => DesiredStatus::Stopped,
    };
    let request = client
        .list_tasks()
        .cluster(owner_cluster(owner))
        .desired_status(status);
    match owner {
        TaskOwner::Service(service) => {
            let (_, name) = service.ecs_cluster_and_name().unwrap_or_default();
            request.service_name(name)
        }
        TaskOwner::Instance(instance) => {
            let (_, id) = instance.container_instance().unwrap_or_default();
            request.container_instance(id)
        }
        TaskOwner::Family { family, .. } => request.family(family),
    }
}

fn owner_cluster(owner: TaskOwner<'_>) -> &str {
    let (cluster, _) = match owner {
        TaskOwner::Service(service) => service.ecs_cluster_and_name(),
        TaskOwner::Instance(instance) => instance.container_instance(),
        TaskOwner::Family { cluster, family } => Some((cluster, family)),
    }
    .unwrap_or_default();
    cluster
}

fn owner_name(owner: TaskOwner<'_>) -> String {
    match owner {
        TaskOwner::Service(arn) | TaskOwner::Instance(arn) => arn.display_name(),
        TaskOwner::Family { family, .. } => family.to_owned(),
    }
}

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

/// Stops a task. Idempotent: a task that has already stopped is not an error.
/// `reason`: what ECS shows as the stop reason. Source: StopTask.
///
/// # Errors
/// [`AwsError`] if the call fails.
pub async fn stop_task(
    client: &Client,
    cluster: &str,
    task: &str,
    reason: &str,
) -> Result<String, AwsError> {
    let request = client
        .stop_task()
        .cluster(cluster)
        .task(task)
        .reason(reason);
    request
        .send()
        .await
        .map_err(|e| aws_error("StopTask", task, &e))?;
    Ok("stopping".to_owned())
}

/// Stops a task of a service. Source: StopTask.
///
/// # Errors
/// [`AwsError`] if the call fails.
pub async fn stop_task_of_service(
    client: &Client,
    service: &Arn,
    task: &str,
    reason: &str,
) -> Result<String, AwsError> {
    let (cluster, _) = service.ecs_cluster_and_name().unwrap_or_default();
    stop_task(client, cluster, task, reason).await
}

/// Returns the private address of a task's network interface, if it has one of its own.
///
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Attachment.html>
fn private_address(task: &EcsTask) -> Option<String> {
    task.attachments()
        .iter()
        .filter(|attachment| attachment.r#type() == Some("ElasticNetworkInterface"))
        .flat_map(Attachment::details)
        .find(|detail| detail.name() == Some("privateIPv4Address"))
        .and_then(|detail| detail.value.clone())
}

fn convert_task(task: EcsTask) -> Option<Task> {
    Some(Task {
        address: private_address(&task),
        task: task.task_arn?,
        task_definition: task.task_definition_arn.unwrap_or_default(),
        group: task.group.unwrap_or_default(),
        started_by: task.started_by.unwrap_or_default(),
        status: task.last_status.unwrap_or_default(),
        stop_code: task
            .stop_code
            .map(|code| code.as_str().to_owned())
            .unwrap_or_default(),
        reason: task.stopped_reason.unwrap_or_default(),
        created_at: task.created_at.and_then(to_timestamp),
        started_at: task.started_at.and_then(to_timestamp),
        containers_ended_at: task.execution_stopped_at.and_then(to_timestamp),
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
        image_digest: container.image_digest.map(Digest::new),
        ports: bindings
            .into_iter()
            .filter_map(|binding| binding.host_port)
            .collect(),
    }
}
