//! Resource Groups Tagging API: which resources carry our tags.

use aws_sdk_resourcegroupstagging::Client;
use aws_sdk_resourcegroupstagging::types::{ResourceTagMapping, TagFilter};

use super::failure::failure;
use crate::AwsError;
use crate::model::{Arn, Tagged};

/// The most one page may hold.
const PER_PAGE: i32 = 100;

pub async fn services(client: &Client, tag_key: &str) -> Result<Vec<Tagged>, AwsError> {
    let mut pages = client
        .get_resources()
        .tag_filters(TagFilter::builder().key(tag_key).build())
        .resource_type_filters("ecs:service")
        .resources_per_page(PER_PAGE)
        .into_paginator()
        .send();
    let mut services = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|e| failure("GetResources", tag_key, &e))?;
        let found = page.resource_tag_mapping_list.unwrap_or_default().into_iter().filter_map(tagged);
        // A tag that was just removed may still be listed without its key.
        services.extend(found.filter(|service| service.tags.contains_key(tag_key)));
    }
    Ok(services)
}

fn tagged(mapping: ResourceTagMapping) -> Option<Tagged> {
    let arn = Arn::new(mapping.resource_arn?);
    let tags = mapping.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect();
    Some(Tagged { arn, tags })
}
