//! The parts of AWS that `request` reads.

use lamplighter::ports::{DeadLetters, TaggedResources};

/// The parts of AWS that `request` reads.
pub trait Reads: TaggedResources + DeadLetters {}

impl<T: TaggedResources + DeadLetters> Reads for T {}
