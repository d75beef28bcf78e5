//! The execution of actions, one file per domain, and the actions that each capability allows.
//!
//! A function links the code of its own capability and no other: [`Execute`] is dispatched
//! statically. An implementation lists every action that it does not allow, so that a new action
//! fails to compile until each capability has answered for it.

mod backups;
mod capability;
mod drills;
mod healing;
mod logs;
mod monitoring;
mod releases;
mod requests;
mod scaling;

pub use capability::Execute;
