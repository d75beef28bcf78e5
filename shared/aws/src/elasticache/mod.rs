//! Amazon ElastiCache: replication groups, serverless caches and their manual snapshots.

pub mod caches;
pub mod drills;
pub mod restores;
pub mod snapshots;

/// Maximum page size of every ElastiCache listing.
const PAGE_SIZE: i32 = 50;
