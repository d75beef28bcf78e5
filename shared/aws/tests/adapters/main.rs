//! The adapters to AWS, one call at a time, against mocked clients. One binary, so that linking
//! costs once. A client that a test does not add can't be built, so that no other call is made.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a failed expectation ends the test"
)]
#![allow(
    clippy::too_many_lines,
    reason = "the mocked responses of a test stand beside its expectation"
)]

mod caches;
mod certificates;
mod codedeploy;
mod copy_store;
mod drills;
mod healing;
mod images;
mod ledger;
mod logs;
mod monitoring;
mod notification_queue;
mod pre_deployment_tasks;
mod release_checks;
mod requests;
mod responses;
mod retained;
mod rollouts;
mod snapshots;
