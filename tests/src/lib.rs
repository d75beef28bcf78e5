//! The end-to-end package: everything that runs Lamplighter without AWS.
//!
//! * [`testkit`]: the simulated world and the local stack
//! * `tools/`: `cargo demo`, `cargo numbers` and `cargo curves`
//! * `tests/`: the cases, in the simulated world, on the local stack, and about the repository itself

pub mod testkit;
