//! The parts of AWS that `drill` reads.

use lamplighter::ports::{Caches, Databases, TaggedResources, Tasks};

/// The parts of AWS that `drill` reads.
pub trait Reads: TaggedResources + Tasks + Databases + Caches {}

impl<T: TaggedResources + Tasks + Databases + Caches> Reads for T {}
