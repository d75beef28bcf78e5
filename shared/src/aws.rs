//! AWS itself: the only place that names an SDK crate. Reads, performs, converts; decides nothing.

mod config;
#[cfg(feature = "operate")]
mod ecr;
#[cfg(feature = "operate")]
mod ecs;
mod failure;
mod ledger;
#[cfg(feature = "operate")]
mod operate;
mod queue;
#[cfg(feature = "operate")]
mod raw;
#[cfg(feature = "operate")]
mod tagging;
#[cfg(feature = "tell")]
mod topic;

pub use config::{Config, config};
pub use ledger::DynamoLedger;
#[cfg(feature = "operate")]
pub use operate::Aws;
pub use queue::NoticeQueue;
#[cfg(feature = "tell")]
pub use topic::Topic;
