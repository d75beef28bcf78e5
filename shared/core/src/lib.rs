//! Lamplighter's common crate: one engine that turns events into guarded, journalled changes on AWS.
//!
//! An *operation* (a folder under `functions/`) says which targets an event is about, what it must know
//! of each, and, as a pure function, what should happen. Everything else stands here, once: parsing,
//! leases, limits, the arbiter, modes, the journal, notices and the AWS calls themselves.
//!
//! It deliberately has no retry queue, no scheduler and no cache of the world: Lambda's retries, the
//! sweep and AWS itself are those. Only `aws/` names an SDK crate.

// The engine runs one invocation at a time on one thread, so its futures need not be `Send`.
#![allow(async_fn_in_trait)]

pub mod engine;
mod error;
pub mod event;
pub mod model;
pub mod notify;
pub mod plan;
pub mod policy;
pub mod ports;
pub mod release;
pub mod state;

pub use engine::{Engine, Operation};
pub use error::{AwsError, Error, MalformedEvent, ParameterError};
pub use event::Event;
pub use plan::Plan;
