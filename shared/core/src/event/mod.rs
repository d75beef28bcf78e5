//! Events: the envelope, typed details, and the SQS and SNS records around them.

pub mod dead_letter;
pub mod detail;
mod envelope;
pub mod payload;

pub use envelope::Event;
