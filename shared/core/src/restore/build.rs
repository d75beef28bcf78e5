//! Builds the calls that bring a database back as it is, or was.

use std::collections::BTreeMap;

use crate::model::tag_keys::PREFIX;
use crate::model::{Database, DatabaseKind, Snapshot};
use crate::plan::{
    CreateMember, CreateReplicationGroup, CreateServerlessCache, Network, RestoreCall,
    RestoreCluster, RestoreInstance,
};
use crate::restore::versions::{find_other_major, shorten_version};

/// Engines whose databases never are public, and have no such setting.
const PRIVATE_ENGINES: [&str; 2] = ["docdb", "neptune"];
/// The engine whose instances have no parameter group.
const DOCUMENTS: &str = "docdb";
/// Storage types whose IOPS are always provisioned. For others, AWS takes them from the backup.
const PROVISIONED_STORAGE: [&str; 2] = ["io1", "io2"];

/// Names of a restored database and of its instances.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreName {
    pub database: String,
    pub member: String,
}

/// Builds the call that restores a database or cache from a backup, as it was. `snapshot`: the snapshot to restore, which
/// knows more of a cache than the cache does; `None` for a point in time.
#[must_use]
pub fn build_restore(source: &Database, snapshot: Option<&Snapshot>, name: &str) -> RestoreCall {
    match source.arn.database_kind() {
        Some(DatabaseKind::Cluster) => RestoreCall::Cluster(build_cluster(source, snapshot, name)),
        Some(DatabaseKind::ReplicationGroup) => {
            RestoreCall::ReplicationGroup(build_replication_group(source, snapshot, name))
        }
        Some(DatabaseKind::ServerlessCache) => {
            RestoreCall::ServerlessCache(build_serverless_cache(source, snapshot, name))
        }
        Some(DatabaseKind::Instance) | None => {
            RestoreCall::Instance(build_instance(source, snapshot, name))
        }
    }
}

fn build_serverless_cache(
    source: &Database,
    snapshot: Option<&Snapshot>,
    name: &str,
) -> CreateServerlessCache {
    let major = snapshot
        .map(|snapshot| snapshot.engine_version.clone())
        .filter(|version| !version.is_empty());
    CreateServerlessCache {
        name: name.to_owned(),
        engine: source.engine.clone(),
        major_version: major.or_else(|| source.settings.cache.major_version.clone()),
        kms_key: source.settings.cache.kms_key.clone(),
        subnets: source.subnets.clone(),
        security_groups: source.settings.security_groups.clone(),
        user_group: source.settings.cache.user_groups.first().cloned(),
        tags: build_tags(source),
    }
}

fn build_instance(source: &Database, snapshot: Option<&Snapshot>, name: &str) -> RestoreInstance {
    let fits = find_other_major(source, snapshot).is_none();
    // AWS refuses fewer IOPS per GiB than it asks for. Without a number, it takes that of the backup.
    let is_same_size = snapshot.is_none_or(|snapshot| {
        snapshot.allocated_gib.is_some() && snapshot.allocated_gib == source.allocated_gib
    });
    let storage_type = source
        .storage_type
        .clone()
        .filter(|storage| PROVISIONED_STORAGE.contains(&storage.as_str()));
    RestoreInstance {
        name: name.to_owned(),
        class: source.class.clone(),
        network: build_network(source, Some(source.publicly_accessible)),
        parameter_group: source.parameter_group.clone().filter(|_| fits),
        option_group: source.settings.option_group.clone().filter(|_| fits),
        is_multi_az: source.multi_az,
        iops: source
            .iops
            .filter(|_| storage_type.is_some() && is_same_size),
        storage_type,
        is_protected: source.deletion_protection,
        upgrades_minor_versions: source.settings.upgrades_minor_versions,
        copies_tags_to_snapshots: source.settings.copies_tags_to_snapshots,
        has_iam_authentication: source.settings.has_iam_authentication,
        log_exports: source.settings.log_exports.clone(),
        tags: build_tags(source),
    }
}

fn build_cluster(source: &Database, snapshot: Option<&Snapshot>, name: &str) -> RestoreCluster {
    let is_multi_az = source.is_multi_az_cluster();
    let fits = find_other_major(source, snapshot).is_none();
    let version = snapshot.map(|snapshot| snapshot.engine_version.clone());
    let version = version.unwrap_or_else(|| source.engine_version.clone());
    // Members of other clusters have the setting themselves.
    let is_public = is_multi_az.then_some(source.publicly_accessible);
    RestoreCluster {
        name: name.to_owned(),
        engine: source.engine.clone(),
        engine_version: Some(version).filter(|version| !version.is_empty()),
        network: build_network(source, is_public),
        parameter_group: source.parameter_group.clone().filter(|_| fits),
        class: is_multi_az.then(|| source.class.clone()),
        storage_type: source
            .storage_type
            .clone()
            .filter(|storage| is_multi_az || storage == "aurora-iopt1" || storage == "iopt1"),
        iops: source.iops.filter(|_| is_multi_az),
        capacity: source.settings.capacity.clone(),
        is_protected: source.deletion_protection,
        copies_tags_to_snapshots: source.settings.copies_tags_to_snapshots,
        has_iam_authentication: source.settings.has_iam_authentication,
        log_exports: source.settings.log_exports.clone(),
        tags: build_tags(source),
    }
}

/// Builds the call that adds an instance to a restored cluster. `member`: the instance that it replaces; `None` if nothing
/// is known of it. `snapshot`: what the cluster is restored from; `None` for a point in time.
#[must_use]
pub fn build_member(
    source: &Database,
    member: Option<&Database>,
    snapshot: Option<&Snapshot>,
    name: &RestoreName,
) -> CreateMember {
    let is_public = member.is_some_and(|member| member.publicly_accessible);
    let has_parameters = source.engine != DOCUMENTS && find_other_major(source, snapshot).is_none();
    CreateMember {
        name: name.member.clone(),
        cluster: name.database.clone(),
        engine: source.engine.clone(),
        class: member
            .map(|member| member.class.clone())
            .unwrap_or_default(),
        parameter_group: member
            .and_then(|member| member.parameter_group.clone())
            .filter(|_| has_parameters),
        promotion_tier: member.and_then(|member| member.settings.promotion_tier),
        is_public: (!is_private(&source.engine)).then_some(is_public),
        monitoring: member
            .and_then(|member| member.settings.monitoring.clone())
            .filter(|_| !is_private(&source.engine)),
        has_performance_insights: member
            .is_some_and(|member| member.settings.has_performance_insights),
        tags: build_tags(member.unwrap_or(source)),
    }
}

fn build_replication_group(
    source: &Database,
    snapshot: Option<&Snapshot>,
    name: &str,
) -> CreateReplicationGroup {
    let cache = &source.settings.cache;
    // A cache does not report its groups; its snapshot does.
    let subnet_group = snapshot.and_then(|snapshot| snapshot.subnet_group.clone());
    let parameter_group = snapshot.and_then(|snapshot| snapshot.parameter_group.clone());
    let shards = snapshot
        .and_then(|snapshot| snapshot.shards)
        .or((cache.shards > 0).then_some(cache.shards))
        .filter(|_| source.has_cluster_mode);
    let replicas = cache
        .nodes
        .checked_div(cache.shards)
        .map(|nodes| nodes.saturating_sub(1));
    let network = build_network(source, None);
    CreateReplicationGroup {
        name: name.to_owned(),
        description: format!("Restored from a backup of {}", source.identifier),
        engine: source.engine.clone(),
        engine_version: snapshot
            .map(|snapshot| shorten_version(&snapshot.engine_version))
            .filter(|version| !version.is_empty()),
        class: source.class.clone(),
        network: Network {
            subnet_group: network.subnet_group.or(subnet_group),
            ..network
        },
        parameter_group: source.parameter_group.clone().or(parameter_group),
        nodes: (!source.has_cluster_mode).then_some(cache.nodes.max(1)),
        shards,
        replicas: shards.map(|_| replicas.unwrap_or_default()),
        has_failover: cache.has_failover,
        is_multi_az: cache.is_multi_az,
        is_encrypted: source.encrypted,
        kms_key: cache.kms_key.clone(),
        has_tls: cache.has_tls,
        tls_mode: cache.tls_mode.clone(),
        has_auth_token: cache.has_auth_token,
        user_groups: cache.user_groups.clone(),
        tags: build_tags(source),
    }
}

fn build_network(source: &Database, is_public: Option<bool>) -> Network {
    Network {
        subnet_group: source.subnet_group.clone(),
        security_groups: source.settings.security_groups.clone(),
        port: source.port,
        is_public,
        network_type: source
            .settings
            .network_type
            .clone()
            .filter(|network| !network.eq_ignore_ascii_case("IPV4")),
    }
}

/// Returns the tags of what is restored: those of the source without Lamplighter's own, so that nothing operates it before
/// somebody says so. AWS would copy all of them if none were given.
fn build_tags(source: &Database) -> BTreeMap<String, String> {
    let own = source
        .tags
        .iter()
        .filter(|(key, _)| !key.starts_with("aws:") && !key.starts_with(PREFIX));
    own.map(|(key, value)| (key.clone(), value.clone()))
        .chain([("restored-from".to_owned(), source.identifier.clone())])
        .collect()
}

/// Reports whether the engine's databases never are public.
fn is_private(engine: &str) -> bool {
    PRIVATE_ENGINES.contains(&engine)
}
