//! Settings of a database that no snapshot keeps, and that a restore has to be told.

use serde::{Deserialize, Serialize};

/// Settings of a database or cache that no snapshot keeps.
///
/// Sources: DescribeDBInstances, DescribeDBClusters, DescribeReplicationGroups, DescribeServerlessCaches.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "AWS has one switch for each")]
pub struct DatabaseSettings {
    /// Security groups. A replication group doesn't report them; its nodes do.
    pub security_groups: Vec<String>,
    /// Option group of an instance, if it isn't a default one.
    pub option_group: Option<String>,
    /// Logs that are exported to CloudWatch.
    pub log_exports: Vec<String>,
    pub has_iam_authentication: bool,
    pub copies_tags_to_snapshots: bool,
    pub upgrades_minor_versions: bool,
    /// Daily time of the automated backup: `03:00-03:30`.
    pub backup_window: Option<String>,
    pub maintenance_window: Option<String>,
    pub monitoring: Option<EnhancedMonitoring>,
    pub has_performance_insights: bool,
    /// Days for which Performance Insights keeps its data.
    pub insights_days: Option<i32>,
    /// Largest size in GiB to which storage grows by itself.
    pub max_allocated_gib: Option<i32>,
    /// Capacity range of Aurora Serverless v2.
    pub capacity: Option<CapacityRange>,
    /// Order in which the instances of a cluster become its writer.
    pub promotion_tier: Option<i32>,
    /// Instance of a cluster that writes.
    pub writer: Option<String>,
    /// `IPV4` or `DUAL`.
    pub network_type: Option<String>,
    /// IAM roles, each with its feature, such as `s3Import`.
    pub roles: Vec<FeatureRole>,
    /// Directory service domains that it is joined to.
    pub domains: Vec<String>,
    /// Identifiers of its read replicas.
    pub read_replicas: Vec<String>,
    /// Aurora global cluster that it belongs to.
    pub global_cluster: Option<String>,
    /// Custom endpoints of a cluster.
    pub custom_endpoints: Vec<String>,
    /// Further settings that differ from AWS's defaults, as options of the AWS CLI: `--backtrack-window 86400`.
    pub others: Vec<String>,
    /// Further settings of a cache.
    pub cache: CacheSettings,
}

/// Settings of a cache that no snapshot keeps.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "AWS has one switch for each")]
pub struct CacheSettings {
    /// Nodes of the whole group, and of each shard.
    pub nodes: u32,
    pub shards: u32,
    pub has_failover: bool,
    pub is_multi_az: bool,
    pub has_tls: bool,
    /// `required` or `preferred`; `None` if AWS doesn't say.
    pub tls_mode: Option<String>,
    pub has_auth_token: bool,
    /// Major version of a serverless cache, as AWS takes it: `8`, or `1.6` of Memcached.
    pub major_version: Option<String>,
    /// The KMS key, if it isn't that of AWS.
    pub kms_key: Option<String>,
    pub user_groups: Vec<String>,
    /// Log types that are delivered elsewhere.
    pub log_deliveries: Vec<String>,
}

/// Enhanced Monitoring of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnhancedMonitoring {
    pub interval_seconds: i32,
    pub role: String,
}

/// Capacity range of Aurora Serverless v2, in capacity units as AWS writes them: `0.5`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapacityRange {
    pub min: String,
    pub max: String,
    /// Idle time after which the capacity falls to zero, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause_after: Option<i32>,
}

/// An IAM role of a database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeatureRole {
    /// Empty for a role of an Aurora cluster without a feature name.
    pub feature: String,
    pub role: String,
}
