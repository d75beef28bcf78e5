//! A step of a restore.

use crate::restore::command::CliCommand;

/// One step, with the commands for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreStep {
    pub title: String,
    pub commands: Vec<CliCommand>,
}
