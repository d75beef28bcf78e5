//! The trait of capabilities that execute actions, and the one that executes none.

use crate::account::Account;
use lamplighter::AwsError;
use lamplighter::plan::Action;
use lamplighter::ports::capability::{Capability, ReadOnly};

/// A capability that executes its actions on AWS.
pub trait Execute: Capability + Sized {
    /// Executes an action and returns a short description of its outcome.
    ///
    /// # Errors
    /// [`AwsError`] from AWS, or with the code `Unsupported` if the capability does not allow it.
    #[expect(async_fn_in_trait, reason = "one thread")]
    async fn execute(account: &Account, action: &Action) -> Result<String, AwsError>;
}

/// Returns the error for an action that a capability does not allow.
pub fn unsupported(action: &Action) -> AwsError {
    AwsError {
        call: "execute",
        target: action.describe(),
        code: "Unsupported".to_owned(),
        message: "the function has no code for this action".to_owned(),
        refused: true,
    }
}

impl Execute for ReadOnly {
    async fn execute(_: &Account, action: &Action) -> Result<String, AwsError> {
        match action {
            Action::Release(_)
            | Action::Scaling(_)
            | Action::Monitoring(_)
            | Action::Backup(_)
            | Action::Drill(_)
            | Action::Log(_)
            | Action::Healing(_)
            | Action::Request(_) => Err(unsupported(action)),
        }
    }
}
