//! The engine's surroundings: ports, defaults, clock, and one invocation.

use jiff::Timestamp;

use crate::policy::StackDefaults;

/// An operation's world: AWS, the ledger, the notice queue, the stack's defaults, clock and metrics.
pub struct Engine<C, L, O> {
    pub cloud: C,
    pub ledger: L,
    pub outbox: O,
    pub defaults: StackDefaults,
    pub clock: Box<dyn Fn() -> Timestamp>,
    /// Where metric records go, a line each.
    pub metrics: fn(&str),
}

/// One invocation, as Lambda describes it.
#[derive(Debug, Clone)]
pub struct Invocation {
    pub request_id: String,
    /// When Lambda ends the function.
    pub deadline: Timestamp,
}
