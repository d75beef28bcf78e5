//! What the cases and the tools share.
//!
//! * [`world`]: an in-memory AWS with a virtual clock, in which the real operations run; on it stand [`curves`], [`healing`] and [`releases`]
//! * [`stack`]: the local stack of `tests/stack/`, in which the real binaries run; the other modules set it up, put a workload into it and read it
//! * [`dashboard`]: the format of a CloudWatch dashboard, and a picture of its layout

pub mod alerts;
pub mod api;
pub mod archive;
pub mod backups;
pub mod command;
pub mod curves;
pub mod dashboard;
pub mod healing;
pub mod ledger;
pub mod live_service;
pub mod releases;
pub mod requests;
pub mod setup;
pub mod shifting;
pub mod stack;
pub mod traffic;
pub mod workload;
pub mod world;
