//! Reads what an account has: services, databases, caches and the log groups of services.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;

use aws_config::SdkConfig;
use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use aws_sdk_ecs::types::{SchedulingStrategy, ServiceField, TaskDefinition};
use lamplighter::model::Arn;

use crate::error::CommandError;
use crate::failure::describe_failure;

/// The number of services that one call describes.
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeServices.html>
const SERVICES_PER_CALL: usize = 10;

/// A resource that Lamplighter could operate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    pub arn: Arn,
    pub tags: BTreeMap<String, String>,
    /// The service, if it is one.
    pub service: Option<FoundService>,
}

/// What the tags of a service depend on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FoundService {
    /// The image of its first essential container.
    pub image: String,
    pub desired: i32,
    /// It runs a task on each instance.
    pub is_daemon: bool,
}

/// Lists all resources, services first.
///
/// # Errors
/// [`CommandError`] if a call fails.
pub async fn list_resources(configuration: &SdkConfig) -> Result<Vec<Found>, CommandError> {
    let (mut found, log_groups) = list_services(configuration).await?;
    found.extend(list_databases(configuration).await?);
    found.extend(list_caches(configuration).await?);
    found.extend(list_log_groups(configuration, &log_groups).await?);
    Ok(found)
}

/// Lists the services of all clusters, and the names of their log groups.
async fn list_services(
    configuration: &SdkConfig,
) -> Result<(Vec<Found>, BTreeSet<String>), CommandError> {
    let client = aws_sdk_ecs::Client::new(configuration);
    let (mut found, mut log_groups) = (Vec::new(), BTreeSet::new());
    for (cluster, arns) in list_by_cluster(&client).await? {
        for arns in arns.chunks(SERVICES_PER_CALL) {
            let request = client
                .describe_services()
                .cluster(&cluster)
                .set_services(Some(arns.to_vec()))
                .include(ServiceField::Tags);
            let described = request.send().await;
            let described = described.map_err(|error| fail("DescribeServices", &error))?;
            for service in described.services.unwrap_or_default() {
                let definition = service.task_definition.clone().unwrap_or_default();
                let definition = describe_definition(&client, &definition).await?;
                log_groups.extend(list_groups(&definition));
                found.push(convert_service(service, &definition));
            }
        }
    }
    Ok((found, log_groups))
}

/// Lists the ARNs of the services of all clusters.
///
/// # Errors
/// [`CommandError`] if a call fails.
pub async fn list_service_arns(configuration: &SdkConfig) -> Result<Vec<Arn>, CommandError> {
    let client = aws_sdk_ecs::Client::new(configuration);
    let clusters = list_by_cluster(&client).await?;
    let arns = clusters.into_iter().flat_map(|(_, arns)| arns);
    Ok(arns.map(Arn::new).collect())
}

/// Lists the ARNs of services by the ARN of their cluster.
async fn list_by_cluster(
    client: &aws_sdk_ecs::Client,
) -> Result<Vec<(String, Vec<String>)>, CommandError> {
    let mut clusters = client.list_clusters().into_paginator().items().send();
    let mut found = Vec::new();
    while let Some(cluster) = clusters.next().await {
        let cluster = cluster.map_err(|error| fail("ListClusters", &error))?;
        let mut pages = client
            .list_services()
            .cluster(&cluster)
            .into_paginator()
            .items()
            .send();
        let mut arns = Vec::new();
        while let Some(arn) = pages.next().await {
            arns.push(arn.map_err(|error| fail("ListServices", &error))?);
        }
        found.push((cluster, arns));
    }
    Ok(found)
}

fn convert_service(service: aws_sdk_ecs::types::Service, definition: &TaskDefinition) -> Found {
    let containers = definition.container_definitions().iter();
    let mut essential = containers.filter(|container| container.essential != Some(false));
    let image = essential
        .next()
        .and_then(|container| container.image.clone());
    let tags = service.tags.unwrap_or_default().into_iter();
    Found {
        arn: Arn::new(service.service_arn.unwrap_or_default()),
        tags: tags
            .filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default())))
            .collect(),
        service: Some(FoundService {
            image: image.unwrap_or_default(),
            desired: service.desired_count,
            is_daemon: service.scheduling_strategy == Some(SchedulingStrategy::Daemon),
        }),
    }
}

async fn describe_definition(
    client: &aws_sdk_ecs::Client,
    arn: &str,
) -> Result<TaskDefinition, CommandError> {
    // A service whose tasks an external controller starts has none.
    if arn.is_empty() {
        return Ok(TaskDefinition::builder().build());
    }
    let request = client.describe_task_definition().task_definition(arn);
    let answer = request.send().await;
    let answer = answer.map_err(|error| fail("DescribeTaskDefinition", &error))?;
    Ok(answer
        .task_definition
        .unwrap_or_else(|| TaskDefinition::builder().build()))
}

/// Returns the log groups to which the containers of a task write.
fn list_groups(definition: &TaskDefinition) -> impl Iterator<Item = String> {
    let containers = definition.container_definitions().iter();
    containers.filter_map(|container| {
        let options = container.log_configuration()?.options()?;
        options.get("awslogs-group").cloned()
    })
}

/// Lists instances and clusters. An instance of a cluster is backed up with it.
async fn list_databases(configuration: &SdkConfig) -> Result<Vec<Found>, CommandError> {
    let client = aws_sdk_rds::Client::new(configuration);
    let mut found = Vec::new();
    let mut instances = client
        .describe_db_instances()
        .into_paginator()
        .items()
        .send();
    while let Some(instance) = instances.next().await {
        let instance = instance.map_err(|error| fail("DescribeDBInstances", &error))?;
        if instance.db_cluster_identifier.is_none() {
            found.push(convert_database(
                instance.db_instance_arn,
                instance.tag_list,
            ));
        }
    }
    let mut clusters = client
        .describe_db_clusters()
        .into_paginator()
        .items()
        .send();
    while let Some(cluster) = clusters.next().await {
        let cluster = cluster.map_err(|error| fail("DescribeDBClusters", &error))?;
        found.push(convert_database(cluster.db_cluster_arn, cluster.tag_list));
    }
    Ok(found)
}

fn convert_database(arn: Option<String>, tags: Option<Vec<aws_sdk_rds::types::Tag>>) -> Found {
    let tags = tags.unwrap_or_default().into_iter();
    Found {
        arn: Arn::new(arn.unwrap_or_default()),
        tags: tags
            .filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default())))
            .collect(),
        service: None,
    }
}

async fn list_caches(configuration: &SdkConfig) -> Result<Vec<Found>, CommandError> {
    let client = aws_sdk_elasticache::Client::new(configuration);
    let mut arns = Vec::new();
    let mut groups = client
        .describe_replication_groups()
        .into_paginator()
        .items()
        .send();
    while let Some(group) = groups.next().await {
        let group = group.map_err(|error| fail("DescribeReplicationGroups", &error))?;
        arns.extend(group.arn);
    }
    let mut caches = client
        .describe_serverless_caches()
        .into_paginator()
        .items()
        .send();
    while let Some(cache) = caches.next().await {
        let cache = cache.map_err(|error| fail("DescribeServerlessCaches", &error))?;
        arns.extend(cache.arn);
    }
    let mut found = Vec::new();
    for arn in arns {
        let request = client.list_tags_for_resource().resource_name(&arn);
        let answer = request.send().await;
        let answer = answer.map_err(|error| fail("ListTagsForResource", &error))?;
        let tags = answer.tag_list.unwrap_or_default().into_iter();
        found.push(Found {
            arn: Arn::new(arn),
            tags: tags
                .filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default())))
                .collect(),
            service: None,
        });
    }
    Ok(found)
}

/// Lists the log groups of services.
async fn list_log_groups(
    configuration: &SdkConfig,
    names: &BTreeSet<String>,
) -> Result<Vec<Found>, CommandError> {
    let client = aws_sdk_cloudwatchlogs::Client::new(configuration);
    let mut found = Vec::new();
    let mut groups = client.describe_log_groups().into_paginator().items().send();
    while let Some(group) = groups.next().await {
        let group = group.map_err(|error| fail("DescribeLogGroups", &error))?;
        let is_used = group
            .log_group_name()
            .is_some_and(|name| names.contains(name));
        let Some(arn) = group.arn.filter(|_| is_used) else {
            continue;
        };
        // Calls about tags take the ARN without its last part.
        let arn = arn.trim_end_matches(":*");
        let answer = client
            .list_tags_for_resource()
            .resource_arn(arn)
            .send()
            .await;
        let answer = answer.map_err(|error| fail("ListTagsForResource", &error))?;
        found.push(Found {
            arn: Arn::new(arn),
            tags: answer.tags.unwrap_or_default().into_iter().collect(),
            service: None,
        });
    }
    Ok(found)
}

fn fail<E: ProvideErrorMetadata + Error>(call: &'static str, error: &E) -> CommandError {
    let if_denied =
        "Use a role that may read the account, such as one with the policy ReadOnlyAccess";
    describe_failure(call, if_denied, error)
}
