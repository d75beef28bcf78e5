//! A database as DescribeDBInstances or DescribeDBClusters shows it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::Arn;

/// What AWS calls it and by which API it is reached; what differs by it stands in `aws/`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum DatabaseKind {
    /// An instance of RDS.
    #[default]
    Instance,
    /// A cluster of Aurora, DocumentDB or RDS.
    Cluster,
    /// A replication group of ElastiCache, of Redis OSS or Valkey.
    ReplicationGroup,
    /// A serverless cache of ElastiCache.
    ServerlessCache,
}

/// A database, or a cache that is backed up like one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "AWS has one switch for each")]
pub struct Database {
    pub arn: Arn,
    pub identifier: String,
    /// `postgres`, `aurora-mysql`, `docdb`, `valkey`, …
    pub engine: String,
    pub engine_version: String,
    /// What AWS knows it by whatever it is called.
    pub resource_id: String,
    /// AWS's word: `available`, `backing-up`, `modifying`, …
    pub status: String,
    /// To when point-in-time recovery reaches, where automated backups are on.
    pub latest_restorable: Option<Timestamp>,
    /// `db.r6g.large`; of a cluster only where it is Multi-AZ.
    pub class: String,
    pub is_cluster: bool,
    /// The cluster that an instance belongs to.
    pub cluster: Option<String>,
    /// Instances of a cluster.
    pub members: usize,
    /// It replicates from another instance.
    pub is_replica: bool,
    /// `gp3`, `io1`, …, and what of it was paid for.
    pub storage_type: Option<String>,
    pub iops: Option<i32>,
    /// In GiB; `None` where storage grows by itself.
    pub allocated_gib: Option<u32>,
    pub backup_retention_days: u32,
    pub multi_az: bool,
    pub publicly_accessible: bool,
    pub encrypted: bool,
    pub deletion_protection: bool,
    /// When the certificate that it shows to those who connect is good no longer.
    pub certificate_until: Option<Timestamp>,
    pub subnet_group: Option<String>,
    /// The subnets of that group; a cluster does not tell them, its instances do.
    pub subnets: Vec<String>,
    /// Where it answers; `None` while it is made.
    pub address: Option<String>,
    pub port: Option<i32>,
    /// The name of its first schema.
    pub schema: Option<String>,
    /// The name of its first user.
    pub user: String,
    /// ARN of the secret in which RDS keeps the password of that user, where it does.
    pub secret: Option<String>,
    /// Of the instance, or of the cluster.
    pub parameter_group: Option<String>,
    pub tags: BTreeMap<String, String>,
}

impl Database {
    /// A Multi-AZ DB cluster of RDS: AWS makes and deletes its instances with it.
    #[must_use]
    pub fn is_multi_az_cluster(&self) -> bool {
        self.is_cluster && ["mysql", "postgres"].contains(&self.engine.as_str())
    }

    /// CloudWatch's namespace of its metrics.
    #[must_use]
    pub fn namespace(&self) -> &'static str {
        match self.engine.as_str() {
            "docdb" => "AWS/DocDB",
            "neptune" => "AWS/Neptune",
            _ => "AWS/RDS",
        }
    }
}
