//! A step of a restore.

use crate::restore::command::CliCommand;

/// One step, with the commands for it. A command that fails ends its step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreStep {
    pub title: String,
    pub commands: Vec<CliCommand>,
    /// True for a step that changes what is in use. Its commands are written as comments, so that nobody pastes them by accident.
    pub is_commented: bool,
    pub guard: Guard,
}

/// Binds the steps after a restore to the database that it made. A restore fails if the name exists; what has the name then
/// was made by an earlier attempt, and may be in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Guard {
    /// The step touches nothing that was restored.
    None,
    /// The first command restores a database of this name.
    Restores(String),
    /// The step runs only after a restore of this name in the same shell.
    Needs(String),
}

impl RestoreStep {
    /// Returns a step that touches nothing that is in use.
    #[must_use]
    pub fn new(title: impl Into<String>, commands: Vec<CliCommand>) -> Self {
        Self {
            title: title.into(),
            commands,
            is_commented: false,
            guard: Guard::None,
        }
    }

    /// Returns the step, whose first command restores a database of this name.
    #[must_use]
    pub fn restoring(self, name: &str) -> Self {
        Self {
            guard: Guard::Restores(name.to_owned()),
            ..self
        }
    }

    /// Returns the step, which runs only after a restore of this name.
    #[must_use]
    pub fn after_restore(self, name: &str) -> Self {
        Self {
            guard: Guard::Needs(name.to_owned()),
            ..self
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
