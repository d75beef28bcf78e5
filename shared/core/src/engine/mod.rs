//! One engine for every operation: it finds targets, reconciles each under a lease, and checks, executes, journals
//! and reports what the operation decides.

mod adoption;
pub mod arbiter;
mod conclusion;
mod context;
mod execution;
mod guard;
pub mod limits;
mod messages;
#[cfg(test)]
mod messages_tests;
mod notify;
mod operation;
mod reconcile;
mod reconciliation;
mod run;
mod selection;
pub mod telemetry;

pub use context::{Engine, Invocation, PauseCache};
pub use operation::{DiscoveryContext, Observe, Operation, TargetContext, Targets};
