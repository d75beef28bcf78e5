//! Restoring databases and caches: the calls that make one out of a backup, which a drill executes and a restore plan
//! shows as commands of the AWS CLI.

mod build;
mod call_commands;
mod command;
mod lookups;
mod losses;
mod lost;
mod origin;
mod plan;
mod step;
mod steps;
#[cfg(test)]
mod tests;
mod text;
mod versions;

pub use build::{RestoreName, build_member, build_restore};
pub use command::{CliCommand, Word};
pub use lost::LostDatabase;
pub use origin::Origin;
pub use plan::{RestorePlan, RestoreWay};
pub use step::RestoreStep;
