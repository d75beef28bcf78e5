//! AWS itself: the adapters behind the ports of `lamplighter`, the Lambda entry point, HTTP and signed links.
//!
//! The only crate that depends on the SDK. It reads, executes and converts; it decides nothing.

// One invocation at a time on one thread: futures need not be `Send`.
#![allow(async_fn_in_trait)]

mod autoscaling;
mod capability;
mod check_tasks;
mod cloudtrail;
mod cloudwatch;
mod codedeploy;
mod config;
mod costs;
mod deployments;
mod drills;
mod ecr;
mod ecs;
mod elasticache;
mod elb;
mod error;
mod execute;
pub mod http;
mod incidents;
mod instances;
mod journal;
pub mod lambda;
mod ledger;
mod logging;
mod logs;
mod metrics;
mod queue;
mod raw_json;
mod rds;
mod secret;
pub mod signed_link;
mod snapshots;
mod tagging;
mod tasks;
mod topic;
mod used_links;
mod vault;

pub use capability::Execute;
pub use config::{Config, build_sdk_config, is_local};
pub use costs::CostExplorer;
pub use execute::Aws;
pub use ledger::DynamoLedger;
pub use logging::print_line;
pub use queue::NotificationQueue;
pub use secret::Secret;
pub use topic::Topic;
