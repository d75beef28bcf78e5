//! The ports to AWS and to the stack's own storage. `lamplighter-aws` implements them over the SDK, the simulated
//! world of the end-to-end package in memory.

mod alarms;
mod caches;
pub mod capability;
mod changes;
mod code_deploy;
pub mod costs;
mod dashboards;
mod databases;
mod dead_letters;
mod executor;
mod filters;
mod images;
pub mod incidents;
mod instances;
pub mod ledger;
mod load_balancing;
mod logs;
mod metrics;
mod probes;
mod scaling;
mod services;
mod tags;
mod tasks;
mod topics;

pub use alarms::Alarms;
pub use caches::Caches;
pub use changes::ChangeHistory;
pub use code_deploy::CodeDeployments;
pub use dashboards::Dashboards;
pub use databases::Databases;
pub use dead_letters::DeadLetters;
pub use executor::Executor;
pub use filters::{ResourceKind, SnapshotFilter, TaskLifecycle, TaskOwner};
pub use images::Images;
pub use instances::Instances;
pub use load_balancing::LoadBalancing;
pub use logs::Logs;
pub use metrics::Metrics;
pub use probes::Probes;
pub use scaling::Scaling;
pub use services::Services;
pub use tags::{TagKeys, TaggedResources};
pub use tasks::Tasks;
pub use topics::Topics;
