//! The dead-letter queue of the stack.

use crate::AwsError;

/// The dead-letter queue of the stack.
pub trait DeadLetters {
    /// Counts the messages of the queue, of which SQS knows only about. Source: GetQueueAttributes.
    ///
    /// # Errors
    /// [`AwsError`] if the call fails.
    async fn count_dead_letters(&self) -> Result<u64, AwsError>;
}
