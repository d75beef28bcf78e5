//! The one way in which AWS is changed.

use crate::AwsError;
use crate::plan::Action;

/// The one way in which AWS is changed.
pub trait Executor {
    /// Executes one action and returns the answer of AWS.
    ///
    /// # Errors
    /// [`AwsError`] if the action failed, or if its outcome is unknown.
    async fn execute(&self, action: &Action) -> Result<String, AwsError>;
}
