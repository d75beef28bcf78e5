//! AWS itself: the adapters behind the ports of `lamplighter`, the Lambda entry point, HTTP and signed links.
//!
//! The only crate that depends on the SDK. It reads, executes and converts; it decides nothing.

// One invocation at a time on one thread: futures need not be `Send`.
#![allow(async_fn_in_trait)]

mod autoscaling;
mod caches;
mod capability;
mod cloudtrail;
mod cloudwatch;
mod codedeploy;
mod config;
mod costs;
mod deployments;
mod drills;
mod ecr;
mod ecs;
mod elb;
mod execute;
mod failure;
pub mod http;
mod incidents;
mod instances;
mod journal;
pub mod lambda;
mod ledger;
mod links;
mod logging;
mod logs;
mod metrics;
mod probes;
mod queue;
mod raw_json;
mod rds;
mod secret;
pub mod signed_link;
mod snapshots;
mod tagging;
mod tasks;
mod topic;
mod vault;

pub use capability::Performs;
pub use config::{Config, config, is_local};
pub use costs::CostExplorer;
pub use execute::Aws;
pub use ledger::DynamoLedger;
pub use logging::print_line;
pub use queue::NoticeQueue;
pub use secret::Secret;
pub use topic::Topic;
