//! The end-to-end package: everything that runs Lamplighter without AWS.
//!
//! * [`stack`]: the local stack of `tests/stack/`, in which the real binaries run
//! * [`curves`]: load over a day, and who follows it how well
//! * [`dashboard`]: the format that CloudWatch takes, and a picture of a layout
//! * [`world`]: an in-memory AWS with a virtual clock, in which the real operations run
//!
//! `cargo demo` tells its story over the first; `tests/` looks at both through their front doors.

#![allow(
    clippy::panic,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::disallowed_methods,
    clippy::must_use_candidate,
    reason = "a failed expectation ends the test"
)]

pub mod alerts;
pub mod api;
pub mod archive;
pub mod backups;
pub mod curves;
pub mod dashboard;
pub mod healing;
pub mod ledger;
pub mod releases;
pub mod setup;
pub mod shifting;
pub mod stack;
pub mod traffic;
pub mod workload;
pub mod world;
