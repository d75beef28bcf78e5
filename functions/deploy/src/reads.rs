//! The parts of AWS that `deploy` reads.

use lamplighter::ports::{
    CodeDeployments, Databases, Images, Logs, Services, TaggedResources, Tasks,
};

/// The parts of AWS that `deploy` reads.
pub trait Reads:
    TaggedResources + Services + CodeDeployments + Images + Databases + Tasks + Logs
{
}

impl<T: TaggedResources + Services + CodeDeployments + Images + Databases + Tasks + Logs> Reads
    for T
{
}
