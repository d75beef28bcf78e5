//! The core of Lamplighter: one engine that turns events into guarded, journalled changes on AWS.
//!
//! An *operation* (a folder under `functions/`) finds the targets of an event and observes each of
//! them. A pure function then decides what should happen. This crate implements everything else
//! once: parsing, leases, limits, the arbiter, modes, the journal and notifications.
//!
//! There is deliberately no retry queue, no scheduler and no cache of AWS state. Lambda's retries,
//! the sweep and AWS itself take their place. Only `lamplighter-aws` depends on SDK crates.

// The engine handles one invocation at a time on one thread, so its futures need not be `Send`.
#![allow(async_fn_in_trait)]

pub mod engine;
mod error;
pub mod event;
pub mod model;
pub mod notify;
pub mod operations;
pub mod plan;
pub mod policy;
pub mod ports;
pub mod release;
pub mod restore;
pub mod rotation;
pub mod state;
pub mod status;

pub use engine::{Engine, Operation};
pub use error::{AwsError, Error, MalformedEvent, ParameterError};
pub use event::Event;
pub use operations::Function;
pub use plan::Plan;
