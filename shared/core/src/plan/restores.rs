//! The calls of AWS that make a database or cache out of a backup.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{CapacityRange, EnhancedMonitoring};

/// A call that makes a database or cache, or one instance of a restored cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RestoreCall {
    Instance(RestoreInstance),
    Cluster(RestoreCluster),
    /// An instance of a restored cluster.
    Member(CreateMember),
    ReplicationGroup(CreateReplicationGroup),
    ServerlessCache(CreateServerlessCache),
}

/// Where clients reach a restored database.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    pub subnet_group: Option<String>,
    pub security_groups: Vec<String>,
    pub port: Option<i32>,
    /// `None` where the kind of database has no such setting.
    pub is_public: Option<bool>,
    /// `DUAL`; `None` for IPv4 only.
    pub network_type: Option<String>,
}

/// RestoreDBInstanceFromDBSnapshot, RestoreDBInstanceToPointInTime.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "AWS has one switch for each")]
pub struct RestoreInstance {
    pub name: String,
    pub class: String,
    pub network: Network,
    pub parameter_group: Option<String>,
    pub option_group: Option<String>,
    pub is_multi_az: bool,
    /// The storage type, if its IOPS are provisioned.
    pub storage_type: Option<String>,
    pub iops: Option<i32>,
    pub is_protected: bool,
    pub upgrades_minor_versions: bool,
    pub copies_tags_to_snapshots: bool,
    pub has_iam_authentication: bool,
    pub log_exports: Vec<String>,
    pub tags: BTreeMap<String, String>,
}

/// RestoreDBClusterFromSnapshot, RestoreDBClusterToPointInTime.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreCluster {
    pub name: String,
    pub engine: String,
    /// Without it, AWS would use the newest one.
    pub engine_version: Option<String>,
    pub network: Network,
    /// Without it, AWS would use the default group.
    pub parameter_group: Option<String>,
    /// Class, storage type and IOPS of a Multi-AZ DB cluster; `None` for any other.
    pub class: Option<String>,
    pub storage_type: Option<String>,
    pub iops: Option<i32>,
    pub capacity: Option<CapacityRange>,
    pub is_protected: bool,
    pub copies_tags_to_snapshots: bool,
    pub has_iam_authentication: bool,
    pub log_exports: Vec<String>,
    pub tags: BTreeMap<String, String>,
}

/// CreateDBInstance, into a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateMember {
    pub name: String,
    pub cluster: String,
    pub engine: String,
    pub class: String,
    pub parameter_group: Option<String>,
    pub promotion_tier: Option<i32>,
    /// `None` where the engine has no such setting.
    pub is_public: Option<bool>,
    pub monitoring: Option<EnhancedMonitoring>,
    pub has_performance_insights: bool,
    pub tags: BTreeMap<String, String>,
}

/// CreateReplicationGroup.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "AWS has one switch for each")]
pub struct CreateReplicationGroup {
    pub name: String,
    pub description: String,
    pub engine: String,
    pub engine_version: Option<String>,
    pub class: String,
    pub network: Network,
    pub parameter_group: Option<String>,
    /// Nodes of a group without cluster mode; `None` for one with it.
    pub nodes: Option<u32>,
    /// Shards of a group with cluster mode, and replicas of each; `None` for one without.
    pub shards: Option<u32>,
    pub replicas: Option<u32>,
    pub has_failover: bool,
    pub is_multi_az: bool,
    pub is_encrypted: bool,
    /// The key of the cache; `None` for that of AWS.
    pub kms_key: Option<String>,
    pub has_tls: bool,
    pub tls_mode: Option<String>,
    /// The group needs a token of its clients, which AWS doesn't show.
    pub has_auth_token: bool,
    pub user_groups: Vec<String>,
    pub tags: BTreeMap<String, String>,
}

/// CreateServerlessCache.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateServerlessCache {
    pub name: String,
    pub engine: String,
    /// Without it, AWS would use the newest one.
    pub major_version: Option<String>,
    /// The key of the cache; `None` for that of AWS.
    pub kms_key: Option<String>,
    pub subnets: Vec<String>,
    pub security_groups: Vec<String>,
    pub user_group: Option<String>,
    pub tags: BTreeMap<String, String>,
}

/// What makes a restored database temporary: it is only looked at, and deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Temporary {
    /// Class of an instance, of a member or of a Multi-AZ DB cluster.
    pub class: String,
    pub security_group: String,
    pub tags: BTreeMap<String, String>,
}

impl RestoreCall {
    /// Returns the name of what the call makes.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Instance(call) => &call.name,
            Self::Cluster(call) => &call.name,
            Self::Member(call) => &call.name,
            Self::ReplicationGroup(call) => &call.name,
            Self::ServerlessCache(call) => &call.name,
        }
    }

    /// Returns the class that the call asks for; empty if it asks for none.
    #[must_use]
    pub fn class(&self) -> &str {
        match self {
            Self::Instance(call) => &call.class,
            Self::Cluster(call) => call.class.as_deref().unwrap_or_default(),
            Self::Member(call) => &call.class,
            Self::ReplicationGroup(call) => &call.class,
            Self::ServerlessCache(_) => "",
        }
    }

    /// Returns the tags of what the call makes.
    #[must_use]
    pub fn tags(&self) -> &BTreeMap<String, String> {
        match self {
            Self::Instance(call) => &call.tags,
            Self::Cluster(call) => &call.tags,
            Self::Member(call) => &call.tags,
            Self::ReplicationGroup(call) => &call.tags,
            Self::ServerlessCache(call) => &call.tags,
        }
    }

    /// Returns the engine version that the call asks for.
    #[must_use]
    pub fn engine_version(&self) -> Option<&str> {
        match self {
            Self::Cluster(call) => call.engine_version.as_deref(),
            Self::ReplicationGroup(call) => call.engine_version.as_deref(),
            Self::Instance(_) | Self::Member(_) | Self::ServerlessCache(_) => None,
        }
    }

    /// Reports whether the call makes an instance of a cluster that was restored before.
    #[must_use]
    pub fn is_member(&self) -> bool {
        match self {
            Self::Member(_) => true,
            Self::Instance(_)
            | Self::Cluster(_)
            | Self::ReplicationGroup(_)
            | Self::ServerlessCache(_) => false,
        }
    }

    /// Changes the call so that what it makes is temporary: small, alone, private, and deletable without further ado. All
    /// else stays as in a real restore.
    #[must_use]
    pub fn make_temporary(self, temporary: Temporary) -> Self {
        match self {
            Self::Instance(call) => Self::Instance(call.make_temporary(temporary)),
            Self::Cluster(call) => Self::Cluster(call.make_temporary(temporary)),
            Self::Member(call) => Self::Member(call.make_temporary(temporary)),
            Self::ReplicationGroup(call) => Self::ReplicationGroup(call.make_temporary(temporary)),
            Self::ServerlessCache(call) => Self::ServerlessCache(CreateServerlessCache {
                security_groups: vec![temporary.security_group],
                kms_key: None,
                user_group: None,
                tags: temporary.tags,
                ..call
            }),
        }
    }
}

impl RestoreInstance {
    fn make_temporary(self, temporary: Temporary) -> Self {
        Self {
            class: temporary.class,
            network: self.network.close(temporary.security_group),
            // AWS adds the group of the backup by itself if the data can't be read without it.
            option_group: None,
            is_multi_az: false,
            storage_type: None,
            iops: None,
            is_protected: false,
            upgrades_minor_versions: false,
            copies_tags_to_snapshots: false,
            log_exports: Vec::new(),
            tags: temporary.tags,
            ..self
        }
    }
}

impl RestoreCluster {
    fn make_temporary(self, temporary: Temporary) -> Self {
        Self {
            // Only a Multi-AZ DB cluster needs its storage.
            storage_type: self.storage_type.filter(|_| self.class.is_some()),
            class: self.class.map(|_| temporary.class),
            network: self.network.close(temporary.security_group),
            capacity: None,
            is_protected: false,
            copies_tags_to_snapshots: false,
            log_exports: Vec::new(),
            tags: temporary.tags,
            ..self
        }
    }
}

impl CreateMember {
    fn make_temporary(self, temporary: Temporary) -> Self {
        Self {
            class: temporary.class,
            is_public: self.is_public.map(|_| false),
            promotion_tier: None,
            monitoring: None,
            has_performance_insights: false,
            tags: temporary.tags,
            ..self
        }
    }
}

impl CreateReplicationGroup {
    fn make_temporary(self, temporary: Temporary) -> Self {
        Self {
            class: temporary.class,
            network: self.network.close(temporary.security_group),
            // A restore test needs only the primary of each shard.
            nodes: self.nodes.map(|_| 1),
            replicas: self.replicas.map(|_| 0),
            // AWS requires failover in cluster mode.
            has_failover: self.shards.is_some(),
            is_multi_az: false,
            kms_key: None,
            has_tls: false,
            tls_mode: None,
            has_auth_token: false,
            user_groups: Vec::new(),
            tags: temporary.tags,
            ..self
        }
    }

    /// Reports whether the nodes keep rarely used data on disk, which AWS asks for by name.
    #[must_use]
    pub fn has_data_tiering(&self) -> bool {
        self.class.contains(".r6gd.")
    }
}

impl Network {
    /// Lets only one security group in.
    fn close(self, security_group: String) -> Self {
        Self {
            security_groups: vec![security_group],
            is_public: self.is_public.map(|_| false),
            ..self
        }
    }
}
