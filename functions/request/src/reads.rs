//! The parts of AWS that `request` reads.

use lamplighter::ports::TaggedResources;

/// The parts of AWS that `request` reads.
pub trait Reads: TaggedResources {}

impl<T: TaggedResources> Reads for T {}
