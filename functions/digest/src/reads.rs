//! The parts of AWS that `digest` reads.

use lamplighter::ports::{Caches, Databases, TaggedResources};

/// The parts of AWS that `digest` reads.
pub trait Reads: TaggedResources + Databases + Caches {}

impl<T: TaggedResources + Databases + Caches> Reads for T {}
