//! The real operations in the simulated world, which has a clock of its own: what they do, and what holds whatever fails.

#![warn(
    clippy::disallowed_methods,
    reason = "the simulated world has a clock of its own"
)]

mod adoption;
mod alarm_incidents;
mod approvals;
mod archive;
mod backups;
mod caches;
mod certificates;
mod code_deploy;
mod dependencies;
mod deploy;
mod deploy_histories;
mod digest;
mod drills;
mod enroll;
mod evidence;
mod fast_rollback;
mod first_word;
mod heal;
mod health_histories;
mod impact;
mod mass_failures;
mod ownership;
mod pipeline_events;
mod pre_deployment;
mod preview;
mod questions;
mod queue_workers;
mod release_actors;
mod release_histories;
mod release_results;
mod request_histories;
mod requests;
mod restores;
mod rollout;
mod rotation;
mod runs;
mod scaling;
mod status;
mod tag_options;
mod unresponsive;
mod vault;
mod verify;
