//! The exit codes.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Done,
    /// A release was rejected, or tags have mistakes.
    Rejected,
    /// A release is held.
    Held,
    /// AWS or the stack refused something, or nothing answered.
    Failed,
    /// The arguments are wrong.
    Usage,
}

impl Exit {
    /// Returns the exit code, as the documentation lists it.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Rejected => 1,
            Self::Held => 2,
            Self::Failed => 3,
            Self::Usage => 64,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
