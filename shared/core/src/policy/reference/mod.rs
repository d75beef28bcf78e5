//! The one table of tags: the keys that the parsers accept, and what docs/tags.md says about them.

mod alarms;
mod data;
mod entry;
mod general;
mod releases;
mod services;

pub use alarms::ALARMS_TAG;
pub use data::{BACKUP_TAG, LOGS_TAG};
pub use entry::{PairReference, TagReference};
pub use general::{ACK_TAG, APP_TAG, MANAGED_TAG, RUNBOOK_TAG, SILENCE_TAG};
pub use releases::{APPROVE_TAG, DEPLOY_TAG, FREEZE_TAG};
pub use services::{HEAL_TAG, SCALE_TAG, SCHEDULE_TAG};

/// All tags that an operator may set, in the order of docs/tags.md.
pub const TAGS: [&TagReference; 14] = [
    &MANAGED_TAG,
    &APP_TAG,
    &DEPLOY_TAG,
    &APPROVE_TAG,
    &FREEZE_TAG,
    &SCALE_TAG,
    &SCHEDULE_TAG,
    &HEAL_TAG,
    &ALARMS_TAG,
    &BACKUP_TAG,
    &LOGS_TAG,
    &SILENCE_TAG,
    &ACK_TAG,
    &RUNBOOK_TAG,
];
