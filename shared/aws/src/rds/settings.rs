//! Settings of databases that a restore has to be told.

use aws_sdk_rds::types::{DbCluster, DbInstance, DomainMembership, VpcSecurityGroupMembership};

use lamplighter::model::{CapacityRange, DatabaseSettings, EnhancedMonitoring, FeatureRole};

/// Converts the settings of an instance.
pub fn convert_instance_settings(instance: &DbInstance) -> DatabaseSettings {
    let option_group = instance
        .option_group_memberships()
        .first()
        .and_then(|group| group.option_group_name())
        .filter(|group| !group.starts_with("default:"));
    let roles = instance.associated_roles().iter().filter_map(|role| {
        Some(FeatureRole {
            feature: role.feature_name.clone().unwrap_or_default(),
            role: role.role_arn.clone()?,
        })
    });
    let replicas = instance.read_replica_db_instance_identifiers().iter();
    let clusters = instance.read_replica_db_cluster_identifiers().iter();
    DatabaseSettings {
        security_groups: convert_groups(instance.vpc_security_groups()),
        option_group: option_group.map(str::to_owned),
        log_exports: instance.enabled_cloudwatch_logs_exports().to_vec(),
        has_iam_authentication: instance
            .iam_database_authentication_enabled
            .unwrap_or_default(),
        copies_tags_to_snapshots: instance.copy_tags_to_snapshot.unwrap_or_default(),
        upgrades_minor_versions: instance.auto_minor_version_upgrade.unwrap_or_default(),
        backup_window: instance.preferred_backup_window.clone(),
        maintenance_window: instance.preferred_maintenance_window.clone(),
        monitoring: convert_monitoring(
            instance.monitoring_interval,
            instance.monitoring_role_arn.clone(),
        ),
        has_performance_insights: instance.performance_insights_enabled.unwrap_or_default(),
        insights_days: instance.performance_insights_retention_period,
        others: list_other_options(instance),
        max_allocated_gib: instance.max_allocated_storage,
        promotion_tier: instance.promotion_tier,
        network_type: instance.network_type.clone(),
        roles: roles.collect(),
        domains: convert_domains(instance.domain_memberships()),
        read_replicas: replicas.chain(clusters).cloned().collect(),
        ..DatabaseSettings::default()
    }
}

/// Converts the settings of a cluster.
pub fn convert_cluster_settings(cluster: &DbCluster) -> DatabaseSettings {
    let capacity = cluster.serverless_v2_scaling_configuration.as_ref();
    let capacity = capacity.and_then(|range| {
        Some(CapacityRange {
            min: range.min_capacity?.to_string(),
            max: range.max_capacity?.to_string(),
            pause_after: range.seconds_until_auto_pause,
        })
    });
    let roles = cluster.associated_roles().iter().filter_map(|role| {
        Some(FeatureRole {
            feature: role.feature_name.clone().unwrap_or_default(),
            role: role.role_arn.clone()?,
        })
    });
    let members = cluster.db_cluster_members().iter();
    let mut writers = members.filter(|member| member.is_cluster_writer == Some(true));
    DatabaseSettings {
        writer: writers
            .next()
            .and_then(|member| member.db_instance_identifier.clone()),
        security_groups: convert_groups(cluster.vpc_security_groups()),
        log_exports: cluster.enabled_cloudwatch_logs_exports().to_vec(),
        has_iam_authentication: cluster
            .iam_database_authentication_enabled
            .unwrap_or_default(),
        copies_tags_to_snapshots: cluster.copy_tags_to_snapshot.unwrap_or_default(),
        upgrades_minor_versions: cluster.auto_minor_version_upgrade.unwrap_or_default(),
        backup_window: cluster.preferred_backup_window.clone(),
        maintenance_window: cluster.preferred_maintenance_window.clone(),
        monitoring: convert_monitoring(
            cluster.monitoring_interval,
            cluster.monitoring_role_arn.clone(),
        ),
        has_performance_insights: cluster.performance_insights_enabled.unwrap_or_default(),
        insights_days: cluster.performance_insights_retention_period,
        others: list_other_cluster_options(cluster),
        capacity,
        network_type: cluster.network_type.clone(),
        roles: roles.collect(),
        domains: convert_domains(cluster.domain_memberships()),
        read_replicas: cluster.read_replica_identifiers().to_vec(),
        global_cluster: cluster
            .global_cluster_identifier
            .clone()
            .filter(|id| !id.is_empty()),
        custom_endpoints: cluster.custom_endpoints().to_vec(),
        ..DatabaseSettings::default()
    }
}

/// Lists the settings of an instance that no field has, as options of the AWS CLI.
fn list_other_options(instance: &DbInstance) -> Vec<String> {
    let authority = instance.ca_certificate_identifier.as_ref();
    let authority = authority.map(|name| format!("--ca-certificate-identifier {name}"));
    let throughput = instance.storage_throughput.filter(|rate| *rate > 0);
    let throughput = throughput.map(|rate| format!("--storage-throughput {rate}"));
    let has_log_volume = instance.dedicated_log_volume == Some(true);
    let log_volume = has_log_volume.then(|| "--dedicated-log-volume".to_owned());
    let features = instance.processor_features().iter().filter_map(|feature| {
        let (name, value) = (feature.name.as_ref()?, feature.value.as_ref()?);
        Some(format!("--processor-features Name={name},Value={value}"))
    });
    authority
        .into_iter()
        .chain(throughput)
        .chain(log_volume)
        .chain(features)
        .chain(without_extended_support(
            instance.engine_lifecycle_support.as_deref(),
        ))
        .collect()
}

/// Lists the settings of a cluster that no field has, as options of the AWS CLI.
fn list_other_cluster_options(cluster: &DbCluster) -> Vec<String> {
    let backtrack = cluster.backtrack_window.filter(|seconds| *seconds > 0);
    let backtrack = backtrack.map(|seconds| format!("--backtrack-window {seconds}"));
    let support = without_extended_support(cluster.engine_lifecycle_support.as_deref());
    backtrack.into_iter().chain(support).collect()
}

/// Extended support costs money, and AWS turns it on where nobody says otherwise.
fn without_extended_support(support: Option<&str>) -> Option<String> {
    let support = support.filter(|support| support.ends_with("-disabled"))?;
    Some(format!("--engine-lifecycle-support {support}"))
}

fn convert_groups(groups: &[VpcSecurityGroupMembership]) -> Vec<String> {
    groups
        .iter()
        .filter_map(|group| group.vpc_security_group_id.clone())
        .collect()
}

fn convert_domains(memberships: &[DomainMembership]) -> Vec<String> {
    memberships
        .iter()
        .filter_map(|membership| membership.domain.clone().or(membership.fqdn.clone()))
        .collect()
}

fn convert_monitoring(interval: Option<i32>, role: Option<String>) -> Option<EnhancedMonitoring> {
    let interval_seconds = interval.filter(|seconds| *seconds > 0)?;
    Some(EnhancedMonitoring {
        interval_seconds,
        role: role?,
    })
}
