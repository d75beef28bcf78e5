//! The parts of AWS that `archive` reads.

use lamplighter::ports::{Logs, TaggedResources};

/// The parts of AWS that `archive` reads.
pub trait Reads: TaggedResources + Logs {}

impl<T: TaggedResources + Logs> Reads for T {}
