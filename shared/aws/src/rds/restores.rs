//! Restores of databases from snapshots.

use aws_sdk_rds::Client;
use aws_sdk_rds::types::ServerlessV2ScalingConfiguration;

use super::snapshots::build_tags;
use crate::error::aws_error;
use lamplighter::AwsError;
use lamplighter::model::{Arn, CapacityRange};
use lamplighter::plan::{CreateMember, RestoreCluster, RestoreInstance};

/// Calls RestoreDBInstanceFromDBSnapshot.
pub async fn restore_instance(
    client: &Client,
    snapshot: &Arn,
    call: &RestoreInstance,
) -> Result<(), AwsError> {
    let network = &call.network;
    let request = client
        .restore_db_instance_from_db_snapshot()
        .db_instance_identifier(&call.name)
        .db_snapshot_identifier(snapshot.display_name())
        .db_instance_class(&call.class)
        .set_db_subnet_group_name(network.subnet_group.clone())
        .set_vpc_security_group_ids(Some(network.security_groups.clone()))
        .set_port(network.port)
        .set_network_type(network.network_type.clone())
        .set_publicly_accessible(network.is_public)
        .set_db_parameter_group_name(call.parameter_group.clone())
        .set_option_group_name(call.option_group.clone())
        .multi_az(call.is_multi_az)
        .set_storage_type(call.storage_type.clone())
        .set_iops(call.iops)
        .deletion_protection(call.is_protected)
        .auto_minor_version_upgrade(call.upgrades_minor_versions)
        .set_copy_tags_to_snapshot(when_on(call.copies_tags_to_snapshots))
        .set_enable_iam_database_authentication(when_on(call.has_iam_authentication))
        .set_enable_cloudwatch_logs_exports(list(&call.log_exports))
        .set_tags(Some(build_tags(&call.tags)));
    let answer = request.send().await;
    answer
        .map(drop)
        .map_err(|e| aws_error("RestoreDBInstanceFromDBSnapshot", &call.name, &e))
}

/// Calls RestoreDBClusterFromSnapshot.
pub async fn restore_cluster(
    client: &Client,
    snapshot: &Arn,
    call: &RestoreCluster,
) -> Result<(), AwsError> {
    let network = &call.network;
    let request = client
        .restore_db_cluster_from_snapshot()
        .db_cluster_identifier(&call.name)
        .snapshot_identifier(snapshot.display_name())
        .engine(&call.engine)
        .set_engine_version(call.engine_version.clone())
        .set_db_subnet_group_name(network.subnet_group.clone())
        .set_vpc_security_group_ids(Some(network.security_groups.clone()))
        .set_port(network.port)
        .set_network_type(network.network_type.clone())
        .set_publicly_accessible(network.is_public)
        .set_db_cluster_parameter_group_name(call.parameter_group.clone())
        .set_db_cluster_instance_class(call.class.clone())
        .set_storage_type(call.storage_type.clone())
        .set_iops(call.iops)
        .set_serverless_v2_scaling_configuration(call.capacity.as_ref().map(build_capacity))
        .deletion_protection(call.is_protected)
        .set_copy_tags_to_snapshot(when_on(call.copies_tags_to_snapshots))
        .set_enable_iam_database_authentication(when_on(call.has_iam_authentication))
        .set_enable_cloudwatch_logs_exports(list(&call.log_exports))
        .set_tags(Some(build_tags(&call.tags)));
    let answer = request.send().await;
    answer
        .map(drop)
        .map_err(|e| aws_error("RestoreDBClusterFromSnapshot", &call.name, &e))
}

/// Calls CreateDBInstance for an instance of a restored cluster.
pub async fn create_member(client: &Client, call: &CreateMember) -> Result<(), AwsError> {
    let monitoring = call.monitoring.as_ref();
    let request = client
        .create_db_instance()
        .db_instance_identifier(&call.name)
        .db_cluster_identifier(&call.cluster)
        .engine(&call.engine)
        .db_instance_class(&call.class)
        .set_db_parameter_group_name(call.parameter_group.clone())
        .set_promotion_tier(call.promotion_tier)
        .set_publicly_accessible(call.is_public)
        .set_monitoring_interval(monitoring.map(|monitoring| monitoring.interval_seconds))
        .set_monitoring_role_arn(monitoring.map(|monitoring| monitoring.role.clone()))
        .set_enable_performance_insights(when_on(call.has_performance_insights))
        .set_tags(Some(build_tags(&call.tags)));
    let answer = request.send().await;
    answer
        .map(drop)
        .map_err(|e| aws_error("CreateDBInstance", &call.name, &e))
}

fn build_capacity(capacity: &CapacityRange) -> ServerlessV2ScalingConfiguration {
    ServerlessV2ScalingConfiguration::builder()
        .set_min_capacity(capacity.min.parse().ok())
        .set_max_capacity(capacity.max.parse().ok())
        .set_seconds_until_auto_pause(capacity.pause_after)
        .build()
}

/// Returns a list, or `None` for an empty one.
fn list(values: &[String]) -> Option<Vec<String>> {
    (!values.is_empty()).then(|| values.to_vec())
}

/// Returns a switch that is off by default, and that some engines don't have.
fn when_on(is_on: bool) -> Option<bool> {
    is_on.then_some(true)
}
