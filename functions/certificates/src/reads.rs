//! The parts of AWS that `certificates` reads.

use lamplighter::ports::{LoadBalancing, Services, TaggedResources};

/// The parts of AWS that `certificates` reads.
pub trait Reads: TaggedResources + Services + LoadBalancing {}

impl<T: TaggedResources + Services + LoadBalancing> Reads for T {}
