//! Kinds of databases and caches.

use serde::Serialize;

/// The kind of a database, which determines the AWS API that manages it. The differences are
/// handled in `aws/`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum DatabaseKind {
    /// An RDS DB instance.
    #[default]
    Instance,
    /// An Aurora, DocumentDB or RDS cluster.
    Cluster,
    /// An ElastiCache replication group (Redis OSS or Valkey).
    ReplicationGroup,
    /// An ElastiCache serverless cache.
    ServerlessCache,
}
