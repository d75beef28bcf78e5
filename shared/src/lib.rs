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

pub mod arbiter;
pub mod aws;
pub mod cloud;
pub mod cost;
pub mod delivery;
pub mod dependencies;
pub mod detail;
pub mod door;
pub mod error;
pub mod event;
#[cfg(feature = "operate")]
pub mod evidence;
pub mod html;
pub mod incident;
pub mod ledger;
pub mod limits;
#[cfg(feature = "tell")]
pub mod link;
pub mod looks;
pub mod memory;
pub mod model;
pub mod notice;
pub mod operation;
pub mod plan;
pub mod policy;
#[cfg(feature = "operate")]
pub mod redact;
pub mod telemetry;
mod visit;
pub mod way_back;
#[cfg(any(feature = "operate", feature = "tell"))]
pub mod web;

pub use error::{AwsError, Error, MalformedEvent};
pub use event::Event;
pub use operation::{Engine, Operation};
pub use plan::Plan;
