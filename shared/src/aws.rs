//! AWS itself: the only place that names an SDK crate. Reads, performs, converts; decides nothing.

#[cfg(feature = "operate")]
mod autoscaling;
#[cfg(feature = "operate")]
mod caches;
#[cfg(feature = "operate")]
mod cloudwatch;
#[cfg(feature = "operate")]
mod codedeploy;
mod config;
#[cfg(feature = "cost")]
mod costs;
#[cfg(feature = "operate")]
mod deployments;
#[cfg(feature = "operate")]
mod drills;
#[cfg(feature = "operate")]
mod ecr;
#[cfg(feature = "operate")]
mod ecs;
#[cfg(feature = "operate")]
mod elb;
mod failure;
mod history;
mod incidents;
#[cfg(feature = "operate")]
mod instances;
mod ledger;
#[cfg(feature = "tell")]
mod links;
#[cfg(feature = "operate")]
mod logs;
#[cfg(feature = "operate")]
mod metrics;
#[cfg(feature = "operate")]
mod operate;
#[cfg(feature = "operate")]
mod probes;
mod queue;
#[cfg(feature = "operate")]
mod raw;
#[cfg(feature = "operate")]
mod rds;
#[cfg(feature = "operate")]
mod reach;
#[cfg(feature = "tell")]
mod secret;
#[cfg(feature = "operate")]
mod snapshots;
#[cfg(feature = "operate")]
mod tagging;
#[cfg(feature = "operate")]
mod tasks;
#[cfg(any(feature = "operate", feature = "tell"))]
mod topic;
#[cfg(feature = "operate")]
mod trail;
#[cfg(feature = "operate")]
mod vault;

pub use config::{Config, config, is_local};
#[cfg(feature = "cost")]
pub use costs::CostExplorer;
pub use ledger::DynamoLedger;
#[cfg(feature = "operate")]
pub use operate::Aws;
pub use queue::NoticeQueue;
#[cfg(feature = "operate")]
pub use reach::Performs;
#[cfg(feature = "tell")]
pub use secret::Secret;
#[cfg(feature = "tell")]
pub use topic::Topic;
