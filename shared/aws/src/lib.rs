//! AWS itself: the adapters behind the ports of `lamplighter`, the Lambda entry point, HTTP and signed links.
//!
//! The only crate that depends on the SDK. It reads, executes and converts; it decides nothing.
//!
//! [`Aws`] implements the ports: reads in `ports`, actions in `execute`. Both call the modules named
//! after the AWS services, whose functions take a client and make one kind of call each.

// One invocation at a time on one thread: futures need not be `Send`.
#![allow(async_fn_in_trait)]

mod account;
mod acm;
mod autoscaling;
mod aws;
mod clients;
mod cloudtrail;
mod cloudwatch;
mod codedeploy;
mod config;
mod copy_store;
mod costs;
mod dead_letters;
mod ecr;
mod ecs;
mod elasticache;
mod elb;
mod error;
mod eventbridge;
mod execute;
mod function;
pub mod hmac_sha256;
pub mod http;
pub mod lambda;
mod ledger;
mod log_archive;
mod logging;
mod logs;
mod outcomes;
mod ports;
mod queue;
mod queue_backlog;
mod raw_json;
mod rds;
mod retries;
mod secret;
mod signature;
pub mod signed_link;
mod tagging;
mod timestamps;
mod topic;
mod vault;
pub mod webhook_signature;

pub use aws::Aws;
pub use config::{Config, build_public_http_client, build_sdk_config, is_local};
pub use copy_store::CopyStore;
pub use costs::CostExplorer;
pub use execute::Execute;
pub use function::Functions;
pub use ledger::DynamoLedger;
pub use logging::print_line;
pub use queue::NotificationQueue;
pub use secret::Secret;
pub use signature::UnsignedPost;
pub use topic::Topic;
