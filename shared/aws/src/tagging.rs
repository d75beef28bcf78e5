//! Resource Groups Tagging API: discovery of resources by our tags.

use aws_sdk_resourcegroupstagging::Client;
use aws_sdk_resourcegroupstagging::types::{ResourceTagMapping, TagFilter};

use super::error::aws_error;
use lamplighter::AwsError;
use lamplighter::model::{Arn, Tagged};
use lamplighter::policy::{STACK, TARGET};
use lamplighter::ports::ResourceKind;

/// Maximum number of resources per page of GetResources.
const PAGE_SIZE: i32 = 100;

fn resource_types(kind: ResourceKind) -> &'static [&'static str] {
    match kind {
        ResourceKind::Service => &["ecs:service"],
        // DocumentDB resources have the resource types of RDS.
        ResourceKind::Database => &["rds:db", "rds:cluster"],
        ResourceKind::DatabaseOrCache => &[
            "rds:db",
            "rds:cluster",
            "elasticache:replicationgroup",
            "elasticache:serverlesscache",
        ],
        ResourceKind::Cache => &["elasticache:cluster"],
        ResourceKind::LogGroup => &["logs:log-group"],
    }
}

/// Lists the resources of a kind that have a tag. Source: GetResources.
pub async fn list_tagged(
    client: &Client,
    kind: ResourceKind,
    tag_key: &str,
) -> Result<Vec<Tagged>, AwsError> {
    list_resources(client, resource_types(kind), tag_key, None).await
}

/// Lists the resources of any kind that have a tag. Source: GetResources.
pub async fn list_of_any_kind(client: &Client, tag_key: &str) -> Result<Vec<Tagged>, AwsError> {
    list_resources(client, &[], tag_key, None).await
}

/// Lists all tag keys of the account and region. Source: GetTagKeys.
pub async fn list_keys(client: &Client) -> Result<Vec<String>, AwsError> {
    let pages = client.get_tag_keys().into_paginator().items().send();
    pages
        .try_collect()
        .await
        .map_err(|e| aws_error("GetTagKeys", "all", &e))
}

/// Lists the alarms with the target tag: all of them, or those of one target.
pub async fn list_own_alarms(client: &Client, of: Option<&Arn>) -> Result<Vec<Tagged>, AwsError> {
    list_resources(client, &["cloudwatch:alarm"], TARGET, of.map(Arn::as_str)).await
}

/// Lists the cache snapshots with the stack tag.
///
/// The listings of ElastiCache itself have no tags.
pub async fn list_cache_snapshots(client: &Client) -> Result<Vec<Tagged>, AwsError> {
    list_resources(
        client,
        &[
            "elasticache:snapshot",
            "elasticache:serverlesscachesnapshot",
        ],
        STACK,
        None,
    )
    .await
}

async fn list_resources(
    client: &Client,
    types: &[&str],
    tag_key: &str,
    tag_value: Option<&str>,
) -> Result<Vec<Tagged>, AwsError> {
    let filter = TagFilter::builder()
        .key(tag_key)
        .set_values(tag_value.map(|value| vec![value.to_owned()]));
    let mut pages = client
        .get_resources()
        .tag_filters(filter.build())
        .set_resource_type_filters(Some(types.iter().map(ToString::to_string).collect()))
        .resources_per_page(PAGE_SIZE)
        .into_paginator()
        .send();
    let mut resources = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|e| aws_error("GetResources", tag_key, &e))?;
        let found = page
            .resource_tag_mapping_list
            .unwrap_or_default()
            .into_iter()
            .filter_map(convert_resource);
        // After the tag is removed, GetResources may still list the resource without it.
        resources.extend(found.filter(|resource| resource.tags.contains_key(tag_key)));
    }
    Ok(resources)
}

fn convert_resource(mapping: ResourceTagMapping) -> Option<Tagged> {
    let arn = Arn::new(mapping.resource_arn?);
    let tags = mapping
        .tags
        .unwrap_or_default()
        .into_iter()
        .map(|tag| (tag.key, tag.value))
        .collect();
    Some(Tagged { arn, tags })
}
