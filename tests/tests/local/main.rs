//! The real functions in the local stack of `tests/stack/`, through their front doors.

mod alert;
mod archive;
mod backups;
mod caches;
mod certificates;
mod channels;
mod clusters;
mod code_deploy;
mod command;
mod deploy;
mod digest;
mod heal;
mod interactions;
mod lifecycle;
mod links;
mod pre_deployment;
mod preview;
mod requests;
mod roles;
mod rollout;
mod scaling;
mod verify;
