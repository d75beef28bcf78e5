//! Databases: instances and clusters.

use std::collections::BTreeMap;

use aws_sdk_rds::Client;
use aws_sdk_rds::types::{CertificateDetails, DbCluster, DbInstance, DbSubnetGroup, Filter, Tag};

use super::settings::{convert_cluster_settings, convert_instance_settings};
use crate::error::aws_error;
use crate::timestamps::to_second;
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
    let mut databases = Vec::new();
    for names in names_of_kind(arns, "db").chunks(NAMES_PER_CALL) {
        let instances = describe_instances(client, "db-instance-id", names).await?;
        databases.extend(instances.into_iter().filter_map(convert_instance));
    }
    for names in names_of_kind(arns, "cluster").chunks(NAMES_PER_CALL) {
        let clusters = describe_clusters(client, names).await?;
        databases.extend(clusters.into_iter().filter_map(convert_cluster));
    }
    databases.retain(|database| arns.contains(&database.arn));
    Ok(databases)
}

/// Describes the instances of clusters. Source: DescribeDBInstances.
pub async fn describe_members(
    client: &Client,
    clusters: &[Arn],
) -> Result<Vec<Database>, AwsError> {
    let mut members = Vec::new();
    for names in names_of_kind(clusters, "cluster").chunks(NAMES_PER_CALL) {
        let instances = describe_instances(client, "db-cluster-id", names).await?;
        members.extend(instances.into_iter().filter_map(convert_instance));
    }
    Ok(members)
}

/// Returns the names in the ARNs of one kind: `orders` in `…:db:orders`.
fn names_of_kind(arns: &[Arn], kind: &str) -> Vec<String> {
    let prefix = format!("{kind}:");
    arns.iter()
        .filter_map(|arn| arn.resource().strip_prefix(&prefix))
        .map(str::to_owned)
        .collect()
}

async fn describe_instances(
    client: &Client,
    filter: &str,
    names: &[String],
) -> Result<Vec<DbInstance>, AwsError> {
    let mut pages = client
        .describe_db_instances()
        .filters(build_filter(filter, names))
        .max_records(PAGE_SIZE)
        .into_paginator()
        .send();
    let mut instances = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|e| aws_error("DescribeDBInstances", &names.join(", "), &e))?;
        instances.extend(page.db_instances.unwrap_or_default());
    }
    Ok(instances)
}

async fn describe_clusters(client: &Client, names: &[String]) -> Result<Vec<DbCluster>, AwsError> {
    let mut pages = client
        .describe_db_clusters()
        .filters(build_filter("db-cluster-id", names))
        .max_records(PAGE_SIZE)
        .into_paginator()
        .send();
    let mut clusters = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|e| aws_error("DescribeDBClusters", &names.join(", "), &e))?;
        clusters.extend(page.db_clusters.unwrap_or_default());
    }
    Ok(clusters)
}

fn build_filter(name: &str, values: &[String]) -> Filter {
    Filter::builder()
        .name(name)
        .set_values(Some(values.to_vec()))
        .build()
}

fn convert_tags(tags: Option<Vec<Tag>>) -> BTreeMap<String, String> {
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

fn certificate_expiry(details: Option<CertificateDetails>) -> Option<jiff::Timestamp> {
    details
        .and_then(|details| details.valid_till)
        .and_then(to_second)
}

fn is_replica(instance: &DbInstance) -> bool {
    instance
        .read_replica_source_db_instance_identifier()
        .is_some_and(|source| !source.is_empty())
}

/// Returns the allocated storage; `None` if storage grows automatically.
fn allocated_gib(instance: &DbInstance) -> Option<u32> {
    instance
        .allocated_storage
        .filter(|_| !has_cluster_volume(instance.engine().unwrap_or_default()))
        .map(i32::unsigned_abs)
}

fn first_parameter_group(instance: &DbInstance) -> Option<String> {
    let group = instance.db_parameter_groups().first()?;
    group.db_parameter_group_name.clone()
}

fn convert_instance(instance: DbInstance) -> Option<Database> {
    let subnets = instance
        .db_subnet_group
        .as_ref()
        .map(subnet_ids)
        .unwrap_or_default();
    Some(Database {
        is_replica: is_replica(&instance),
        is_serverless: instance.db_instance_class.as_deref() == Some("db.serverless"),
        allocated_gib: allocated_gib(&instance),
        parameter_group: first_parameter_group(&instance),
        settings: convert_instance_settings(&instance),
        arn: Arn::new(instance.db_instance_arn?),
        identifier: instance.db_instance_identifier?,
        engine: instance.engine.unwrap_or_default(),
        engine_version: instance.engine_version.unwrap_or_default(),
        resource_id: instance.dbi_resource_id.unwrap_or_default(),
        status: instance.db_instance_status.unwrap_or_default(),
        latest_restorable: instance.latest_restorable_time.and_then(to_second),
        class: instance.db_instance_class.unwrap_or_default(),
        storage_type: instance.storage_type,
        iops: instance.iops,
        cluster: instance
            .db_cluster_identifier
            .filter(|name| !name.is_empty()),
        backup_retention_days: days_or_zero(instance.backup_retention_period),
        multi_az: instance.multi_az.unwrap_or_default(),
        publicly_accessible: instance.publicly_accessible.unwrap_or_default(),
        encrypted: instance.storage_encrypted.unwrap_or_default(),
        deletion_protection: instance.deletion_protection.unwrap_or_default(),
        certificate_until: certificate_expiry(instance.certificate_details),
        subnets,
        subnet_group: instance
            .db_subnet_group
            .and_then(|group| group.db_subnet_group_name),
        port: instance.endpoint.as_ref().and_then(|e| e.port),
        address: instance.endpoint.and_then(|e| e.address),
        schema: instance.db_name,
        user: instance.master_username.unwrap_or_default(),
        secret: instance.master_user_secret.and_then(|s| s.secret_arn),
        tags: convert_tags(instance.tag_list),
        ..Database::default()
    })
}

fn convert_cluster(cluster: DbCluster) -> Option<Database> {
    let members = cluster.db_cluster_members.as_ref().map_or(0, Vec::len);
    Some(Database {
        settings: convert_cluster_settings(&cluster),
        arn: Arn::new(cluster.db_cluster_arn?),
        identifier: cluster.db_cluster_identifier?,
        engine: cluster.engine.unwrap_or_default(),
        engine_version: cluster.engine_version.unwrap_or_default(),
        resource_id: cluster.db_cluster_resource_id.unwrap_or_default(),
        status: cluster.status.unwrap_or_default(),
        latest_restorable: cluster.latest_restorable_time.and_then(to_second),
        class: cluster.db_cluster_instance_class.unwrap_or_default(),
        storage_type: cluster.storage_type,
        iops: cluster.iops,
        is_cluster: true,
        is_serverless: cluster.serverless_v2_scaling_configuration.is_some(),
        members,
        backup_retention_days: days_or_zero(cluster.backup_retention_period),
        // A cluster with a second instance can fail over to it.
        multi_az: cluster.multi_az.unwrap_or_default() || members > 1,
        publicly_accessible: cluster.publicly_accessible.unwrap_or_default(),
        encrypted: cluster.storage_encrypted.unwrap_or_default(),
        deletion_protection: cluster.deletion_protection.unwrap_or_default(),
        certificate_until: certificate_expiry(cluster.certificate_details),
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
        ..Database::default()
    })
}
