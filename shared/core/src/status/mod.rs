//! The status: what one target is, runs, waits for and suffers from. Pure: from what AWS shows, the tags and the target
//! state.
//!
//! Nothing else says that a target is healthy: [`Condition::Healthy`] is what is left when nothing else holds.

mod actions;
mod activity;
mod assessment;
mod backups;
mod condition;
mod facts;
mod holds;
mod incidents;
mod inputs;
mod lines;
mod mode;
mod overview;
mod releases;
mod target;
#[cfg(test)]
mod tests;

pub use actions::{ActionsOfRun, StepResult};
pub use activity::Activity;
pub use backups::BackupStatus;
pub use condition::Condition;
pub use facts::{RunningVersion, TaskCounts};
pub use holds::ActiveHold;
pub use incidents::OpenIncident;
pub use inputs::StatusInputs;
pub use lines::StatusLine;
pub use mode::TargetMode;
pub use overview::{OtherIncident, ReleaseRequest, StackStatus, TargetDetail};
pub use releases::{ReleaseEntry, ReleaseHistory, ReleaseResult};
pub use target::{LastAction, TargetStatus};
