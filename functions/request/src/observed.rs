//! The input of a decision.

use lamplighter::model::Request;
use serde::Serialize;

/// The input of a decision.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Observed {
    /// The pauses and silences whose time is up.
    pub ended: Vec<Request>,
    /// Whether the stack only observes.
    pub observes: bool,
    /// The pause of the target's application, or of everything.
    pub pause: Option<Request>,
    /// The number of messages of the dead-letter queue; read for a request to send them again.
    pub dead_letters: u64,
}
