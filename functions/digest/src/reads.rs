//! The parts of AWS that `digest` reads.

use lamplighter::ports::{Caches, Databases, Services, TaggedResources};

/// The parts of AWS that `digest` reads.
pub trait Reads: TaggedResources + Services + Databases + Caches {}

impl<T: TaggedResources + Services + Databases + Caches> Reads for T {}
