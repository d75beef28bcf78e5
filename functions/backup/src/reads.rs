//! The parts of AWS that `backup` reads.

use lamplighter::ports::{Caches, Databases, TaggedResources};

/// The parts of AWS that `backup` reads.
pub trait Reads: TaggedResources + Databases + Caches {}

impl<T: TaggedResources + Databases + Caches> Reads for T {}
