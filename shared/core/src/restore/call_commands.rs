//! The calls of a restore as commands of the AWS CLI.

use crate::model::CapacityRange;
use crate::plan::{
    CreateMember, CreateReplicationGroup, CreateServerlessCache, RestoreCall, RestoreCluster,
    RestoreInstance,
};
use crate::restore::command::{CliCommand, Word};
use crate::restore::origin::{Origin, Place};

impl RestoreCall {
    /// Writes the call as a command. In another region or account, the reader chooses the network, and there are no groups of
    /// parameters or options of the source.
    #[must_use]
    pub fn to_command(&self, origin: &Origin) -> CliCommand {
        match self {
            Self::Instance(call) => restore_instance(call, origin),
            Self::Cluster(call) => restore_cluster(call, origin),
            Self::Member(call) => create_member(call, origin),
            Self::ReplicationGroup(call) => create_replication_group(call, origin),
            Self::ServerlessCache(call) => create_serverless_cache(call, origin),
        }
    }
}

/// Returns the service of the AWS CLI that manages an engine.
pub fn service_of(engine: &str) -> &'static str {
    match engine {
        "docdb" => "docdb",
        "neptune" => "neptune",
        _ => "rds",
    }
}

fn restore_instance(call: &RestoreInstance, origin: &Origin) -> CliCommand {
    let command = match origin {
        Origin::Snapshot { snapshot, .. } => {
            CliCommand::new("rds", "restore-db-instance-from-db-snapshot", origin)
                .option("db-instance-identifier", &call.name)
                .option("db-snapshot-identifier", snapshot.arn.display_name())
        }
        Origin::PointInTime {
            source, retained, ..
        } => {
            let command = CliCommand::new("rds", "restore-db-instance-to-point-in-time", origin)
                .option("target-db-instance-identifier", &call.name);
            let command = match retained {
                Some(id) => command.option("source-dbi-resource-id", id),
                None => command.option("source-db-instance-identifier", source.display_name()),
            };
            command.switch("use-latest-restorable-time", true)
        }
    };
    let is_here = origin.place() == Place::Here;
    command
        .option("db-instance-class", &call.class)
        .network_at(origin.place(), &call.network)
        .optional(
            "db-parameter-group-name",
            call.parameter_group.as_ref().filter(|_| is_here),
        )
        .optional(
            "option-group-name",
            call.option_group.as_ref().filter(|_| is_here),
        )
        .switch("multi-az", call.is_multi_az)
        .optional("storage-type", call.storage_type.as_ref())
        .optional("iops", call.iops)
        .switch("deletion-protection", call.is_protected)
        .switch("auto-minor-version-upgrade", call.upgrades_minor_versions)
        .switch_on("copy-tags-to-snapshot", call.copies_tags_to_snapshots)
        .switch_on(
            "enable-iam-database-authentication",
            call.has_iam_authentication,
        )
        .options(
            "enable-cloudwatch-logs-exports",
            call.log_exports.iter().map(Word::from),
        )
        .tags(&call.tags)
}

/// Begins the restore of a cluster from a snapshot or to a point in time.
fn begin_cluster_restore(call: &RestoreCluster, origin: &Origin) -> CliCommand {
    let service = service_of(&call.engine);
    match origin {
        Origin::Snapshot { snapshot, .. } => {
            CliCommand::new(service, "restore-db-cluster-from-snapshot", origin)
                .option("db-cluster-identifier", &call.name)
                .option("snapshot-identifier", snapshot.arn.display_name())
                .option("engine", &call.engine)
                .optional("engine-version", call.engine_version.as_ref())
        }
        Origin::PointInTime {
            source, retained, ..
        } => {
            let command = CliCommand::new(service, "restore-db-cluster-to-point-in-time", origin)
                .option("db-cluster-identifier", &call.name);
            let command = match retained {
                Some(id) => command.option("source-db-cluster-resource-id", id),
                None => command.option("source-db-cluster-identifier", source.display_name()),
            };
            command.switch("use-latest-restorable-time", true)
        }
    }
}

fn restore_cluster(call: &RestoreCluster, origin: &Origin) -> CliCommand {
    let service = service_of(&call.engine);
    let is_here = origin.place() == Place::Here;
    let is_point_in_time = origin.snapshot().is_none();
    // DocumentDB takes no parameter group here, and Neptune does not say whether snapshots get the tags.
    let has_parameters = is_here && !(is_point_in_time && service == "docdb");
    let copies_tags = call.copies_tags_to_snapshots && !(is_point_in_time && service == "neptune");
    let capacity = call.capacity.as_ref();
    let capacity = capacity.map(write_capacity);
    let command = begin_cluster_restore(call, origin)
        .network_at(origin.place(), &call.network)
        .optional(
            "db-cluster-parameter-group-name",
            call.parameter_group.as_ref().filter(|_| has_parameters),
        )
        .optional("db-cluster-instance-class", call.class.as_ref())
        .optional("storage-type", call.storage_type.as_ref())
        .optional("iops", call.iops)
        .optional("serverless-v2-scaling-configuration", capacity)
        .switch("deletion-protection", call.is_protected)
        .switch_on("copy-tags-to-snapshot", copies_tags)
        .options(
            "enable-cloudwatch-logs-exports",
            call.log_exports.iter().map(Word::from),
        );
    let command = match service {
        "docdb" => command,
        _ => command.switch_on(
            "enable-iam-database-authentication",
            call.has_iam_authentication,
        ),
    };
    command.tags(&call.tags)
}

fn write_capacity(capacity: &CapacityRange) -> String {
    let pause = capacity.pause_after;
    let pause = pause.map(|seconds| format!(",SecondsUntilAutoPause={seconds}"));
    format!(
        "MinCapacity={},MaxCapacity={}{}",
        capacity.min,
        capacity.max,
        pause.unwrap_or_default()
    )
}

fn create_member(call: &CreateMember, origin: &Origin) -> CliCommand {
    let command = CliCommand::new(service_of(&call.engine), "create-db-instance", origin)
        .option("db-instance-identifier", &call.name)
        .option("db-cluster-identifier", &call.cluster)
        .option("engine", &call.engine);
    let command = if call.class.is_empty() {
        command.option("db-instance-class", Word::Variable("CLASS"))
    } else {
        command.option("db-instance-class", &call.class)
    };
    let is_here = origin.place() == Place::Here;
    let command = command
        .optional(
            "db-parameter-group-name",
            call.parameter_group.as_ref().filter(|_| is_here),
        )
        .optional("promotion-tier", call.promotion_tier);
    let command = match call.is_public {
        Some(is_public) => command.switch("publicly-accessible", is_public),
        None => command,
    };
    let monitoring = call
        .monitoring
        .as_ref()
        .filter(|_| origin.place() != Place::Vault);
    command
        .monitoring(monitoring)
        .switch_on("enable-performance-insights", call.has_performance_insights)
        .tags(&call.tags)
}

fn create_replication_group(call: &CreateReplicationGroup, origin: &Origin) -> CliCommand {
    let command = CliCommand::new("elasticache", "create-replication-group", origin)
        .option("replication-group-id", &call.name)
        .option("replication-group-description", &call.description);
    let command = match origin {
        Origin::Snapshot { snapshot, .. } => {
            command.option("snapshot-name", snapshot.arn.display_name())
        }
        Origin::PointInTime { .. } => command,
    };
    let command = command
        .option("engine", &call.engine)
        .optional("engine-version", call.engine_version.as_ref())
        .option("cache-node-type", &call.class)
        .optional(
            "cache-subnet-group-name",
            call.network.subnet_group.as_ref(),
        );
    let command = if call.network.security_groups.is_empty() {
        command.option("security-group-ids", Word::Variable("SECURITY_GROUPS"))
    } else {
        let groups = call.network.security_groups.iter().map(Word::from);
        command.options("security-group-ids", groups)
    };
    let command = command
        .optional("port", call.network.port)
        .optional("network-type", call.network.network_type.as_ref())
        .optional("cache-parameter-group-name", call.parameter_group.as_ref())
        .optional("num-cache-clusters", call.nodes)
        .optional("num-node-groups", call.shards)
        .optional("replicas-per-node-group", call.replicas)
        .switch("automatic-failover-enabled", call.has_failover)
        .switch_on("multi-az-enabled", call.is_multi_az)
        .switch("at-rest-encryption-enabled", call.is_encrypted)
        .optional("kms-key-id", call.kms_key.as_ref())
        .switch_on("transit-encryption-enabled", call.has_tls)
        .optional("transit-encryption-mode", call.tls_mode.as_ref())
        .options("user-group-ids", call.user_groups.iter().map(Word::from));
    let command = if call.has_auth_token {
        command.option("auth-token", Word::Variable("AUTH_TOKEN"))
    } else {
        command
    };
    command
        .switch_on("data-tiering-enabled", call.has_data_tiering())
        .tags(&call.tags)
}

fn create_serverless_cache(call: &CreateServerlessCache, origin: &Origin) -> CliCommand {
    let command = CliCommand::new("elasticache", "create-serverless-cache", origin)
        .option("serverless-cache-name", &call.name)
        .option("engine", &call.engine)
        .optional("major-engine-version", call.major_version.as_ref())
        .optional("kms-key-id", call.kms_key.as_ref());
    let command = match origin {
        Origin::Snapshot { snapshot, .. } => {
            command.option("snapshot-arns-to-restore", snapshot.arn.as_str())
        }
        Origin::PointInTime { .. } => command,
    };
    command
        .options("subnet-ids", call.subnets.iter().map(Word::from))
        .options(
            "security-group-ids",
            call.security_groups.iter().map(Word::from),
        )
        .optional("user-group-id", call.user_group.as_ref())
        .tags(&call.tags)
}
