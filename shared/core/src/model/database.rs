//! Databases as returned by DescribeDBInstances and DescribeDBClusters, and caches.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Arn, DatabaseSettings};

/// A database, or a cache that is backed up like a database.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "AWS has one switch for each")]
pub struct Database {
    pub arn: Arn,
    pub identifier: String,
    /// `postgres`, `aurora-mysql`, `docdb`, `valkey`, …
    pub engine: String,
    pub engine_version: String,
    /// AWS's immutable identifier, which survives a rename.
    pub resource_id: String,
    /// Status in AWS's spelling: `available`, `backing-up`, `modifying`, …
    pub status: String,
    /// Latest restorable time of point-in-time recovery; `None` without automated backups.
    pub latest_restorable: Option<Timestamp>,
    /// Instance class, such as `db.r6g.large`. A cluster has one only if it is Multi-AZ.
    pub class: String,
    pub is_cluster: bool,
    /// Identifier of the cluster that the instance belongs to.
    pub cluster: Option<String>,
    /// Number of instances in the cluster.
    pub members: usize,
    /// True for Aurora Serverless v2: an instance of it, or a cluster with its capacity range.
    pub is_serverless: bool,
    /// The nodes of a cache that is no serverless one, by their cluster identifiers.
    pub nodes: Vec<String>,
    /// The node of which AWS takes a snapshot; `None` if it takes one of the whole cache.
    pub snapshot_node: Option<String>,
    /// True if the data of a cache are divided into shards (cluster mode).
    pub has_cluster_mode: bool,
    /// When a cache was created. It has no other mark by which it differs from an earlier one of its name.
    pub created_at: Option<Timestamp>,
    /// True if the instance replicates from another instance.
    pub is_replica: bool,
    /// Storage type: `gp3`, `io1`, …
    pub storage_type: Option<String>,
    pub iops: Option<i32>,
    /// Allocated storage in GiB; `None` if storage grows automatically.
    pub allocated_gib: Option<u32>,
    pub backup_retention_days: u32,
    pub multi_az: bool,
    pub publicly_accessible: bool,
    pub encrypted: bool,
    pub deletion_protection: bool,
    /// Expiry of the TLS certificate that the database presents to clients.
    pub certificate_until: Option<Timestamp>,
    pub subnet_group: Option<String>,
    /// Subnets of the subnet group. A cluster does not list them; its instances do.
    pub subnets: Vec<String>,
    /// Endpoint address; `None` while the database is being created.
    pub address: Option<String>,
    pub port: Option<i32>,
    /// Name of the initial database (schema).
    pub schema: Option<String>,
    /// Name of the master user.
    pub user: String,
    /// ARN of the secret in which RDS manages the master password; `None` if RDS does not manage
    /// it.
    pub secret: Option<String>,
    /// Parameter group of the instance or of the cluster.
    pub parameter_group: Option<String>,
    /// What a restore has to be told besides.
    pub settings: DatabaseSettings,
    pub tags: BTreeMap<String, String>,
}

impl Database {
    /// Reports whether this is an RDS Multi-AZ DB cluster, whose instances AWS creates and deletes
    /// together with it.
    #[must_use]
    pub fn is_multi_az_cluster(&self) -> bool {
        self.is_cluster && ["mysql", "postgres"].contains(&self.engine.as_str())
    }

    /// Reports whether AWS is deleting the database, and takes its settings away one after the other.
    #[must_use]
    pub fn is_being_deleted(&self) -> bool {
        self.status == "deleting"
    }

    /// Returns what a restore needs to know of the database, without what changes by itself.
    #[must_use]
    pub fn to_record(&self) -> Self {
        let mut record = Self {
            status: String::new(),
            latest_restorable: None,
            certificate_until: None,
            snapshot_node: None,
            allocated_gib: None,
            ..self.clone()
        };
        // AWS promises no order.
        for list in [
            &mut record.subnets,
            &mut record.nodes,
            &mut record.settings.security_groups,
            &mut record.settings.log_exports,
            &mut record.settings.domains,
            &mut record.settings.read_replicas,
            &mut record.settings.custom_endpoints,
            &mut record.settings.others,
            &mut record.settings.cache.user_groups,
            &mut record.settings.cache.log_deliveries,
        ] {
            list.sort_unstable();
        }
        record
            .settings
            .roles
            .sort_unstable_by(|a, b| (&a.feature, &a.role).cmp(&(&b.feature, &b.role)));
        record
    }

    /// Returns what tells the database from an earlier one of its name; empty if nothing does.
    #[must_use]
    pub fn identity(&self) -> String {
        let created_at = self.created_at.map(|at| at.to_string());
        format!("{}{}", self.resource_id, created_at.unwrap_or_default())
    }

    /// Returns the CloudWatch namespace of the database's metrics.
    #[must_use]
    pub fn metric_namespace(&self) -> &'static str {
        match self.engine.as_str() {
            "docdb" => "AWS/DocDB",
            "neptune" => "AWS/Neptune",
            _ => "AWS/RDS",
        }
    }
}
