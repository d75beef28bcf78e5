//! Resource Groups Tagging API: which resources carry our tags.

use aws_sdk_resourcegroupstagging::Client;
use aws_sdk_resourcegroupstagging::types::{ResourceTagMapping, TagFilter};

use super::failure::failure;
use lamplighter::AwsError;
use lamplighter::model::{Arn, Tagged};
use lamplighter::policy::{STACK, TARGET};
use lamplighter::ports::cloud::Kind;

/// The most one page may hold.
const PER_PAGE: i32 = 100;

fn types(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Service => &["ecs:service"],
        // DocumentDB's resources are of RDS's types.
        Kind::Database => &["rds:db", "rds:cluster"],
        Kind::DatabaseOrCache => &[
            "rds:db",
            "rds:cluster",
            "elasticache:replicationgroup",
            "elasticache:serverlesscache",
        ],
        Kind::Cache => &["elasticache:cluster"],
        Kind::LogGroup => &["logs:log-group"],
    }
}

pub async fn tagged(client: &Client, kind: Kind, tag_key: &str) -> Result<Vec<Tagged>, AwsError> {
    list(client, types(kind), tag_key, None).await
}

/// The alarms that name their target in a tag, or those of one target.
pub async fn own_alarms(client: &Client, of: Option<&Arn>) -> Result<Vec<Tagged>, AwsError> {
    list(client, &["cloudwatch:alarm"], TARGET, of.map(Arn::as_str)).await
}

/// The snapshots of caches that carry the tag of a stack; listings of ElastiCache have no tags.
pub async fn cache_snapshots(client: &Client) -> Result<Vec<Tagged>, AwsError> {
    list(
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

async fn list(
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
        .resources_per_page(PER_PAGE)
        .into_paginator()
        .send();
    let mut resources = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|e| failure("GetResources", tag_key, &e))?;
        let found = page
            .resource_tag_mapping_list
            .unwrap_or_default()
            .into_iter()
            .filter_map(resource);
        // A tag that was just removed may still be listed without its key.
        resources.extend(found.filter(|resource| resource.tags.contains_key(tag_key)));
    }
    Ok(resources)
}

fn resource(mapping: ResourceTagMapping) -> Option<Tagged> {
    let arn = Arn::new(mapping.resource_arn?);
    let tags = mapping
        .tags
        .unwrap_or_default()
        .into_iter()
        .map(|tag| (tag.key, tag.value))
        .collect();
    Some(Tagged { arn, tags })
}
