//! Events: the envelope, typed details, and the SQS and SNS records around them.

pub mod delivery;
pub mod detail;
mod envelope;

pub use envelope::Event;
