//! The one way in which AWS is changed.

use crate::AwsError;
use crate::model::ReleaseEvent;
use crate::plan::Action;

/// The one way in which AWS is changed.
pub trait Executor {
    /// Executes one action and returns the answer of AWS.
    ///
    /// # Errors
    /// [`AwsError`] if the action failed, or if its outcome is unknown.
    async fn execute(&self, action: &Action) -> Result<String, AwsError>;

    /// Puts events on the default event bus, at most ten. Source: PutEvents.
    ///
    /// # Errors
    /// [`AwsError`] if EventBridge did not accept one of them.
    async fn put_events(&self, events: &[ReleaseEvent]) -> Result<(), AwsError>;
}
