//! The engine's surroundings: ports, defaults, clock, and one invocation.

use jiff::Timestamp;

use crate::policy::StackDefaults;

/// The dependencies of an operation: AWS, ledger, notification queue, stack defaults, clock and
/// metrics.
pub struct Engine<C, L, O> {
    pub cloud: C,
    pub ledger: L,
    pub outbox: O,
    pub defaults: StackDefaults,
    pub clock: Box<dyn Fn() -> Timestamp>,
    /// The sink of metric records, which takes one line each.
    pub metrics: fn(&str),
}

/// One invocation of the Lambda function.
#[derive(Debug, Clone)]
pub struct Invocation {
    pub request_id: String,
    /// The time at which Lambda stops the function.
    pub deadline: Timestamp,
}
