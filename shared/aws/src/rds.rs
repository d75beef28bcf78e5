//! Amazon RDS: databases, including Aurora and DocumentDB.

use aws_sdk_rds::Client;
use aws_sdk_rds::types::{DbCluster, DbInstance, DbSubnetGroup, Filter, Tag};

use super::error::aws_error;
use super::snapshots::to_timestamp;
use lamplighter::AwsError;
use lamplighter::model::{Arn, Database};

/// Maximum page size of the RDS listings.
const PAGE_SIZE: i32 = 100;
/// Filter values per call. AWS documents no limit; this is the maximum page size.
const NAMES_PER_CALL: usize = 100;

/// Describes the instances and clusters with these ARNs; missing ones are left out.
///
/// Sources: DescribeDBInstances, DescribeDBClusters.
pub async fn describe_databases(client: &Client, arns: &[Arn]) -> Result<Vec<Database>, AwsError> {
    let of_kind = |kind: &str| -> Vec<String> {
        let prefix = format!("{kind}:");
        arns.iter()
            .filter_map(|arn| arn.resource().strip_prefix(&prefix))
            .map(str::to_owned)
            .collect()
    };
    let mut found = Vec::new();
    for chunk in of_kind("db").chunks(NAMES_PER_CALL) {
        let filter = Filter::builder()
            .name("db-instance-id")
            .set_values(Some(chunk.to_vec()))
            .build();
        let request = client
            .describe_db_instances()
            .filters(filter)
            .max_records(PAGE_SIZE);
        let mut pages = request.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|e| aws_error("DescribeDBInstances", &chunk.join(", "), &e))?;
            found.extend(
                page.db_instances
                    .unwrap_or_default()
                    .into_iter()
                    .filter_map(convert_instance),
            );
        }
    }
    for chunk in of_kind("cluster").chunks(NAMES_PER_CALL) {
        let filter = Filter::builder()
            .name("db-cluster-id")
            .set_values(Some(chunk.to_vec()))
            .build();
        let request = client
            .describe_db_clusters()
            .filters(filter)
            .max_records(PAGE_SIZE);
        let mut pages = request.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|e| aws_error("DescribeDBClusters", &chunk.join(", "), &e))?;
            found.extend(
                page.db_clusters
                    .unwrap_or_default()
                    .into_iter()
                    .filter_map(convert_cluster),
            );
        }
    }
    found.retain(|database| arns.contains(&database.arn));
    Ok(found)
}

fn convert_tags(tags: Option<Vec<Tag>>) -> std::collections::BTreeMap<String, String> {
    let tags = tags.unwrap_or_default().into_iter();
    tags.filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default())))
        .collect()
}

/// Reports whether an engine stores its data in a cluster volume, which grows automatically.
fn has_cluster_volume(engine: &str) -> bool {
    engine.starts_with("aurora") || engine == "docdb" || engine == "neptune"
}

fn subnet_ids(group: &DbSubnetGroup) -> Vec<String> {
    group
        .subnets()
        .iter()
        .filter_map(|subnet| subnet.subnet_identifier.clone())
        .collect()
}

fn days_or_zero(days: Option<i32>) -> u32 {
    days.unwrap_or_default().unsigned_abs()
}

fn convert_instance(instance: DbInstance) -> Option<Database> {
    let cluster = instance
        .db_cluster_identifier
        .filter(|name| !name.is_empty());
    let engine = instance.engine.unwrap_or_default();
    Some(Database {
        arn: Arn::new(instance.db_instance_arn?),
        identifier: instance.db_instance_identifier?,
        engine: engine.clone(),
        engine_version: instance.engine_version.unwrap_or_default(),
        resource_id: instance.dbi_resource_id.unwrap_or_default(),
        status: instance.db_instance_status.unwrap_or_default(),
        latest_restorable: instance.latest_restorable_time.and_then(to_timestamp),
        class: instance.db_instance_class.unwrap_or_default(),
        storage_type: instance.storage_type,
        iops: instance.iops,
        is_cluster: false,
        members: 0,
        is_replica: instance
            .read_replica_source_db_instance_identifier
            .is_some_and(|source| !source.is_empty()),
        allocated_gib: instance
            .allocated_storage
            .filter(|_| !has_cluster_volume(&engine))
            .map(i32::unsigned_abs),
        cluster,
        backup_retention_days: days_or_zero(instance.backup_retention_period),
        multi_az: instance.multi_az.unwrap_or_default(),
        publicly_accessible: instance.publicly_accessible.unwrap_or_default(),
        encrypted: instance.storage_encrypted.unwrap_or_default(),
        deletion_protection: instance.deletion_protection.unwrap_or_default(),
        certificate_until: instance
            .certificate_details
            .and_then(|of| of.valid_till)
            .and_then(to_timestamp),
        subnets: instance
            .db_subnet_group
            .as_ref()
            .map(subnet_ids)
            .unwrap_or_default(),
        subnet_group: instance
            .db_subnet_group
            .and_then(|group| group.db_subnet_group_name),
        port: instance
            .endpoint
            .as_ref()
            .and_then(|endpoint| endpoint.port),
        address: instance.endpoint.and_then(|endpoint| endpoint.address),
        schema: instance.db_name,
        user: instance.master_username.unwrap_or_default(),
        secret: instance
            .master_user_secret
            .and_then(|secret| secret.secret_arn),
        parameter_group: instance
            .db_parameter_groups
            .and_then(|groups| groups.into_iter().next())
            .and_then(|group| group.db_parameter_group_name),
        tags: convert_tags(instance.tag_list),
    })
}

fn convert_cluster(cluster: DbCluster) -> Option<Database> {
    let members = cluster.db_cluster_members.as_ref().map_or(0, Vec::len);
    Some(Database {
        arn: Arn::new(cluster.db_cluster_arn?),
        identifier: cluster.db_cluster_identifier?,
        engine: cluster.engine.unwrap_or_default(),
        engine_version: cluster.engine_version.unwrap_or_default(),
        resource_id: cluster.db_cluster_resource_id.unwrap_or_default(),
        status: cluster.status.unwrap_or_default(),
        latest_restorable: cluster.latest_restorable_time.and_then(to_timestamp),
        class: cluster.db_cluster_instance_class.unwrap_or_default(),
        storage_type: cluster.storage_type,
        iops: cluster.iops,
        is_cluster: true,
        cluster: None,
        members,
        is_replica: false,
        allocated_gib: None,
        backup_retention_days: days_or_zero(cluster.backup_retention_period),
        // A cluster with a second instance can fail over to it.
        multi_az: cluster.multi_az.unwrap_or_default() || members > 1,
        publicly_accessible: cluster.publicly_accessible.unwrap_or_default(),
        encrypted: cluster.storage_encrypted.unwrap_or_default(),
        deletion_protection: cluster.deletion_protection.unwrap_or_default(),
        certificate_until: cluster
            .certificate_details
            .and_then(|of| of.valid_till)
            .and_then(to_timestamp),
        subnets: Vec::new(),
        subnet_group: cluster.db_subnet_group,
        address: cluster.endpoint,
        port: cluster.port,
        schema: cluster.database_name,
        user: cluster.master_username.unwrap_or_default(),
        secret: cluster
            .master_user_secret
            .and_then(|secret| secret.secret_arn),
        parameter_group: cluster.db_cluster_parameter_group,
        tags: convert_tags(cluster.tag_list),
    })
}
