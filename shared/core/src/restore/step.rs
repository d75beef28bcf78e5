//! A step of a restore.

use crate::restore::command::CliCommand;

/// One step, with the commands for it. A command that fails ends its step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreStep {
    pub title: String,
    pub commands: Vec<CliCommand>,
    /// True for a step that changes what is in use. Its commands are written as comments, so that nobody pastes them by accident.
    pub is_commented: bool,
}

impl RestoreStep {
    /// Returns a step that touches nothing that is in use.
    #[must_use]
    pub fn new(title: impl Into<String>, commands: Vec<CliCommand>) -> Self {
        Self {
            title: title.into(),
            commands,
            is_commented: false,
        }
    }

    /// Returns the step with its commands as comments.
    #[must_use]
    pub fn commented(self) -> Self {
        Self {
            is_commented: true,
            ..self
        }
    }
}
