//! The parts of AWS that `deploy` reads.

use lamplighter::ports::{CodeDeployments, Databases, Images, Services, TaggedResources, Tasks};

/// The parts of AWS that `deploy` reads.
pub trait Reads: TaggedResources + Services + CodeDeployments + Images + Databases + Tasks {}

impl<T: TaggedResources + Services + CodeDeployments + Images + Databases + Tasks> Reads for T {}
