//! The ports to AWS and to the stack's own storage. `lamplighter-aws` implements them over the SDK, the simulated
//! world of the end-to-end package in memory.

pub mod cloud;
pub mod costs;
pub mod incidents;
pub mod ledger;
