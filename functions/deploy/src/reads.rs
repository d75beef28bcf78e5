//! The parts of AWS that `deploy` reads.

use lamplighter::ports::{CodeDeployments, Databases, Images, Services, TaggedResources};

/// The parts of AWS that `deploy` reads.
pub trait Reads: TaggedResources + Services + CodeDeployments + Images + Databases {}

impl<T: TaggedResources + Services + CodeDeployments + Images + Databases> Reads for T {}
