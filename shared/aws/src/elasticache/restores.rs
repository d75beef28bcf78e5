//! Restores of caches from snapshots.

use aws_sdk_elasticache::Client;
use aws_sdk_elasticache::types::{NetworkType, TransitEncryptionMode};

use super::snapshots::build_tags;
use crate::error::aws_error;
use lamplighter::AwsError;
use lamplighter::model::Arn;
use lamplighter::plan::{CreateReplicationGroup, CreateServerlessCache};

/// Calls CreateServerlessCache.
pub async fn create_serverless_cache(
    client: &Client,
    snapshot: &Arn,
    call: &CreateServerlessCache,
) -> Result<(), AwsError> {
    let request = client
        .create_serverless_cache()
        .serverless_cache_name(&call.name)
        .engine(&call.engine)
        .set_major_engine_version(call.major_version.clone())
        .set_kms_key_id(call.kms_key.clone())
        .snapshot_arns_to_restore(snapshot.as_str())
        .set_subnet_ids(Some(call.subnets.clone()))
        .set_security_group_ids(Some(call.security_groups.clone()))
        .set_user_group_id(call.user_group.clone())
        .set_tags(Some(build_tags(&call.tags)));
    let answer = request.send().await;
    answer
        .map(drop)
        .map_err(|e| aws_error("CreateServerlessCache", &call.name, &e))
}

/// Calls CreateReplicationGroup. A token of the clients is known to people alone, so none is sent.
pub async fn create_replication_group(
    client: &Client,
    snapshot: &Arn,
    call: &CreateReplicationGroup,
) -> Result<(), AwsError> {
    let network = &call.network;
    let tls_mode = call.tls_mode.as_deref().map(TransitEncryptionMode::from);
    let network_type = network.network_type.as_deref().map(NetworkType::from);
    let request = client
        .create_replication_group()
        .replication_group_id(&call.name)
        .replication_group_description(&call.description)
        .snapshot_name(snapshot.display_name())
        .engine(&call.engine)
        .set_engine_version(call.engine_version.clone())
        .cache_node_type(&call.class)
        .set_cache_subnet_group_name(network.subnet_group.clone())
        .set_security_group_ids(Some(network.security_groups.clone()))
        .set_port(network.port)
        .set_network_type(network_type)
        .set_cache_parameter_group_name(call.parameter_group.clone())
        .set_num_cache_clusters(to_count(call.nodes))
        .set_num_node_groups(to_count(call.shards))
        .set_replicas_per_node_group(to_count(call.replicas))
        .automatic_failover_enabled(call.has_failover)
        .set_multi_az_enabled(call.is_multi_az.then_some(true))
        .at_rest_encryption_enabled(call.is_encrypted)
        .set_kms_key_id(call.kms_key.clone())
        .set_transit_encryption_enabled(call.has_tls.then_some(true))
        .set_transit_encryption_mode(tls_mode)
        .set_data_tiering_enabled(call.has_data_tiering().then_some(true))
        .set_user_group_ids((!call.user_groups.is_empty()).then(|| call.user_groups.clone()))
        .set_tags(Some(build_tags(&call.tags)));
    let answer = request.send().await;
    answer
        .map(drop)
        .map_err(|e| aws_error("CreateReplicationGroup", &call.name, &e))
}

fn to_count(count: Option<u32>) -> Option<i32> {
    count.and_then(|count| i32::try_from(count).ok())
}
